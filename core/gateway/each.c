#include "gateway/each.h"

#include "gateway/answer.h"
#include "json/write.h"
#include "plan/fill_parts.h"

// A call that is made, for the first element that asks it and for all that ask the same.
struct item {
    struct mg_asked asked;
    struct mg_each *each;
    unsigned element;
    struct item *next; // of those whose paths fall together
};

struct mg_each {
    struct mg_exchange *exchange;
    struct mg_asked *whole;
    const struct mg_plan_each *plan;
    struct mg_str *elements;
    struct item **items; // of each element
    unsigned count, begun;
    struct item **paths; // calls that may be made once for many, by path
    unsigned mask;
    unsigned in_flight;
    const struct item *failed; // the one with which the whole did
    size_t bytes;              // of all results so far
    bool over;                 // nothing more is started: it has failed, or nobody wants it
};

static void go_on(struct mg_each *each);

// All of `paths` and `items`; at least twice as many places as elements.
static bool make_room(struct mg_each *each)
{
    struct mg_arena *arena = each->exchange->scope.arena;
    unsigned places = 8;
    while (places < 2 * each->count)
        places *= 2;
    each->mask = places - 1;
    each->paths = mg_arena_zero(arena, places, sizeof *each->paths);
    each->items = mg_arena_zero(arena, each->count + 1, sizeof *each->items);
    each->elements = mg_arena_zero(arena, each->count + 1, sizeof *each->elements);
    return each->paths && each->items && each->elements;
}

static bool list_elements(struct mg_each *each, struct mg_str list)
{
    struct mg_json_iter iter;
    for (mg_json_begin(&iter, list); mg_json_next(&iter);)
        each->count++;
    if (each->count > each->exchange->plan->limits.each) {
        each->whole->call.result.error = MG_TOO_LARGE;
        each->whole->call.result.message = mg_arena_printf(
            each->exchange->scope.arena,
            "the list has %u elements, more than it may have (limits.each)", each->count);
        return false;
    }
    if (!make_room(each)) {
        each->whole->call.result.error = MG_NO_MEMORY;
        return false;
    }
    unsigned i = 0;
    for (mg_json_begin(&iter, list); mg_json_next(&iter);)
        each->elements[i++] = iter.value;
    return true;
}

// Whether a call changes nothing, so that one answer is good for all who ask the same.
static bool repeats(const struct mg_call *call)
{
    bool get = call->kind == MG_CALL_HTTP && !call->http.has_body &&
               (call->http.method == MG_GET || call->http.method == MG_HEAD);
    return get || call->kind == MG_CALL_FILE;
}

static struct mg_str path_of(const struct mg_call *call)
{
    return call->kind == MG_CALL_FILE ? call->file.path : call->http.path;
}

static bool same(const struct mg_call *a, const struct mg_call *b)
{
    if (!mg_str_eq(path_of(a), path_of(b)))
        return false;
    if (a->kind == MG_CALL_FILE)
        return true;
    const struct mg_headers *own = &a->http.headers, *other = &b->http.headers;
    bool equal = own->count == other->count;
    for (unsigned i = 0; equal && i < own->count; i++)
        equal = mg_str_eq(own->items[i].name, other->items[i].name) &&
                mg_str_eq(own->items[i].value, other->items[i].value);
    return equal;
}

static struct item **place_of(struct mg_each *each, struct mg_str path)
{
    uint32_t hash = 2166136261; // FNV-1a
    for (size_t i = 0; i < path.len; i++)
        hash = (hash ^ (unsigned char)path.data[i]) * 16777619;
    return &each->paths[hash & each->mask];
}

// The call that asks the same and was made already, or NULL: then this one is the first.
static struct item *find_same(struct mg_each *each, struct item *item)
{
    if (item->asked.call.result.error != MG_OK || !repeats(&item->asked.call))
        return NULL;
    struct item **place = place_of(each, path_of(&item->asked.call));
    for (struct item *other = *place; other; other = other->next)
        if (same(&item->asked.call, &other->asked.call))
            return other;
    item->next = *place;
    *place = item;
    return NULL;
}

// The whole lands in this turn or a later one, when what it waited for is over.
static void land(struct mg_each *each, bool later)
{
    uint64_t ms = mg_loop_now(&each->exchange->worker->loop) - each->whole->call.began;
    each->whole->call.result.ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
    if (later)
        mg_exchange_bury(each->exchange, each->whole);
    else
        mg_exchange_land(each->whole);
}

static void cancel_items(struct mg_each *each)
{
    each->over = true;
    for (unsigned i = 0; i < each->begun; i++)
        if (each->items[i]->element == i)
            mg_exchange_cancel(each->exchange, &each->items[i]->asked);
}

