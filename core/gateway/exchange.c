// The one file to read to understand Moongate: a request's plan is run, its calls are started as
// their needs land, and the reply is made; or a Lua function (gateway/function) does the same in
// its own order; or the last call's answer is the reply, while it comes (gateway/pass). Whatever
// the request started ends with it.

#include "gateway/exchange.h"

#include "gateway/answer.h"
#include "gateway/chore.h"
#include "gateway/each.h"
#include "gateway/function.h"
#include "gateway/pass.h"
#include "gateway/refusal.h"
#include "plan/fill.h"

void mg_exchange_end_if_done(struct mg_exchange *exchange)
{
    struct mg_worker *worker = exchange->worker;
    struct mg_generation *generation = exchange->generation;
    if (exchange->conn || exchange->in_flight || exchange->chore ||
        exchange->state != MG_EXCHANGE_REPLIED)
        return;
    if (worker->common->ended)
        worker->common->ended(worker->common->owner, exchange);
    mg_timer_drop(&worker->loop, &exchange->timer);
    mg_task_drop(&exchange->bury);
    if (exchange->pass)
        mg_pass_fini(exchange->pass);
    mg_list_drop(&exchange->node);
    if (exchange->counted)
        atomic_fetch_sub_explicit(&worker->common->at_once, 1, memory_order_relaxed);
    mg_request_free(exchange->request); // and with it the exchange
    mg_worker_leave(worker, generation);
}

void mg_exchange_cancel(struct mg_exchange *exchange, struct mg_asked *asked)
{
    if (!asked->started || asked->call.result.landed)
        return;
    if (asked->each)
        mg_each_cancel(asked->each);
    else
        mg_backend_cancel(mg_backends_of(&exchange->generation->backends, &asked->call),
                          &asked->call);
}

void mg_exchange_cancel_all(struct mg_exchange *exchange)
{
    for (unsigned i = 0; i < exchange->asked_count; i++)
        mg_exchange_cancel(exchange, exchange->asked[i]);
}

// The last thing said to the client. From here on nothing of the request is waited for.
void mg_exchange_reply(struct mg_exchange *exchange)
{
    bool begun = exchange->state == MG_EXCHANGE_PASSING;
    if (exchange->state == MG_EXCHANGE_REPLIED)
        return;
    mg_timer_drop(&exchange->worker->loop, &exchange->timer);
    if (exchange->plan && exchange->plan->after_count && mg_function_after_due(exchange)) {
        mg_function_after(exchange); // comes back here, now or later
        return;
    }
    if (exchange->request->arena.starved && !begun && exchange->reply.status < 500) {
        exchange->reply.headers.count = 0; // parts of it may be missing, or of what led to it
        mg_answer_problem(exchange,
                          (struct mg_problem){.status = 500, .detail = MG_STR("out of memory")});
    }
    exchange->state = MG_EXCHANGE_REPLIED;
    if (exchange->conn && begun) {
        mg_conn_break(exchange->conn, exchange->request);
    } else if (exchange->conn) {
        mg_answer_finish(exchange);
        mg_conn_reply(exchange->conn, exchange->request, &exchange->reply);
    }
    mg_exchange_cancel_all(exchange);
    if (!mg_chore_finally(exchange))
        mg_run_fini(&exchange->run); // one that waits is never resumed
}

void mg_exchange_problem(struct mg_exchange *exchange, struct mg_problem problem)
{
    if (exchange->state == MG_EXCHANGE_REPLIED)
        return;
    mg_answer_problem(exchange, problem);
    mg_exchange_reply(exchange);
}

void mg_exchange_say(struct mg_exchange *exchange, int status, const char *detail)
{
    mg_exchange_problem(exchange,
                        (struct mg_problem){.status = status, .detail = mg_str_of(detail)});
}

void mg_exchange_no_memory(struct mg_exchange *exchange)
{
    exchange->reply.headers.count = 0;
    mg_exchange_say(exchange, 500, "out of memory");
}

void mg_exchange_out_of_time(struct mg_exchange *exchange)
{
    struct mg_str calls = mg_answer_failed_calls(exchange, true);
    exchange->reply.headers.count = 0; // they were those of a reply that `after` was at work on
    mg_exchange_problem(exchange,
                        (struct mg_problem){.status = 504,
                                            .detail = MG_STR("the request ran out of time"),
                                            .calls = calls});
}

