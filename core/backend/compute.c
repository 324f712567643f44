#include "backend/compute.h"

#include <stdlib.h>

#include "backend/compute_desk.h"

enum { patience_ms = 1000 }; // that a job may go on unheard before the log says so

// Who looks after a task next. The thread and the worker both want to change OUT; who comes first
// has it.
enum { OUT, HOME, LEFT };

struct computing {
    struct mg_backend backend;
    struct mg_compute *compute;
    struct mg_mailbox *home;
    struct mg_list waiting; // errands whose call waits
    unsigned coming;        // errands whose call has gone, on their way home
    struct mg_timer report;
    void (*closed)(void *owner);
    void *owner;
    struct mg_task ending;
};

// Its bytes lie behind it in the same block: the call may go before the thread is through.
struct errand {
    struct mg_compute_task task;
    _Atomic int place;
    struct mg_mail mail;
    struct mg_list node;
    struct computing *computing; // not to be looked at by the thread once it is LEFT
    struct mg_call *call;        // NULL: nobody waits
    struct mg_timer deadline;
    char bytes[];
};

static void free_errand(struct errand *errand)
{
    mg_buf_fini(&errand->task.out);
    mg_buf_fini(&errand->task.why);
    mg_compute_drop(errand->task.compute);
    free(errand);
}

static void end(struct mg_task *task)
{
    struct computing *computing = MG_OWNER(task, struct computing, ending);
    void (*closed)(void *owner) = computing->closed;
    void *owner = computing->owner;
    free(computing);
    closed(owner);
}

static void end_if_closing(struct computing *computing)
{
    if (computing->closed && !computing->coming)
        mg_loop_defer(computing->backend.loop, &computing->ending);
}

static void report(struct mg_timer *timer)
{
    struct computing *computing = MG_OWNER(timer, struct computing, report);
    struct mg_loop *loop = computing->backend.loop;
    if (mg_compute_report(computing->compute->pool, patience_ms))
        mg_timer_set(loop, timer, mg_loop_now(loop) + patience_ms);
}

static struct mg_call *let_go(struct errand *errand)
{
    struct mg_call *call = errand->call;
    errand->call = NULL;
    mg_list_drop(&errand->node);
    mg_timer_drop(errand->computing->backend.loop, &errand->deadline);
    return call;
}

// The call goes, and the thread is told. What the thread has not sent home yet it disposes of.
static struct mg_call *leave(struct errand *errand)
{
    struct computing *computing = errand->computing;
    struct mg_loop *loop = computing->backend.loop;
    struct mg_call *call = let_go(errand);
    int place = OUT;
    if (mg_compute_leave(&errand->task) && !computing->closed)
        mg_timer_set(loop, &computing->report, mg_loop_now(loop) + patience_ms);
    if (!atomic_compare_exchange_strong(&errand->place, &place, LEFT))
        computing->coming++;
    return call;
}

static void expire(struct mg_timer *timer)
{
    struct errand *errand = MG_OWNER(timer, struct errand, deadline);
    struct mg_backend *backend = &errand->computing->backend;
    mg_backend_land(backend, leave(errand), MG_TIMEOUT, MG_STR("out of time"));
}

// The words of a failure; of MG_LUA they are the module's.
static struct mg_str words_of(const struct errand *errand)
{
    switch (errand->task.error) {
    case MG_OK:
        return MG_STR("");
    case MG_BUSY:
        return MG_STR("too many calls are waiting for its threads");
    case MG_NO_MEMORY:
        return MG_STR("no memory or threads");
    default:
        return mg_buf_str(&errand->task.why);
    }
}

// The bytes go to the call's arena as they are, without a copy.
static void land(struct errand *errand)
{
    struct mg_backend *backend = &errand->computing->backend;
    struct mg_call *call = let_go(errand);
    struct mg_buf *out = &errand->task.out;
    if (errand->task.error == MG_OK && mg_arena_at_end(call->arena, free, out->data)) {
        call->result.body = mg_buf_str(out);
        call->result.form = MG_BODY_JSON;
        *out = (struct mg_buf){0};
    } else if (errand->task.error == MG_OK) {
        errand->task.error = MG_NO_MEMORY;
    }
    mg_backend_land(backend, call, errand->task.error, words_of(errand));
}

