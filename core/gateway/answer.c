#include "gateway/answer.h"

#include <endian.h>

#include "base/log.h"
#include "gateway/dev.h"
#include "gateway/each.h"
#include "gateway/report.h"
#include "json/write.h"
#include "plan/fill.h"

static struct mg_str first_header(const struct mg_request *request, struct mg_str name)
{
    unsigned index = 0;
    const struct mg_header *header = mg_headers_next(&request->headers, name, &index);
    return header ? header->value : (struct mg_str){0};
}

// The last address of X-Forwarded-For that is no trusted proxy: whom the nearest trusted one saw.
static struct mg_str believed_client(const struct mg_networks *trusted, struct mg_str list,
                                     struct mg_str peer)
{
    struct mg_str client = peer;
    for (size_t end = list.len; end > 0;) {
        size_t from = end;
        while (from > 0 && list.data[from - 1] != ',')
            from--;
        client = mg_str_trim(mg_str_cut(list, from, end));
        if (!mg_networks_have(trusted, client))
            break;
        end = from ? from - 1 : 0;
    }
    return client;
}

// Its eight digits at once: halves of the value are drawn apart until each has a byte of its own.
static void put_hex(char *text, uint32_t value)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t digits = value;
    digits = (digits << 16 | digits) & UINT64_C(0x0000ffff0000ffff);
    digits = (digits << 8 | digits) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits << 4 | digits) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    uint64_t letters = (digits + ones * 6) >> 4 & ones; // 1 in each byte from 10 on
    digits = htobe64(digits + ones * '0' + letters * ('a' - '0' - 10));
    memcpy(text, &digits, sizeof digits);
}

// By hand, since printf costs a tenth of a small request. A counter that outgrows its digits goes
// on in the seed's.
struct mg_str mg_answer_new_id(struct mg_worker *worker, struct mg_arena *arena)
{
    enum { digits = 24 };
    char *text = mg_arena_alloc(arena, digits);
    if (!text)
        return (struct mg_str){0};
    uint64_t seed = worker->seed + (worker->counter >> 32);
    put_hex(text, (uint32_t)(seed >> 32));
    put_hex(text + 8, (uint32_t)seed);
    put_hex(text + 16, (uint32_t)worker->counter++);
    return (struct mg_str){text, digits};
}

void mg_answer_identify(struct mg_exchange *exchange)
{
    struct mg_request *request = exchange->request;
    struct mg_worker *worker = exchange->worker;
    const struct mg_networks *trusted = &exchange->generation->edition->trusted;
    struct mg_arena *arena = &request->arena;
    if (!request->id.len)
        request->id = mg_answer_new_id(worker, arena);
    bool local = mg_str_is(request->peer, MG_PEER_LOCAL); // it has no address to forward
    request->ip = request->peer;
    request->forwarded_for = local ? MG_STR("") : request->peer;
    request->proto = MG_STR("http");
    request->authority = first_header(request, MG_STR("host"));
    if (!mg_networks_have_peer(trusted, request->peer))
        return;
    struct mg_str list, proto = first_header(request, MG_STR("x-forwarded-proto"));
    struct mg_str host = first_header(request, MG_STR("x-forwarded-host"));
    if (mg_str_is(proto, "https"))
        request->proto = proto;
    if (host.len)
        request->authority = host;
    if (mg_headers_get(&request->headers, arena, MG_STR("x-forwarded-for"), &list)) {
        request->ip = believed_client(trusted, list, request->peer);
        request->forwarded_for =
            local ? list
                  : mg_arena_printf(arena, "%.*s, %.*s", (int)list.len, list.data,
                                    (int)request->peer.len, request->peer.data);
    }
}

void mg_answer_problem(struct mg_exchange *exchange, struct mg_problem problem)
{
    bool close = exchange->reply.close;
    problem.id = exchange->request->id;
    if (exchange->worker->common->dev)
        mg_dev_explain(exchange, &problem);
    exchange->reply = (struct mg_reply){.headers = exchange->reply.headers, .close = close};
    if (!mg_problem_reply(&problem, &exchange->request->arena, &exchange->reply))
        exchange->reply = (struct mg_reply){.status = problem.status, .close = close};
    if (problem.report)
        problem.report->body = exchange->reply.pieces;
}

