#include "gateway/when.h"

#include "gateway/answer.h"
#include "gateway/function.h"

struct mg_when {
    struct mg_run run;
    struct mg_timer timer;
    struct mg_exchange *exchange;
    struct mg_asked *asked;
    struct mg_when *next; // of the exchange's
    bool waits;
};

static void wake(struct mg_timer *timer);

static void wait_on(struct mg_when *when)
{
    struct mg_exchange *exchange = when->exchange;
    uint64_t now = mg_loop_fresh(&exchange->worker->loop), at = exchange->deadline;
    uint64_t within = when->run.wait.within;
    if (within && now + within < at)
        at = now + within;
    when->waits = true;
    when->timer.run = wake;
    if (!mg_timer_set(&exchange->worker->loop, &when->timer, at))
        mg_exchange_no_memory(exchange);
}

static void follow(struct mg_when *when, enum mg_run_state state)
{
    struct mg_exchange *exchange = when->exchange;
    if (state == MG_RUN_WAITS) {
        wait_on(when);
        return;
    }
    if (state == MG_RUN_FAILED) {
        exchange->reply = when->run.reply;
        mg_function_fail(exchange, &when->run.failure);
        return;
    }
    bool yes = when->run.yes;
    mg_run_fini(&when->run);
    mg_exchange_decided(exchange, when->asked, yes);
}

static void resume(struct mg_when *when)
{
    when->waits = false;
    mg_timer_drop(&when->exchange->worker->loop, &when->timer);
    follow(when, mg_run_resume(&when->run));
}

// Its time is up: its own, or the request's, which no pcall sees.
static void wake(struct mg_timer *timer)
{
    struct mg_when *when = MG_OWNER(timer, struct mg_when, timer);
    struct mg_exchange *exchange = when->exchange;
    if (mg_loop_now(&exchange->worker->loop) >= exchange->deadline)
        mg_exchange_out_of_time(exchange);
    else
        resume(when);
    mg_exchange_end_if_done(exchange);
}

bool mg_when_start(struct mg_exchange *exchange, struct mg_asked *asked)
{
    struct mg_when *when = MG_ARENA_NEW(exchange->scope.arena, struct mg_when);
    if (!when || !mg_function_run(exchange, &when->run)) {
        mg_exchange_no_memory(exchange);
        return false;
    }
    when->exchange = exchange;
    when->asked = asked;
    when->next = exchange->whens;
    exchange->whens = when;
    when->run.asks = true;
    follow(when,
           mg_run_start(&when->run, asked->plan->when,
                        (const struct mg_asked *const *)exchange->asked, exchange->plan->count));
    return exchange->state != MG_EXCHANGE_REPLIED;
}

void mg_when_landed(struct mg_exchange *exchange)
{
    for (struct mg_when *when = exchange->whens; when; when = when->next)
        if (when->waits && mg_function_has(exchange, &when->run.wait))
            resume(when);
}

void mg_when_end(struct mg_exchange *exchange)
{
    for (struct mg_when *when = exchange->whens; when; when = when->next) {
        when->waits = false;
        mg_timer_drop(&exchange->worker->loop, &when->timer);
        mg_run_fini(&when->run);
    }
    exchange->whens = NULL;
}