static void landed(struct mg_call *call);

bool mg_exchange_keep(struct mg_exchange *exchange, struct mg_asked *asked)
{
    if (exchange->asked_count == exchange->asked_cap) {
        unsigned cap = exchange->asked_cap ? exchange->asked_cap * 2 : 8;
        struct mg_asked **list = mg_arena_alloc(&exchange->request->arena, cap * sizeof *list);
        if (!list)
            return false;
        if (exchange->asked_count)
            memcpy(list, exchange->asked, exchange->asked_count * sizeof *list);
        exchange->asked = list;
        exchange->asked_cap = cap;
    }
    exchange->asked[exchange->asked_count++] = asked;
    return true;
}

void mg_exchange_land(struct mg_asked *asked)
{
    asked->call.result.landed = true;
    asked->call.landed(&asked->call);
}

// Lands what failed before it was started, in a turn of its own like any other call.
static void bury(struct mg_task *task)
{
    struct mg_exchange *exchange = MG_OWNER(task, struct mg_exchange, bury);
    struct mg_list *node, dead;
    mg_list_init(&dead);
    while ((node = mg_list_pop(&exchange->stillborn)))
        mg_list_push(&dead, node);
    exchange->in_flight++; // so that it does not end while its dead are counted
    while ((node = mg_list_pop(&dead))) {
        mg_exchange_land(MG_OWNER(node, struct mg_asked, node));
    }
    exchange->in_flight--;
    mg_exchange_end_if_done(exchange);
}

void mg_exchange_bury(struct mg_exchange *exchange, struct mg_asked *asked)
{
    mg_list_push(&exchange->stillborn, &asked->node);
    mg_loop_defer(&exchange->worker->loop, &exchange->bury);
}

void mg_exchange_ready(struct mg_exchange *exchange, struct mg_asked *asked,
                       void (*its)(struct mg_call *call), void *owner)
{
    struct mg_call *call = &asked->call;
    uint64_t now = mg_loop_now(&exchange->worker->loop);
    call->began = now; // also of what fails before its backend hears of it
    call->deadline = exchange->deadline;
    if (asked->contract.within && now + asked->contract.within < call->deadline)
        call->deadline = now + asked->contract.within;
    call->body_most = exchange->plan->limits.result;
    call->landed = its ? its : landed;
    call->owner = owner;
    exchange->in_flight++;
}

void mg_exchange_send(struct mg_exchange *exchange, struct mg_asked *asked)
{
    struct mg_call *call = &asked->call;
    if (call->result.error != MG_OK) {
        mg_exchange_bury(exchange, asked);
        return;
    }
    asked->started = true;
    mg_backend_start(mg_backends_of(&exchange->generation->backends, call), call);
}

void mg_exchange_start_call(struct mg_exchange *exchange, struct mg_asked *asked)
{
    mg_exchange_ready(exchange, asked, NULL, exchange);
    if (asked->plan && asked->plan == exchange->plan->pass)
        mg_pass_attach(exchange->pass, &asked->call);
    mg_exchange_send(exchange, asked);
}

static void fail_unfilled(struct mg_exchange *exchange, struct mg_asked *asked, enum mg_fill fill,
                          const struct mg_fill_fault *fault)
{
    asked->call.result.error = fill == MG_FILL_MISSING ? MG_MISSING : MG_NO_MEMORY;
    asked->call.result.message =
        mg_arena_printf(&exchange->request->arena, "%.*s %s", (int)fault->what.len,
                        fault->what.data ? fault->what.data : "", fault->why ? fault->why : "");
}

bool mg_exchange_fill(struct mg_exchange *exchange, struct mg_asked *asked)
{
    struct mg_fill_fault fault = {0};
    enum mg_fill fill = asked->plan == exchange->plan->pass
                            ? mg_fill_pass(asked->plan, &exchange->scope, &asked->call, &fault)
                            : mg_fill_call(asked->plan, &exchange->scope, &asked->call, &fault);
    if (fill == MG_FILL_OK)
        return true;
    if (fill == MG_FILL_CLIENT) {
        mg_refusal_say(exchange, &fault);
        return false;
    }
    fail_unfilled(exchange, asked, fill, &fault);
    return true;
}

