#include "gateway/function.h"

#include "gateway/answer.h"

static void wake(struct mg_timer *timer);
static const struct mg_script_host host;

static void follow_run(struct mg_exchange *exchange, enum mg_run_state state)
{
    struct mg_run *run = &exchange->run;
    if (state == MG_RUN_WAITS) {
        uint64_t now = mg_loop_fresh(&exchange->worker->loop), at = exchange->deadline;
        if (run->wait.within && now + run->wait.within < at)
            at = now + run->wait.within;
        exchange->state = MG_EXCHANGE_WAITING;
        exchange->timer.run = wake;
        if (!mg_timer_set(&exchange->worker->loop, &exchange->timer, at))
            mg_exchange_no_memory(exchange);
        return;
    }
    exchange->reply = run->reply;
    if (state == MG_RUN_DONE) {
        mg_exchange_reply(exchange);
        return;
    }
    mg_function_fail(exchange, &run->failure);
}

void mg_function_fail(struct mg_exchange *exchange, const struct mg_run_failure *its)
{
    const struct mg_run_failure failure = *its; // its run ends with the request
    mg_answer_log(exchange, failure.log);
    mg_exchange_problem(exchange, (struct mg_problem){.status = failure.status,
                                                      .title = failure.title,
                                                      .detail = failure.detail,
                                                      .calls = failure.calls,
                                                      .members = failure.members});
}

bool mg_function_run(struct mg_exchange *exchange, struct mg_run *run)
{
    return mg_run_init(run, exchange->worker->generation->vm, &host, exchange, &exchange->scope);
}

void mg_function_start(struct mg_exchange *exchange)
{
    struct mg_run *run = &exchange->run;
    if (!mg_function_run(exchange, run)) {
        mg_exchange_no_memory(exchange);
        return;
    }
    follow_run(exchange, mg_run_start(run, exchange->plan->function,
                                      (const struct mg_asked *const *)exchange->asked,
                                      exchange->plan->count));
}

void mg_function_resume(struct mg_exchange *exchange)
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
        mg_function_resume(exchange);
    mg_exchange_end_if_done(exchange);
}

bool mg_function_ready(const struct mg_exchange *exchange)
{
    return mg_function_has(exchange, &exchange->run.wait);
}

// One that only waits for a time has it not.
bool mg_function_has(const struct mg_exchange *exchange, const struct mg_wait *wait)
{
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

static int host_start(void *owner, struct mg_asked *asked)
{
    struct mg_exchange *exchange = owner;
    if (exchange->asked_count >= exchange->plan->limits.calls || !mg_exchange_keep(exchange, asked))
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