static void come_home(struct mg_mail *mail)
{
    struct errand *errand = MG_OWNER(mail, struct errand, mail);
    struct computing *computing = errand->computing;
    if (errand->call) {
        land(errand);
    } else {
        computing->coming--;
        end_if_closing(computing);
    }
    free_errand(errand);
}

// On the thread.
static void done(struct mg_job *job)
{
    struct errand *errand = MG_OWNER(job, struct errand, task.job);
    int place = OUT;
    if (job->late)
        errand->task.error = MG_BUSY;
    errand->mail.deliver = come_home;
    if (atomic_compare_exchange_strong(&errand->place, &place, HOME))
        mg_mailbox_send(errand->computing->home, &errand->mail);
    else
        free_errand(errand);
}

static struct errand *new_errand(struct computing *computing, struct mg_call *call)
{
    const struct mg_compute_ask *ask = &call->compute;
    struct errand *errand =
        calloc(1, sizeof *errand + ask->module.len + ask->function.len + ask->args.len);
    if (!errand)
        return NULL;
    char *room = errand->bytes;
    errand->task.ask =
        (struct mg_compute_ask){mg_str_pack(&room, ask->module), mg_str_pack(&room, ask->function),
                                mg_str_pack(&room, ask->args)};
    errand->task.compute = computing->compute;
    mg_compute_hold(computing->compute);
    mg_buf_init(&errand->task.out, call->body_most);
    errand->task.job.done = done;
    errand->computing = computing;
    errand->call = call;
    errand->deadline.run = expire;
    return errand;
}

static void start(struct mg_backend *backend, struct mg_call *call)
{
    struct computing *computing = MG_OWNER(backend, struct computing, backend);
    uint64_t now = mg_loop_now(backend->loop);
    struct errand *errand = new_errand(computing, call);
    if (!errand || !mg_timer_set(backend->loop, &errand->deadline, call->deadline)) {
        mg_backend_fail(backend, call, MG_NO_MEMORY, MG_STR("no memory"));
        if (errand)
            free_errand(errand);
        return;
    }
    mg_list_push(&computing->waiting, &errand->node);
    call->running = errand;
    uint64_t left = call->deadline > now ? call->deadline - now : 0;
    enum mg_status status = mg_compute_submit(&errand->task, left);
    if (status == MG_OK)
        return;
    errand->task.error = status;
    let_go(errand);
    mg_backend_fail(backend, call, status, words_of(errand));
    free_errand(errand);
}

static void cancel(struct mg_backend *backend, struct mg_call *call)
{
    mg_backend_fail(backend, leave(call->running), MG_CANCELLED, MG_STR("cancelled"));
}

static void close_computing(struct mg_backend *backend, void (*closed)(void *owner), void *owner)
{
    struct computing *computing = MG_OWNER(backend, struct computing, backend);
    computing->closed = closed;
    computing->owner = owner;
    mg_timer_drop(backend->loop, &computing->report);
    while (!mg_list_empty(&computing->waiting))
        cancel(backend, MG_OWNER(computing->waiting.next, struct errand, node)->call);
    end_if_closing(computing);
}

static const struct mg_backend_kind compute_kind = {
    .word = "compute",
    .start = start,
    .cancel = cancel,
    .close = close_computing,
};

struct mg_compute *mg_compute_new(struct mg_compute_pool *pool, struct mg_engine *engine)
{
    struct mg_compute *compute = calloc(1, sizeof *compute);
    if (!compute) {
        engine->free(engine);
        return NULL;
    }
    compute->pool = pool;
    compute->engine = engine;
    atomic_init(&compute->users, 1);
    return compute;
}

void mg_compute_free(struct mg_compute *compute)
{
    if (!compute)
        return;
    atomic_store(&compute->ended, true);
    mg_compute_drop(compute);
}

struct mg_backend *mg_compute_open(struct mg_compute *compute, struct mg_loop *loop,
                                   struct mg_mailbox *home)
{
    struct computing *computing = calloc(1, sizeof *computing);
    if (!computing)
        return NULL;
    computing->backend.kind = &compute_kind;
    computing->backend.loop = loop;
    computing->backend.name = MG_STR("compute");
    computing->compute = compute;
    computing->home = home;
    computing->report.run = report;
    computing->ending.run = end;
    mg_list_init(&computing->waiting);
    return &computing->backend;
}