void mg_each_cancel(struct mg_each *each)
{
    each->whole->call.result.error = MG_CANCELLED;
    cancel_items(each);
}

// One that had to succeed has failed, and with it the whole.
static void fail(struct mg_each *each, const struct item *item)
{
    struct mg_asked *whole = each->whole;
    struct mg_result *result = &whole->call.result;
    each->failed = item;
    result->error = item->asked.call.result.error;
    result->message = item->asked.call.result.message;
    result->status = item->asked.call.result.status;
    bool relays = item->asked.verdict == MG_VERDICT_RELAY;
    if (relays || !(whole->contract.optional || whole->contract.has_fallback))
        whole->name = mg_arena_printf(each->exchange->scope.arena, "%.*s[%u]", (int)whole->name.len,
                                      whole->name.data, item->element + 1);
    cancel_items(each);
    land(each, false);
}

// Whether what is used instead of the answer is of one element alone.
static bool falls_back_apart(const struct item *item)
{
    return item->asked.call.result.fallback && item->asked.plan->fallback;
}

static void fill_fallback(struct mg_each *each, struct item *item)
{
    struct mg_scope *scope = &each->exchange->scope;
    scope->each = each->elements[item->element];
    mg_answer_fallback(each->exchange, &item->asked);
    scope->each = (struct mg_str){0};
}

static void judge(struct mg_each *each, struct item *item)
{
    struct mg_result *result = &item->asked.call.result;
    each->bytes += result->body.len;
    item->asked.verdict = mg_contract_judge(&item->asked.contract, result);
    if (falls_back_apart(item))
        fill_fallback(each, item);
    if (each->exchange->result_bytes + each->bytes <= each->exchange->plan->limits.results)
        return;
    result->error = MG_TOO_LARGE;
    result->message = MG_STR("the results of this request are larger than they may be");
    item->asked.verdict = MG_VERDICT_FAILED;
}

static void landed(struct mg_call *call)
{
    struct item *item = call->owner;
    struct mg_each *each = item->each;
    struct mg_exchange *exchange = each->exchange;
    each->in_flight--;
    if (each->whole->call.result.landed) {
        // It has failed before.
    } else if (each->over) {
        if (each->in_flight == 0)
            land(each, false);
    } else {
        judge(each, item);
        if (item->asked.verdict == MG_VERDICT_FAILED || item->asked.verdict == MG_VERDICT_RELAY)
            fail(each, item);
        else
            go_on(each);
    }
    exchange->in_flight--; // last, so that the exchange does not end before
    mg_exchange_end_if_done(exchange);
}

static struct item *new_item(struct mg_each *each, unsigned element)
{
    struct item *item = MG_ARENA_NEW(each->exchange->scope.arena, struct item);
    if (!item)
        return NULL;
    item->each = each;
    item->element = element;
    item->asked.plan = &each->plan->call;
    item->asked.name = each->plan->call.name;
    item->asked.contract = each->plan->call.contract;
    return item;
}

// Starts the call of one element, unless the same was made before. False: the request has ended.
static bool start_one(struct mg_each *each, struct item *item)
{
    struct mg_exchange *exchange = each->exchange;
    struct mg_call *call = &item->asked.call;
    uint64_t most = each->whole->call.deadline;
    if (mg_loop_now(&exchange->worker->loop) >= most) {
        call->result.error = MG_TIMEOUT;
        call->result.message = MG_STR("its time was up before it could be started");
    } else {
        exchange->scope.each = each->elements[item->element];
        bool filled = mg_exchange_fill(exchange, &item->asked);
        exchange->scope.each = (struct mg_str){0};
        if (!filled)
            return false;
    }
    struct item *before = find_same(each, item);
    each->items[item->element] = before ? before : item;
    if (before)
        return true;
    each->in_flight++;
    mg_exchange_ready(exchange, &item->asked, landed, item);
    call->deadline = call->deadline < most ? call->deadline : most;
    mg_exchange_send(exchange, &item->asked);
    return true;
}

// As many as may be in flight. False: the request has ended.
static bool start_more(struct mg_each *each)
{
    while (each->begun < each->count && each->in_flight < each->plan->at_once) {
        struct item *item = new_item(each, each->begun);
        if (!item) {
            mg_exchange_no_memory(each->exchange);
            return false;
        }
        each->items[each->begun] = item;
        if (!start_one(each, item))
            return false;
        each->begun++;
    }
    return true;
}

