#include "gateway/standin.h"

#include <stdlib.h>

#include "backend/http_answer.h"

struct mg_standin {
    struct mg_backend backend;
    struct mg_standins *standins;
};

static struct mg_standins *standins_of(const struct mg_standin_call *open)
{
    return open->standin->standins;
}

// It is not the stand-in's any more: its result is being landed by whoever calls this.
static struct mg_call *let_go(struct mg_standin_call *open, const char *how)
{
    struct mg_standins *standins = standins_of(open);
    struct mg_call *call = open->call;
    mg_timer_drop(standins->loop, &open->due);
    mg_task_drop(&open->pouring);
    standins->ended(standins->owner, open, how);
    open->call = NULL;
    return call;
}

static void land(struct mg_standin_call *open, enum mg_status error, struct mg_str message)
{
    struct mg_call *call = let_go(open, mg_status_word(error));
    mg_backend_land(&open->standin->backend, call, error, message);
}

// Starting

static uint64_t value_due(const struct mg_call *call)
{
    uint64_t delay = call->value.delay;
    bool late = delay > call->deadline || call->began > call->deadline - delay;
    return late ? call->deadline : call->began + delay;
}

static void ring(struct mg_timer *timer)
{
    struct mg_standin_call *open = MG_OWNER(timer, struct mg_standin_call, due);
    struct mg_call *call = open->call;
    struct mg_loop *loop = standins_of(open)->loop;
    if (call->kind == MG_CALL_VALUE && mg_loop_now(loop) < call->deadline) {
        call->result.body = call->value.json;
        call->result.form = MG_BODY_JSON;
        land(open, MG_OK, MG_STR(""));
    } else if (mg_loop_now(loop) < call->deadline) { // it was moved to later
        mg_timer_set(loop, timer, call->deadline);
    } else {
        land(open, MG_TIMEOUT, MG_STR("out of time"));
    }
}

// All of a streamed body that is there.
static void drink(struct mg_standin_call *open)
{
    struct mg_supply *supply = open->call->http.supply;
    for (struct mg_str bytes; (bytes = supply->look(supply)).len;) {
        mg_buf_put(&open->body, bytes);
        supply->took(supply, bytes.len);
    }
}

// The streamed answer, in pieces such as a backend reads, until its sink wants no more just now.
static void pour(struct mg_task *task)
{
    enum { piece_most = 64 * 1024 };
    struct mg_standin_call *open = MG_OWNER(task, struct mg_standin_call, pouring);
    while (open->call && open->poured < open->answer.len) {
        size_t from = open->poured, left = open->answer.len - from;
        open->poured += left < piece_most ? left : piece_most;
        struct mg_str piece = mg_str_cut(mg_buf_str(&open->answer), from, open->poured);
        if (!open->call->sink->data(open->call->sink, piece))
            return; // until resume
    }
    if (open->call)
        land(open, MG_OK, MG_STR(""));
}

static void take_body(struct mg_standin_call *open)
{
    struct mg_call *call = open->call;
    if (call->kind == MG_CALL_HTTP && call->http.supply)
        drink(open);
    else if (call->kind == MG_CALL_HTTP)
        mg_buf_put(&open->body, call->http.body);
}

static void start(struct mg_backend *backend, struct mg_call *call)
{
    struct mg_standin *standin = MG_OWNER(backend, struct mg_standin, backend);
    struct mg_standins *standins = standin->standins;
    struct mg_standin_call *open = calloc(1, sizeof *open);
    uint64_t at = call->kind == MG_CALL_VALUE ? value_due(call) : call->deadline;
    if (open)
        open->due.run = ring;
    if (!open || !mg_timer_set(standins->loop, &open->due, at)) {
        free(open);
        mg_backend_fail(backend, call, MG_NO_MEMORY, MG_STR("no memory"));
        return;
    }
    open->standin = standin;
    open->call = call;
    open->id = ++standins->ids;
    open->pouring.run = pour;
    mg_list_push(&standins->calls, &open->node);
    call->running = open;
    standins->started(standins->owner, open);
    take_body(open);
}

// Ending

// A change that was sent is not taken back (backend.h): it goes on, unheard.
static void cancel(struct mg_backend *backend, struct mg_call *call)
{
    bool unheard = call->kind == MG_CALL_HTTP && !mg_method_safe(call->http.method);
    let_go(call->running, unheard ? "unheard" : mg_status_word(MG_CANCELLED));
    mg_backend_fail(backend, call, MG_CANCELLED, MG_STR("cancelled"));
}

static void resume(struct mg_backend *backend, struct mg_call *call)
{
    struct mg_standin_call *open = call->running;
    if (open->answered)
        mg_loop_defer(backend->loop, &open->pouring);
}

static void feed(struct mg_backend *backend, struct mg_call *call)
{
    drink(call->running);
}