// False: the request has ended.
static bool start_each(struct mg_exchange *exchange, struct mg_asked *asked)
{
    struct mg_fill_fault fault = {0};
    enum mg_fill fill = mg_each_start(exchange, asked, &fault);
    if (fill == MG_FILL_CLIENT) {
        mg_refusal_say(exchange, &fault);
    } else if (fill != MG_FILL_OK) {
        fail_unfilled(exchange, asked, fill, &fault);
        mg_exchange_start_call(exchange, asked);
    }
    return !exchange->ending && exchange->state != MG_EXCHANGE_REPLIED;
}

// False: the request has ended.
static bool start_planned(struct mg_exchange *exchange, struct mg_asked *asked)
{
    bool made = true;
    if (asked->plan->when && !mg_function_when(exchange, asked, &made))
        return false;
    if (!made) {
        asked->call.result.error = MG_SKIPPED;
        asked->call.result.message = MG_STR("`when` has said no");
        mg_exchange_start_call(exchange, asked);
        return true;
    }
    if (asked->plan->each)
        return start_each(exchange, asked);
    if (!mg_exchange_fill(exchange, asked))
        return false;
    mg_exchange_start_call(exchange, asked);
    return true;
}

static void start_pass(struct mg_exchange *exchange)
{
    struct mg_asked *asked = mg_pass_asked(exchange->pass);
    if (mg_exchange_keep(exchange, asked))
        start_planned(exchange, asked);
    else
        mg_exchange_no_memory(exchange);
}

// A value that is not there is null in a template; a request that cannot be read is refused.
static void plan_done(struct mg_exchange *exchange)
{
    if (exchange->plan->reply_kind == MG_PLAN_REPLY_FUNCTION) {
        mg_function_start(exchange);
        return;
    }
    if (exchange->plan->reply_kind == MG_PLAN_REPLY_PASS) {
        start_pass(exchange);
        return;
    }
    if (mg_answer_plan(exchange) && !mg_refusal_due(exchange)) {
        mg_exchange_reply(exchange);
        return;
    }
    exchange->reply.headers.count = 0; // they were those of the reply that was not made
    if (mg_refusal_due(exchange))
        mg_refusal_say(exchange, &(struct mg_fill_fault){.what = MG_STR("body")});
    else
        mg_exchange_no_memory(exchange);
}

static void planned_landed(struct mg_exchange *exchange, struct mg_asked *asked)
{
    uint64_t bit = UINT64_C(1) << (asked->plan - exchange->plan->calls);
    if (asked->plan->fallback && asked->call.result.fallback)
        mg_answer_fallback(exchange, asked);
    exchange->planned_left--;
    for (unsigned i = 0; i < exchange->plan->count; i++) {
        struct mg_asked *other = exchange->asked[i];
        if ((other->plan->needs & bit) && --other->waits == 0 && !start_planned(exchange, other))
            return;
    }
    if (exchange->planned_left == 0)
        plan_done(exchange);
}

static struct mg_str failure_text(struct mg_exchange *exchange, const struct mg_asked *asked,
                                  struct mg_str why)
{
    return mg_arena_printf(&exchange->request->arena, "the call %.*s failed: %.*s",
                           (int)asked->name.len, asked->name.data, (int)why.len,
                           why.data ? why.data : "");
}

void mg_exchange_fail(struct mg_exchange *exchange, struct mg_asked *asked)
{
    const struct mg_result *result = &asked->call.result;
    bool late =
        result->error == MG_TIMEOUT && mg_loop_now(&exchange->worker->loop) >= exchange->deadline;
    int status =
        asked->verdict == MG_VERDICT_RELAY ? result->status : mg_status_http(result->error);
    struct mg_str told = mg_each_told(asked);
    struct mg_str detail = failure_text(exchange, asked, told), error = detail;
    if (result->error != MG_STATUS && !mg_str_eq(told, result->message)) {
        error = failure_text(exchange, asked, result->message);
        mg_answer_log(exchange, error);
    }
    mg_exchange_problem(exchange,
                        (struct mg_problem){.status = status,
                                            .detail = detail,
                                            .calls = mg_answer_failed_calls(exchange, late),
                                            .error = error,
                                            .line = asked->plan ? asked->plan->line : 0});
}

static void judge(struct mg_exchange *exchange, struct mg_asked *asked)
{
    struct mg_result *result = &asked->call.result;
    exchange->result_bytes += result->body.len;
    if (exchange->result_bytes > exchange->plan->limits.results && result->error == MG_OK) {
        result->error = MG_TOO_LARGE;
        result->message = MG_STR("the results of this request are larger than they may be");
    }
    asked->verdict = mg_contract_judge(&asked->contract, result);
}

