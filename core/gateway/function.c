#include "gateway/function.h"

#include <assert.h>

#include "gateway/answer.h"

static void wake(struct mg_timer *timer);
static const struct mg_script_host host;

static void fail(struct mg_exchange *exchange)
{
    const struct mg_run_failure failure = exchange->run.failure;
    mg_answer_log(exchange, failure.log);
    mg_exchange_problem(exchange, (struct mg_problem){.status = failure.status,
                                                      .title = failure.title,
                                                      .detail = failure.detail,
                                                      .calls = failure.calls,
                                                      .members = failure.members,
                                                      .error = failure.log,
                                                      .trace = failure.trace});
}

// Whoever holds a worker keeps its other requests waiting: told of each route once a minute.
static void tell_slow(struct mg_exchange *exchange)
{
    enum { again_ms = 60000 };
    struct mg_generation *generation = exchange->generation;
    const struct mg_run *run = &exchange->run;
    unsigned i = 0;
    if (!run->slow.len)
        return;
    uint64_t now = mg_loop_fresh(&exchange->worker->loop);
    while (i < generation->count && generation->plans[i] != exchange->plan)
        i++;
    if (i == generation->count || now < generation->slow_told[i])
        return;
    generation->slow_told[i] = now + again_ms;
    mg_answer_warn(exchange, mg_arena_printf(
                                 &exchange->request->arena,
                                 "%.*s: it has held its worker for %ums of CPU time (limits.slice)",
                                 (int)run->slow.len, run->slow.data, run->slice_ms));
}

static void follow_run(struct mg_exchange *exchange, enum mg_run_state state)
{
    struct mg_run *run = &exchange->run;
    tell_slow(exchange);
    while (state == MG_RUN_WAITS && mg_function_ready(exchange)) { // for what has landed before
        state = mg_run_resume(run);
        tell_slow(exchange);
    }
    if (state == MG_RUN_WAITS) {
        exchange->state = MG_EXCHANGE_WAITING;
        if (!mg_function_wait(exchange, wake))
            mg_exchange_no_memory(exchange);
        return;
    }
    exchange->reply = run->reply;
    if (state == MG_RUN_FAILED) {
        fail(exchange);
    } else if (run->phase == MG_RUN_BEFORE && !run->reply.status) {
        exchange->scope.context = run->context;
        mg_exchange_go_on(exchange);
    } else {
        mg_exchange_reply(exchange);
    }
}

bool mg_function_open(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    struct mg_run *run = &exchange->run;
    if (run->vm)
        return true;
    if (!mg_run_init(run, exchange->generation->vm, &host, exchange, &exchange->scope))
        return false;
    run->plan = plan;
    run->most_ms = (uint32_t)plan->limits.script;
    run->most_bytes = plan->limits.memory;
    run->keeps_request =
        plan->before_count || plan->after_count || plan->asks || exchange->generation->task_count;
    return true;
}

// False: the request has ended.
static bool open_run(struct mg_exchange *exchange)
{
    if (!exchange->run.vm && mg_worker_full(exchange->worker, exchange->generation)) {
        mg_exchange_say(exchange, 503, "the scripts hold too much memory");
        return false;
    }
    if (mg_function_open(exchange))
        return true;
    mg_exchange_no_memory(exchange);
    return false;
}

void mg_function_before(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    if (open_run(exchange))
        follow_run(exchange,
                   mg_run_before(&exchange->run, plan->before, plan->before_count, plan->context));
}

// All calls of the plan are in flight or waited for meanwhile, and no other function is at work.
bool mg_function_when(struct mg_exchange *exchange, const struct mg_asked *asked, bool *made)
{
    struct mg_run *run = &exchange->run;
    assert(!exchange->ending && exchange->state == MG_EXCHANGE_CALLING);
    if (!open_run(exchange))
        return false;
    enum mg_run_state state =
        mg_run_when(run, asked->plan->when, (const struct mg_asked *const *)exchange->asked,
                    exchange->plan->count, asked->plan->sees);
    tell_slow(exchange);
    if (state == MG_RUN_DONE) {
        *made = run->yes;
        return true;
    }
    exchange->reply = run->reply;
    fail(exchange);
    return false;
}

bool mg_function_after_due(const struct mg_exchange *exchange)
{
    return !exchange->ending && exchange->conn && exchange->state != MG_EXCHANGE_READING &&
           exchange->state != MG_EXCHANGE_PASSING;
}

void mg_function_after(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    bool late = mg_loop_now(&exchange->worker->loop) >= exchange->deadline;
    exchange->ending = true;
    if (late && exchange->reply.status == 504) {
        mg_exchange_reply(exchange);
        return;
    } else if (late) {
        mg_exchange_out_of_time(exchange);
        return;
    }
    mg_exchange_cancel_all(exchange);
    exchange->state = MG_EXCHANGE_CALLING;
    if (open_run(exchange))
        follow_run(exchange, mg_run_after(&exchange->run, plan->after, plan->after_count,
                                          &exchange->reply, false));
}