static struct mg_str allow_list(struct mg_exchange *exchange, uint32_t methods)
{
    struct mg_buf list = {0};
    for (unsigned i = 0; i < MG_METHOD_COUNT; i++) {
        bool has = methods & (UINT32_C(1) << i);
        if (i == MG_HEAD)
            has = methods & (UINT32_C(1) << MG_GET);
        if (i == MG_OPTIONS)
            has = true;
        if (has)
            mg_buf_printf(&list, "%s%s", list.len ? ", " : "", mg_method_word((enum mg_method)i));
    }
    struct mg_str copy = mg_arena_copy(&exchange->request->arena, mg_buf_str(&list));
    mg_buf_fini(&list);
    return copy;
}

void mg_answer_no_route(struct mg_exchange *exchange, uint32_t methods)
{
    struct mg_request *request = exchange->request;
    struct mg_reply *reply = &exchange->reply;
    bool server = mg_str_is(request->path, "*"); // OPTIONS *: of the server as a whole
    if (!methods && !server) {
        mg_answer_problem(exchange, (struct mg_problem){
                                        .status = 404, .detail = MG_STR("no route has this path")});
        return;
    }
    struct mg_str allow = allow_list(exchange, server ? ~UINT32_C(0) : methods);
    if (allow.data)
        mg_headers_add(&reply->headers, &request->arena, MG_STR("Allow"), allow);
    reply->status = 204;
    if (request->method != MG_OPTIONS)
        mg_answer_problem(
            exchange,
            (struct mg_problem){.status = 405,
                                .detail = MG_STR("this path has no route for this method")});
}

bool mg_answer_plan(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    struct mg_reply *reply = &exchange->reply;
    reply->status = 200;
    bool ok =
        plan->reply_kind == MG_PLAN_REPLY_TEMPLATE
            ? mg_fill_reply(&plan->reply, &exchange->scope, &reply->pieces, &reply->piece_count)
            : mg_fill_merged(plan, &exchange->scope, &reply->pieces, &reply->piece_count);
    return ok && mg_headers_add(&reply->headers, &exchange->request->arena, MG_STR("Content-Type"),
                                MG_STR("application/json"));
}

void mg_answer_put_token(struct mg_buf *buf, struct mg_str name)
{
    for (size_t i = 0; i < name.len; i++)
        mg_buf_put_char(buf, mg_headers_name_ok(mg_str_cut(name, i, i + 1)) ? name.data[i] : '_');
}

// How what the reply lacks of a call failed; MG_OK: it lacks nothing.
static enum mg_status missing_of(const struct mg_asked *asked)
{
    if (!asked->call.result.landed)
        return MG_OK;
    if (asked->verdict == MG_VERDICT_PARTIAL)
        return asked->call.result.error;
    return asked->each ? mg_each_missing(asked->each) : MG_OK;
}

static struct mg_str partial_list(struct mg_exchange *exchange)
{
    struct mg_buf list = {.limit = 4096};
    for (unsigned i = 0; i < exchange->asked_count; i++) {
        const struct mg_asked *asked = exchange->asked[i];
        enum mg_status missing = missing_of(asked);
        if (missing == MG_OK)
            continue;
        if (list.len)
            mg_buf_put(&list, MG_STR(", "));
        mg_answer_put_token(&list, asked->name);
        mg_buf_printf(&list, "=%s", mg_status_word(missing));
    }
    struct mg_str copy = {0};
    if (list.len)
        copy = mg_arena_copy(&exchange->request->arena, mg_buf_str(&list));
    mg_buf_fini(&list);
    return copy;
}

bool mg_answer_fits(const struct mg_headers *headers)
{
    size_t size = 0;
    for (unsigned i = 0; i < headers->count; i++)
        size += headers->items[i].name.len + headers->items[i].value.len + 4;
    return size <= MG_ANSWER_HEADERS_MOST;
}

