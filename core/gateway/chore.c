#include "gateway/chore.h"

#include "gateway/answer.h"
#include "gateway/function.h"

static void follow(struct mg_chore *chore, enum mg_run_state state);

static struct mg_loop *loop_of(const struct mg_chore *chore)
{
    return &chore->exchange->worker->loop;
}

// The function at work has ended: what it has not waited for is no longer wanted.
static void end_function(struct mg_chore *chore)
{
    chore->waits = false;
    mg_timer_drop(loop_of(chore), &chore->exchange->timer);
    mg_exchange_cancel_all(chore->exchange);
    mg_loop_defer(loop_of(chore), &chore->turn);
}

static void log_failure(struct mg_exchange *exchange)
{
    const struct mg_run_failure *failure = &exchange->run.failure;
    struct mg_str why = failure->log.len ? failure->log : failure->detail;
    mg_answer_log(exchange, mg_arena_printf(&exchange->request->arena, "gate.finally: %.*s",
                                            (int)why.len, why.len ? why.data : ""));
}

static void out_of_time(struct mg_chore *chore)
{
    mg_answer_log(chore->exchange, MG_STR("gate.finally: its function ran out of time"));
    end_function(chore);
}

static void resume(struct mg_chore *chore)
{
    chore->waits = false;
    mg_timer_drop(loop_of(chore), &chore->exchange->timer);
    follow(chore, mg_run_resume(&chore->exchange->run));
}

// The time of a waiting function is up: what it waits for, or all of its own.
static void wake(struct mg_timer *timer)
{
    struct mg_exchange *exchange = MG_OWNER(timer, struct mg_exchange, timer);
    if (mg_loop_now(&exchange->worker->loop) >= exchange->deadline)
        out_of_time(exchange->chore);
    else
        resume(exchange->chore);
}

static void follow(struct mg_chore *chore, enum mg_run_state state)
{
    struct mg_exchange *exchange = chore->exchange;
    struct mg_run *run = &exchange->run;
    while (state == MG_RUN_WAITS && mg_function_ready(exchange)) // for what has landed before
        state = mg_run_resume(run);
    if (state != MG_RUN_WAITS) {
        if (state == MG_RUN_FAILED)
            log_failure(exchange);
        end_function(chore);
        return;
    }
    uint64_t now = mg_loop_fresh(loop_of(chore)), at = exchange->deadline;
    if (run->wait.within && now + run->wait.within < at)
        at = now + run->wait.within;
    chore->waits = true;
    exchange->timer.run = wake;
    if (!mg_timer_set(loop_of(chore), &exchange->timer, at))
        out_of_time(chore);
}

void mg_chore_landed(struct mg_chore *chore)
{
    if (!chore->waits)
        return;
    if (mg_loop_now(loop_of(chore)) >= chore->exchange->deadline)
        out_of_time(chore);
    else if (mg_function_ready(chore->exchange))
        resume(chore);
}

static void finish(struct mg_exchange *exchange)
{
    exchange->chore = NULL;
    mg_run_fini(&exchange->run);
    mg_exchange_end_if_done(exchange);
}

// Each function begins with what a request has: the calls and results that were are not its own. A
// worker that was told to give up grants all of them together the time of one.
static void take_turn(struct mg_task *task)
{
    struct mg_chore *chore = MG_OWNER(task, struct mg_chore, turn);
    struct mg_exchange *exchange = chore->exchange;
    const struct mg_worker *worker = exchange->worker;
    uint64_t now = mg_loop_now(loop_of(chore));
    if (!exchange->run.final_count) {
        finish(exchange);
        return;
    }
    exchange->deadline = now + exchange->generation->edition->config->limits.finally;
    if (worker->hurried && exchange->deadline > worker->last_moment)
        exchange->deadline = worker->last_moment;
    exchange->asked_before = exchange->asked_count;
    exchange->result_bytes = 0;
    if (exchange->deadline > now)
        follow(chore, mg_run_finally(&exchange->run, chore->status));
    else
        finish(exchange);
}

// What was said, or would have been.
static int status_of(const struct mg_exchange *exchange)
{
    enum { client_left = 499, shutting_down = 503 };
    if (exchange->reply.status)
        return exchange->reply.status;
    return exchange->worker->hurried ? shutting_down : client_left;
}

bool mg_chore_finally(struct mg_exchange *exchange)
{
    if (!exchange->run.final_count)
        return false;
    struct mg_chore *chore = MG_ARENA_NEW(&exchange->request->arena, struct mg_chore);
    if (!chore) {
        mg_answer_log(exchange, MG_STR("gate.finally: out of memory"));
        return false;
    }
    chore->exchange = exchange;
    chore->turn.run = take_turn;
    chore->status = status_of(exchange);
    exchange->chore = chore;
    mg_loop_defer(loop_of(chore), &chore->turn);
    return true;
}
