// Requests as connections bring them: the route is found, an exchange is made for each, and told
// when its body is there, its reply is out, or its client has left.

#include "gateway/arrival.h"

#include "gateway/answer.h"
#include "gateway/dev.h"
#include "gateway/pass.h"

static bool keep_params(struct mg_request *request, const struct mg_route_match *match)
{
    request->params = mg_arena_alloc(&request->arena, match->count * sizeof *request->params);
    if (!request->params)
        return false;
    request->param_count = match->count;
    for (unsigned i = 0; i < match->count; i++)
        request->params[i] = (struct mg_param){match->names[i], match->values[i]};
    return true;
}

static void find_route(struct mg_exchange *exchange)
{
    struct mg_request *request = exchange->request;
    const struct mg_worker *worker = exchange->worker;
    const struct mg_generation *generation = exchange->generation;
    enum mg_method method = request->method == MG_HEAD ? MG_GET : request->method;
    struct mg_route_match match;
    if (worker->common->dev && mg_dev_trouble(exchange))
        return;
    mg_router_find(generation->router, &request->arena, request->host, method, request->path,
                   &match);
    if (match.id < 0) {
        mg_answer_no_route(exchange, match.methods);
        mg_exchange_reply(exchange);
        return;
    }
    exchange->plan = generation->plans[match.id];
    exchange->scope.fields_most = (unsigned)exchange->plan->limits.fields;
    request->body.limit = exchange->plan->limits.body;
    request->streamed = exchange->plan->pass != NULL;
    if (!keep_params(request, &match))
        mg_exchange_no_memory(exchange);
}

static void on_head(void *owner, struct mg_conn *conn, struct mg_request *request)
{
    struct mg_worker *worker = owner;
    const struct mg_limits *limits = &worker->generation->edition->config->limits;
    static const struct mg_reply failed = {.status = 500, .close = true};
    struct mg_exchange *exchange = mg_exchange_new(worker, conn, request);
    if (!exchange) {
        mg_conn_reply(conn, request, &failed);
        return;
    }
    mg_answer_identify(exchange);
    request->body.limit = limits->body;
    exchange->counted = true;
    if (atomic_fetch_add_explicit(&worker->common->at_once, 1, memory_order_relaxed) >=
        limits->at_once)
        mg_exchange_say(exchange, 503, "as many requests as may be are in work");
    else
        find_route(exchange);
}

static void on_complete(void *owner, struct mg_request *request)
{
    struct mg_worker *worker = owner;
    struct mg_exchange *exchange = request->exchange;
    if (exchange->state != MG_EXCHANGE_READING)
        return;
    const struct mg_plan *before = mg_sight_begin(&worker->sight, exchange->plan);
    mg_exchange_start(exchange);
    mg_sight_end(&worker->sight, before);
}

static bool on_piece(void *owner, struct mg_request *request, struct mg_str bytes)
{
    struct mg_exchange *exchange = request->exchange;
    return !exchange->pass || mg_pass_piece(exchange->pass, bytes);
}

static void on_drained(void *owner, struct mg_request *request)
{
    struct mg_exchange *exchange = request->exchange;
    if (exchange->pass)
        mg_pass_drained(exchange->pass);
}

static void on_refused(void *owner, struct mg_request *request, int status, const char *detail)
{
    mg_exchange_say(request->exchange, status, detail);
}

static void on_sent(void *owner, struct mg_request *request)
{
    struct mg_exchange *exchange = request->exchange;
    if (!exchange) { // there was no memory for one
        mg_request_free(request);
        return;
    }
    exchange->conn = NULL;
    mg_exchange_reply(exchange); // a passed one may have calls in flight, or was never begun
    mg_exchange_end_if_done(exchange);
}

// A request whose method is safe ends when its client leaves; any other runs on, unheard, but for
// one whose body is passed and not there, which cannot.
static void on_gone(void *owner, struct mg_request *request)
{
    struct mg_exchange *exchange = request->exchange;
    if (!exchange) {
        mg_request_free(request);
        return;
    }
    exchange->conn = NULL;
    if (exchange->state == MG_EXCHANGE_READING || exchange->state == MG_EXCHANGE_PASSING ||
        mg_method_safe(request->method) || (exchange->pass && !mg_pass_has_body(exchange->pass)))
        mg_exchange_reply(exchange);
    mg_exchange_end_if_done(exchange);
}

static void on_broken(void *owner, struct mg_arena *arena, int status, const char *detail,
                      struct mg_reply *reply)
{
    const struct mg_worker *worker = owner;
    struct mg_problem problem = {.status = status, .detail = mg_str_of(detail)};
    problem.id = mg_answer_new_id(owner, arena);
    if (!mg_problem_reply(&problem, arena, reply))
        *reply = (struct mg_reply){.status = status};
    else if (problem.id.len)
        mg_headers_add(&reply->headers, arena, MG_STR("X-Request-Id"), problem.id);
    if (worker->common->dev) // there are no calls, and nothing was waited for
        mg_headers_add(&reply->headers, arena, MG_STR("Server-Timing"), MG_STR("total;dur=0"));
    reply->close = true;
}

const struct mg_conn_handler mg_arrival_handler = {
    .head = on_head,
    .complete = on_complete,
    .piece = on_piece,
    .drained = on_drained,
    .refused = on_refused,
    .sent = on_sent,
    .gone = on_gone,
    .broken = on_broken,
};