bool mg_function_after_head(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    struct mg_run *run = &exchange->run;
    exchange->ending = true;
    if (!open_run(exchange))
        return false;
    enum mg_run_state state =
        mg_run_after(run, plan->after, plan->after_count, &exchange->reply, true);
    exchange->reply = run->reply;
    if (state == MG_RUN_DONE)
        return true;
    if (state == MG_RUN_WAITS) {
        exchange->reply.headers.count = 0;
        run->failure = (struct mg_run_failure){
            .status = 500,
            .detail = MG_STR("an error in the route's script"),
            .log = MG_STR("after: it cannot wait, since the answer is passed while it comes"),
        };
    }
    fail(exchange);
    return false;
}

void mg_function_start(struct mg_exchange *exchange)
{
    struct mg_run *run = &exchange->run;
    if (!open_run(exchange))
        return;
    follow_run(exchange, mg_run_start(run, exchange->plan->function,
                                      (const struct mg_asked *const *)exchange->asked,
                                      exchange->plan->count));
}

static void go_on(struct mg_exchange *exchange)
{
    mg_timer_drop(&exchange->worker->loop, &exchange->timer);
    exchange->state = MG_EXCHANGE_CALLING;
    follow_run(exchange, mg_run_resume(&exchange->run));
}

// The time of a waiting function is up: its own, or the request's, which no pcall sees.
static void wake(struct mg_timer *timer)
{
    struct mg_exchange *exchange = MG_OWNER(timer, struct mg_exchange, timer);
    if (mg_loop_now(&exchange->worker->loop) >= exchange->deadline)
        mg_exchange_out_of_time(exchange);
    else
        go_on(exchange);
    mg_exchange_end_if_done(exchange);
}

// Whether a function that waits has what it waits for. One that only waits for a time has not.
bool mg_function_ready(const struct mg_exchange *exchange)
{
    const struct mg_wait *wait = &exchange->run.wait;
    unsigned landed = 0;
    if (wait->count == 0)
        return false;
    for (unsigned i = 0; i < wait->count; i++) {
        const struct mg_asked *asked = exchange->asked[wait->ids[i]];
        if (!asked->call.result.landed)
            continue;
        landed++;
        if (asked->verdict == MG_VERDICT_FAILED || asked->verdict == MG_VERDICT_RELAY)
            return true;
    }
    return landed == wait->count || (wait->mode == MG_WAIT_ANY && landed > 0);
}

bool mg_function_wait(struct mg_exchange *exchange, void (*up)(struct mg_timer *timer))
{
    struct mg_loop *loop = &exchange->worker->loop;
    uint64_t within = exchange->run.wait.within, at = exchange->deadline;
    uint64_t now = mg_loop_fresh(loop);
    if (within && now + within < at)
        at = now + within;
    exchange->timer.run = up;
    return mg_timer_set(loop, &exchange->timer, at);
}

void mg_function_landed(struct mg_exchange *exchange)
{
    if (exchange->state != MG_EXCHANGE_WAITING)
        return;
    if (mg_loop_now(&exchange->worker->loop) >= exchange->deadline)
        mg_exchange_out_of_time(exchange);
    else if (mg_function_ready(exchange))
        go_on(exchange);
}

static int host_start(void *owner, struct mg_asked *asked)
{
    struct mg_exchange *exchange = owner;
    unsigned made = exchange->asked_count - exchange->asked_before;
    if (made >= exchange->plan->limits.calls || !mg_exchange_keep(exchange, asked))
        return -1;
    mg_loop_fresh(&exchange->worker->loop); // the script may have worked for long in this turn
    mg_exchange_start_call(exchange, asked);
    return (int)exchange->asked_count - 1;
}

static const struct mg_asked *host_asked(void *owner, unsigned id)
{
    struct mg_exchange *exchange = owner;
    return id < exchange->asked_count ? exchange->asked[id] : NULL;
}

static void host_cancel(void *owner, unsigned id)
{
    struct mg_exchange *exchange = owner;
    struct mg_asked *asked = id < exchange->asked_count ? exchange->asked[id] : NULL;
    if (asked)
        mg_exchange_cancel(exchange, asked);
}

static uint64_t host_left(void *owner)
{
    struct mg_exchange *exchange = owner;
    uint64_t now = mg_loop_fresh(&exchange->worker->loop);
    return now < exchange->deadline ? exchange->deadline - now : 0;
}

static const struct mg_script_host host = {host_start, host_asked, host_cancel, host_left};
