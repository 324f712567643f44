#include "gateway/chore.h"

#include "base/log.h"
#include "gateway/answer.h"
#include "gateway/function.h"

static void follow(struct mg_chore *chore, enum mg_run_state state);

static struct mg_loop *loop_of(const struct mg_chore *chore)
{
    return &chore->exchange->worker->loop;
}

static bool at_work(const struct mg_chore *chore)
{
    return chore->alone && chore->work.ended;
}

static void say(const struct mg_chore *chore, struct mg_str text)
{
    struct mg_exchange *exchange = chore->exchange;
    struct mg_arena *arena = &exchange->request->arena;
    struct mg_str id = exchange->request->id, name = chore->work.name;
    const char *part = at_work(chore) ? "" : "gate.finally: ";
    text = mg_arena_printf(arena, "%s%.*s", part, (int)text.len, text.len ? text.data : "");
    if (!chore->alone) {
        mg_answer_log(exchange, text);
        return;
    }
    text = mg_vm_redact(exchange->generation->vm, text, arena);
    mg_log(MG_LOG_ERROR, "%.*s (run %.*s): %.*s", (int)name.len, name.data, (int)id.len, id.data,
           (int)text.len, text.data);
}

static int status_of_end(const struct mg_chore *chore, enum mg_chore_end end)
{
    if (end == MG_CHORE_FAILED)
        return chore->exchange->run.failure.status;
    return end == MG_CHORE_DONE ? 200 : end == MG_CHORE_LATE ? 504 : 503;
}

// The function at work has ended: what it has not waited for is no longer wanted.
static void end_function(struct mg_chore *chore, enum mg_chore_end end)
{
    struct mg_exchange *exchange = chore->exchange;
    void (*ended)(struct mg_chore *, enum mg_chore_end) = chore->work.ended;
    const struct mg_run_failure *failure = &exchange->run.failure;
    chore->waits = false;
    mg_timer_drop(loop_of(chore), &exchange->timer);
    mg_exchange_cancel_all(exchange);
    if (end == MG_CHORE_FAILED)
        say(chore, failure->log.len ? failure->log : failure->detail);
    else if (end == MG_CHORE_LATE)
        say(chore, MG_STR("its function ran out of time"));
    if (at_work(chore)) {
        chore->status = status_of_end(chore, end);
        chore->work.ended = NULL;
        ended(chore, end);
    }
    mg_loop_defer(loop_of(chore), &chore->turn);
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
        end_function(exchange->chore, MG_CHORE_LATE);
    else
        resume(exchange->chore);
}

static void follow(struct mg_chore *chore, enum mg_run_state state)
{
    struct mg_exchange *exchange = chore->exchange;
    while (state == MG_RUN_WAITS && mg_function_ready(exchange)) // for what has landed before
        state = mg_run_resume(&exchange->run);
    if (state != MG_RUN_WAITS) {
        end_function(chore, state == MG_RUN_FAILED ? MG_CHORE_FAILED : MG_CHORE_DONE);
        return;
    }
    chore->waits = true;
    if (!mg_function_wait(exchange, wake))
        end_function(chore, MG_CHORE_LATE);
}

void mg_chore_landed(struct mg_chore *chore)
{
    if (!chore->waits)
        return;
    if (mg_loop_now(loop_of(chore)) >= chore->exchange->deadline)
        end_function(chore, MG_CHORE_LATE);
    else if (mg_function_ready(chore->exchange))
        resume(chore);
}

void mg_chore_cut(struct mg_chore *chore)
{
    if (!at_work(chore))
        return;
    chore->begun = true; // or it never will
    end_function(chore, MG_CHORE_CUT);
}

static void finish(struct mg_exchange *exchange)
{
    exchange->chore = NULL;
    mg_run_fini(&exchange->run);
    mg_exchange_end_if_done(exchange);
}

// A function begins with what a request has: the calls and results that were are not its own. A
// worker that was told to give up grants all of them together the time of one.
static bool grant(struct mg_chore *chore, uint64_t within)
{
    struct mg_exchange *exchange = chore->exchange;
    const struct mg_worker *worker = exchange->worker;
    uint64_t now = mg_loop_now(loop_of(chore));
    exchange->deadline = now + within;
    if (worker->hurried && exchange->deadline > worker->last_moment)
        exchange->deadline = worker->last_moment;
    exchange->asked_before = exchange->asked_count;
    exchange->result_bytes = 0;
    return exchange->deadline > now;
}

static void take_turn(struct mg_task *task)
{
    struct mg_chore *chore = MG_OWNER(task, struct mg_chore, turn);
    struct mg_exchange *exchange = chore->exchange;
    struct mg_run *run = &exchange->run;
    if (chore->alone && !chore->begun) {
        chore->begun = true;
        grant(chore, chore->work.within);
        follow(chore, mg_run_chore(run, &chore->work.run));
    } else if (run->final_count &&
               grant(chore, exchange->generation->edition->config->limits.finally)) {
        follow(chore, mg_run_finally(run, chore->status));
    } else {
        finish(exchange);
    }
}

// What was said, or would have been.
static int status_of(const struct mg_exchange *exchange)
{
    enum { client_left = 499, shutting_down = 503 };
    if (exchange->reply.status)
        return exchange->reply.status;
    return exchange->worker->hurried ? shutting_down : client_left;
}

static struct mg_chore *attach(struct mg_exchange *exchange)
{
    struct mg_chore *chore = MG_ARENA_NEW(&exchange->request->arena, struct mg_chore);
    if (!chore)
        return NULL;
    chore->exchange = exchange;
    chore->turn.run = take_turn;
    exchange->chore = chore;
    mg_loop_defer(&exchange->worker->loop, &chore->turn);
    return chore;
}

bool mg_chore_finally(struct mg_exchange *exchange)
{
    if (!exchange->run.final_count)
        return false;
    struct mg_chore *chore = attach(exchange);
    if (chore)
        chore->status = status_of(exchange);
    else
        mg_answer_log(exchange, MG_STR("gate.finally: out of memory"));
    return chore != NULL;
}

struct mg_chore *mg_chore_start(struct mg_worker *worker, const struct mg_chore_work *work)
{
    struct mg_request *request = mg_request_new(&worker->net.blocks);
    struct mg_exchange *exchange = request ? mg_exchange_new(worker, NULL, request) : NULL;
    if (!exchange) {
        mg_request_free(request);
        return NULL;
    }
    request->id = mg_answer_new_id(worker, &request->arena);
    exchange->plan = &exchange->generation->idle;
    exchange->scope.fields_most = (unsigned)exchange->plan->limits.fields;
    exchange->state = MG_EXCHANGE_REPLIED;
    struct mg_chore *chore = mg_function_open(exchange) ? attach(exchange) : NULL;
    if (!chore) {
        mg_run_fini(&exchange->run);
        mg_exchange_end_if_done(exchange);
        return NULL;
    }
    chore->alone = true;
    chore->work = *work;
    chore->work.name = mg_arena_copy(&request->arena, work->name);
    chore->work.run.ticket = mg_arena_copy(&request->arena, work->run.ticket);
    chore->work.run.args = mg_arena_copy(&request->arena, work->run.args);
    return chore;
}