// A head that the connection would not take must not cost the client its reply.
static void bound_headers(struct mg_exchange *exchange)
{
    if (mg_answer_fits(&exchange->reply.headers))
        return;
    mg_answer_log(exchange, MG_STR("the reply's headers are larger than 48 KiB"));
    exchange->reply.headers.count = 0;
    mg_answer_problem(
        exchange,
        (struct mg_problem){.status = 500, .detail = MG_STR("the reply's headers are too large")});
}

void mg_answer_finish(struct mg_exchange *exchange)
{
    struct mg_arena *arena = &exchange->request->arena;
    struct mg_headers *headers = &exchange->reply.headers;
    bound_headers(exchange);
    struct mg_str partial = partial_list(exchange);
    if (partial.len)
        mg_headers_add(headers, arena, MG_STR("Moongate-Partial"), partial);
    if (exchange->request->id.len)
        mg_headers_add(headers, arena, MG_STR("X-Request-Id"), exchange->request->id);
    if (exchange->worker->common->dev)
        mg_dev_finish(exchange);
}

static bool failed_badly(const struct mg_asked *asked)
{
    return asked->call.result.landed && asked->verdict != MG_VERDICT_OK &&
           asked->verdict != MG_VERDICT_SKIPPED;
}

struct mg_str mg_answer_failed_calls(struct mg_exchange *exchange, bool late)
{
    struct mg_buf list = {0};
    for (unsigned i = 0; i < exchange->asked_count; i++) {
        const struct mg_asked *asked = exchange->asked[i];
        const struct mg_result *result = &asked->call.result;
        bool in_flight = asked->started && !result->landed;
        if (!failed_badly(asked) && !(late && in_flight))
            continue;
        mg_buf_put(&list, list.len ? MG_STR(",{\"name\":") : MG_STR("[{\"name\":"));
        mg_json_put_string(&list, asked->name);
        mg_buf_printf(&list, ",\"kind\":\"%s\"",
                      mg_status_word(in_flight ? MG_TIMEOUT : result->error));
        if (result->status && !in_flight)
            mg_buf_printf(&list, ",\"status\":%d", result->status);
        mg_buf_put_char(&list, '}');
    }
    if (list.len)
        mg_buf_put_char(&list, ']');
    struct mg_str copy = mg_arena_copy(&exchange->request->arena, mg_buf_str(&list));
    mg_buf_fini(&list);
    return copy;
}

void mg_answer_fallback(struct mg_exchange *exchange, struct mg_asked *asked)
{
    struct mg_str *pieces;
    unsigned count;
    struct mg_buf json = {0};
    if (!mg_fill_reply(asked->plan->fallback, &exchange->scope, &pieces, &count))
        return;
    for (unsigned i = 0; i < count; i++)
        mg_buf_put(&json, pieces[i]);
    struct mg_str copy = mg_arena_copy(&exchange->request->arena, mg_buf_str(&json));
    if (json.failed == MG_OK && copy.data)
        asked->call.result.body = copy;
    mg_buf_fini(&json);
}

static void write_log(struct mg_exchange *exchange, enum mg_log_level level, struct mg_str text)
{
    enum { path_most = 200 }; // so that a client's long path leaves room for what is said
    struct mg_request *request = exchange->request;
    text = mg_vm_redact(exchange->generation->vm, text, &request->arena);
    struct mg_str path =
        mg_str_cut(request->path, 0, request->path.len < path_most ? request->path.len : path_most);
    if (text.len)
        mg_log(level, "%s %.*s%s (request %.*s): %.*s", mg_method_word(request->method),
               (int)path.len, path.data, path.len < request->path.len ? "..." : "",
               (int)request->id.len, request->id.data, (int)text.len, text.data);
}

void mg_answer_log(struct mg_exchange *exchange, struct mg_str text)
{
    write_log(exchange, MG_LOG_ERROR, text);
}

void mg_answer_warn(struct mg_exchange *exchange, struct mg_str text)
{
    write_log(exchange, MG_LOG_WARN, text);
}