static void landed(struct mg_call *call)
{
    struct mg_exchange *exchange = call->owner;
    struct mg_asked *asked = MG_OWNER(call, struct mg_asked, call);
    exchange->in_flight--;
    if (exchange->state == MG_EXCHANGE_REPLIED) {
        if (exchange->chore) {
            judge(exchange, asked);
            mg_chore_landed(exchange->chore);
        }
        mg_exchange_end_if_done(exchange);
        return;
    }
    if (exchange->ending && asked->plan && exchange->state != MG_EXCHANGE_PASSING) {
        mg_exchange_end_if_done(exchange);
        return;
    }
    if (call->sink) {
        mg_pass_landed(exchange->pass);
        mg_exchange_end_if_done(exchange);
        return;
    }
    judge(exchange, asked);
    bool failed = asked->verdict == MG_VERDICT_FAILED || asked->verdict == MG_VERDICT_RELAY;
    if (asked->plan && failed)
        mg_exchange_fail(exchange, asked);
    else if (asked->plan)
        planned_landed(exchange, asked);
    else
        mg_function_landed(exchange);
    mg_exchange_end_if_done(exchange);
}

static bool prepare_calls(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    struct mg_arena *arena = &exchange->request->arena;
    struct mg_asked *asked = mg_arena_zero(arena, plan->count, sizeof *asked);
    exchange->calls = mg_arena_zero(arena, plan->count, sizeof *exchange->calls);
    exchange->asked = mg_arena_alloc(arena, plan->count * sizeof *exchange->asked);
    exchange->scope.calls = exchange->calls;
    exchange->planned_left = plan->count;
    if (!asked || !exchange->calls || !exchange->asked)
        return false;
    exchange->asked_cap = plan->count;
    for (unsigned i = 0; i < plan->count; i++) {
        asked[i].plan = &plan->calls[i];
        asked[i].name = plan->calls[i].name;
        asked[i].contract = plan->calls[i].contract;
        asked[i].waits = (unsigned)__builtin_popcountll(plan->calls[i].needs);
        asked[i].call.arena = arena;
        exchange->calls[i] = &asked[i].call;
        if (!mg_exchange_keep(exchange, &asked[i]))
            return false;
    }
    return true;
}

void mg_exchange_go_on(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    if (plan->count == 0)
        plan_done(exchange);
    for (unsigned i = 0; i < plan->count; i++)
        if (plan->calls[i].needs == 0 && !start_planned(exchange, exchange->asked[i]))
            return;
}

void mg_exchange_start(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    const struct mg_limits *limits = &exchange->generation->edition->config->limits;
    exchange->deadline =
        mg_loop_now(&exchange->worker->loop) + (plan->within ? plan->within : limits->within);
    if (!mg_refusal_check(exchange))
        return;
    if (plan->pass)
        exchange->pass = mg_pass_new(exchange);
    if (!prepare_calls(exchange) || (plan->pass && !exchange->pass)) {
        mg_exchange_no_memory(exchange);
        return;
    }
    exchange->state = MG_EXCHANGE_CALLING;
    if (plan->before_count)
        mg_function_before(exchange);
    else
        mg_exchange_go_on(exchange);
}

struct mg_exchange *mg_exchange_new(struct mg_worker *worker, struct mg_conn *conn,
                                    struct mg_request *request)
{
    struct mg_exchange *exchange = MG_ARENA_NEW(&request->arena, struct mg_exchange);
    if (!exchange)
        return NULL;
    exchange->worker = worker;
    exchange->generation = worker->generation;
    exchange->generation->exchanges++;
    exchange->conn = conn;
    exchange->request = request;
    exchange->scope = (struct mg_scope){
        .request = request,
        .arena = &request->arena,
    };
    exchange->bury.run = bury;
    mg_list_init(&exchange->stillborn);
    mg_list_push(&worker->exchanges, &exchange->node);
    request->exchange = exchange;
    return exchange;
}

void mg_exchange_abort(struct mg_exchange *exchange)
{
    exchange->conn = NULL;
    mg_exchange_reply(exchange);
    if (exchange->chore)
        mg_chore_cut(exchange->chore);
    mg_exchange_end_if_done(exchange);
}