// Its sink may cancel it from within.
static void stream(struct mg_standin_call *open, const struct mg_result *answer)
{
    struct mg_call *call = open->call;
    call->result.status = answer->status;
    mg_buf_put(&open->answer, answer->body);
    call->sink->head(call->sink, answer->status, &answer->headers);
    if (open->call)
        pour(&open->pouring);
}

// By the rules for what any backend answers: its Content-Type, limits, bodies of statuses that have
// none.
static void answer_http(struct mg_standin_call *open, const struct mg_result *given)
{
    struct mg_call *call = open->call;
    struct mg_http_answer answer = {0};
    enum mg_http_flow flow = mg_http_answer_head(&answer, call, given->status, &given->headers);
    if (flow == MG_HTTP_ON && given->body.len)
        flow = mg_http_answer_data(&answer, call, given->body);
    enum mg_status error = mg_http_answer_end(&answer, call);
    land(open, error, mg_str_of(answer.message));
}

static void answer_other(struct mg_standin_call *open, const struct mg_result *given)
{
    struct mg_result *result = &open->call->result;
    result->status = given->status;
    result->body = mg_arena_copy(open->call->arena, given->body);
    result->form = given->form;
    if (given->status == 404)
        land(open, MG_STATUS, MG_STR("not there"));
    else if (given->body.len > open->call->body_most)
        land(open, MG_TOO_LARGE, MG_STR("the result is too large"));
    else
        land(open, MG_OK, MG_STR(""));
}

bool mg_standin_answer(struct mg_standin_call *open, const struct mg_result *answer)
{
    if (!open->call || open->answered)
        return false;
    open->answered = true;
    if (answer->error != MG_OK)
        land(open, answer->error, answer->message);
    else if (open->call->sink && open->call->kind != MG_CALL_HTTP && answer->status == 404)
        answer_other(open, answer); // no such file: nothing is passed
    else if (open->call->sink)
        stream(open, answer);
    else if (open->call->kind == MG_CALL_HTTP)
        answer_http(open, answer);
    else
        answer_other(open, answer);
    return true;
}

// All of them

static void close_nothing(struct mg_backend *backend, void (*closed)(void *owner), void *owner)
{
    closed(owner);
}

static const struct mg_backend_kind standin_kind = {
    .word = "stand-in",
    .start = start,
    .cancel = cancel,
    .resume = resume,
    .feed = feed,
    .close = close_nothing,
};

static void place(struct mg_standins *standins, unsigned i, struct mg_str name,
                  struct mg_backend **where)
{
    struct mg_standin *standin = &standins->items[i];
    standin->standins = standins;
    standin->backend = (struct mg_backend){.kind = &standin_kind, .loop = standins->loop};
    standin->backend.name = name;
    *where = &standin->backend;
}

bool mg_standins_open(struct mg_standins *standins, const struct mg_plan_backend *backends,
                      unsigned count, struct mg_backends *opened)
{
    mg_list_init(&standins->calls);
    standins->count = count + MG_CALL_KINDS;
    standins->items = calloc(standins->count, sizeof *standins->items);
    bool ok = standins->items != NULL;
    for (unsigned kind = 0; kind < MG_CALL_KINDS; kind++) {
        opened->by_kind[kind] = calloc(standins->count, sizeof *opened->by_kind[kind]);
        ok = ok && opened->by_kind[kind];
    }
    for (unsigned i = 0; ok && i < count; i++)
        place(standins, i, backends[i].name, &opened->by_kind[backends[i].kind][backends[i].index]);
    for (unsigned kind = 0; ok && kind < MG_CALL_KINDS; kind++)
        if (!opened->by_kind[kind][0])
            place(standins, count + kind, mg_str_of(mg_call_kind_word(kind)),
                  &opened->by_kind[kind][0]);
    return ok;
}

void mg_standins_close(struct mg_standins *standins, struct mg_backends *opened)
{
    mg_standins_forget(standins);
    for (unsigned kind = 0; kind < MG_CALL_KINDS; kind++)
        free(opened->by_kind[kind]);
    free(standins->items);
    *opened = (struct mg_backends){0};
}

struct mg_str mg_standin_backend(const struct mg_standin_call *call)
{
    return call->standin->backend.name;
}

struct mg_standin_call *mg_standins_find(struct mg_standins *standins, unsigned id)
{
    for (struct mg_list *node = standins->calls.next; node != &standins->calls; node = node->next) {
        struct mg_standin_call *call = MG_OWNER(node, struct mg_standin_call, node);
        if (call->id == id)
            return call;
    }
    return NULL;
}

void mg_standins_forget(struct mg_standins *standins)
{
    for (struct mg_list *node; (node = mg_list_pop(&standins->calls));) {
        struct mg_standin_call *call = MG_OWNER(node, struct mg_standin_call, node);
        mg_buf_fini(&call->body);
        mg_buf_fini(&call->answer);
        free(call);
    }
}