// An item's body as JSON.
static struct mg_str json_of(struct mg_each *each, struct item *item)
{
    struct mg_result *result = &item->asked.call.result;
    struct mg_value value = mg_result_value(result);
    struct mg_buf text = {0};
    if (value.kind == MG_VALUE_MISSING)
        return MG_STR("null");
    if (value.kind == MG_VALUE_JSON)
        return value.bytes;
    mg_json_put_string(&text, value.bytes);
    struct mg_str kept = mg_arena_copy(each->exchange->scope.arena, mg_buf_str(&text));
    result->body = text.failed == MG_OK && kept.data ? kept : MG_STR("null");
    result->form = MG_BODY_JSON; // many elements may share it
    mg_buf_fini(&text);
    return result->body;
}

// Gives elements whose call was made for another, and has failed, what they say to use instead.
static bool fall_back(struct mg_each *each)
{
    for (unsigned i = 0; i < each->count; i++) {
        const struct item *first = each->items[i];
        if (first->element == i || !falls_back_apart(first))
            continue;
        struct item *own = new_item(each, i);
        if (!own)
            return false;
        each->items[i] = own;
        own->asked.call.result = first->asked.call.result;
        own->asked.verdict = first->asked.verdict;
        fill_fallback(each, own);
    }
    return true;
}

// The list of all bodies.
static void gather(struct mg_each *each)
{
    struct mg_result *result = &each->whole->call.result;
    size_t len = 2;
    if (!fall_back(each)) {
        result->error = MG_NO_MEMORY;
        return;
    }
    for (unsigned i = 0; i < each->count; i++) {
        len += json_of(each, each->items[i]).len + (i > 0);
        if (len > each->exchange->plan->limits.results) {
            result->error = MG_TOO_LARGE;
            result->message = MG_STR("the results of this request are larger than they may be");
            return;
        }
    }
    char *at = mg_arena_alloc(each->exchange->scope.arena, len);
    if (!at) {
        result->error = MG_NO_MEMORY;
        return;
    }
    result->status = 200;
    result->form = MG_BODY_JSON;
    result->body = (struct mg_str){at, len};
    for (unsigned i = 0; i < each->count; i++) {
        struct mg_str one = json_of(each, each->items[i]);
        *at++ = i ? ',' : '[';
        memcpy(at, one.data, one.len);
        at += one.len;
    }
    if (!each->count)
        *at++ = '[';
    *at = ']';
}

// Starts what may be started; lands the whole when there is nothing to wait for.
static void settle(struct mg_each *each, bool later)
{
    if (!start_more(each)) { // the request has ended, and each->over with it
        if (each->in_flight == 0)
            land(each, true);
        return;
    }
    if (each->in_flight || each->begun < each->count)
        return;
    gather(each);
    land(each, later);
}

static void go_on(struct mg_each *each)
{
    settle(each, false);
}

enum mg_fill mg_each_start(struct mg_exchange *exchange, struct mg_asked *asked,
                           struct mg_fill_fault *fault)
{
    const struct mg_reference *list = mg_template_single(&asked->plan->each->list);
    struct mg_value value = mg_scope_value(&exchange->scope, list);
    bool none = value.kind == MG_VALUE_MISSING && value.optional;
    if (!none && (value.kind != MG_VALUE_JSON || mg_json_type(value.bytes) != MG_JSON_ARRAY)) {
        enum mg_fill fill = mg_fill_fault_of(list, &value, &exchange->scope, fault);
        fault->why = value.kind == MG_VALUE_MISSING ? fault->why : "is no list";
        return fill;
    }
    struct mg_each *each = MG_ARENA_NEW(exchange->scope.arena, struct mg_each);
    if (!each)
        return MG_FILL_MEMORY;
    *each = (struct mg_each){.exchange = exchange, .whole = asked, .plan = asked->plan->each};
    mg_exchange_ready(exchange, asked, NULL, exchange);
    if (!list_elements(each, none ? MG_STR("[]") : value.bytes)) {
        each->count = 0;
        mg_exchange_bury(exchange, asked);
        return MG_FILL_OK;
    }
    asked->each = each;
    asked->started = true;
    settle(each, true);
    return MG_FILL_OK;
}

enum mg_status mg_each_missing(const struct mg_each *each)
{
    for (unsigned i = 0; i < each->begun; i++)
        if (each->items[i]->asked.verdict == MG_VERDICT_PARTIAL)
            return each->items[i]->asked.call.result.error;
    return MG_OK;
}

struct mg_str mg_each_told(const struct mg_asked *asked)
{
    const struct mg_each *each = asked->each;
    return mg_call_told(each && each->failed ? &each->failed->asked.call : &asked->call);
}
