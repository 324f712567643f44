#include "backend/errand.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { patience_most = 100 }; // ms that a job may be expected to wait for a thread

static void come_back(struct mg_job *job);

static void free_errand(struct mg_errand *errand)
{
    if (errand->fini)
        errand->fini(errand);
    mg_buf_fini(&errand->body);
    free(errand);
}

static void end(struct mg_task *task)
{
    struct mg_errands *errands = MG_OWNER(task, struct mg_errands, ending);
    void (*closed)(void *owner) = errands->closed;
    void *owner = errands->owner;
    free(errands);
    closed(owner);
}

static void end_if_closing(struct mg_errands *errands)
{
    if (errands->closed && !errands->out)
        mg_loop_defer(errands->backend.loop, &errands->ending);
}

void mg_errands_init(struct mg_errands *errands, const struct mg_backend_kind *kind,
                     struct mg_str name, struct mg_loop *loop, struct mg_mailbox *home)
{
    errands->backend.kind = kind;
    errands->backend.name = name;
    errands->backend.loop = loop;
    errands->home = home;
    errands->ending.run = end;
    mg_list_init(&errands->waited_for);
}

// Lets the call go; the pool thread is told to stop early. An errand that is parked has to be freed
// by who abandons it, any other is when its job comes back.
static struct mg_call *abandon(struct mg_errand *errand)
{
    struct mg_call *call = errand->call;
    errand->call = NULL;
    mg_list_drop(&errand->node);
    mg_timer_drop(errand->errands->backend.loop, &errand->deadline);
    atomic_store(&errand->job.cancelled, true);
    return call;
}

static void expire(struct mg_timer *timer)
{
    struct mg_errand *errand = MG_OWNER(timer, struct mg_errand, deadline);
    struct mg_backend *backend = &errand->errands->backend;
    struct mg_call *call = abandon(errand);
    if (errand->parked)
        free_errand(errand);
    mg_backend_land(backend, call, MG_TIMEOUT, MG_STR("out of time"));
}

static void refuse(struct mg_errand *errand, enum mg_status status)
{
    mg_errand_fail(errand, status, "too many calls are waiting for its threads");
}

static enum mg_status submit(struct mg_errand *errand, struct mg_pool *pool)
{
    errand->pool = pool;
    struct mg_errands *errands = errand->errands;
    uint64_t now = mg_loop_now(errands->backend.loop), deadline = errand->call->deadline;
    uint64_t left = deadline > now ? deadline - now : 0;
    enum mg_status status = mg_pool_submit(pool, &errand->job, errands->home,
                                           left < patience_most ? left : patience_most);
    if (status == MG_OK)
        errands->out++;
    else
        refuse(errand, status);
    return status;
}

void mg_errand_start(struct mg_errands *errands, struct mg_errand *errand, struct mg_call *call,
                     struct mg_pool *pool, void (*run)(struct mg_job *job, void *desk))
{
    errand->errands = errands;
    errand->call = call;
    errand->body_most = call->body_most;
    errand->job.run = run;
    errand->job.done = come_back;
    errand->deadline.run = expire;
    if (!mg_timer_set(errands->backend.loop, &errand->deadline, call->deadline))
        mg_errand_fail(errand, MG_NO_MEMORY, "no memory");
    else if (submit(errand, pool) == MG_OK) {
        mg_list_push(&errands->waited_for, &errand->node);
        call->running = errand;
        return;
    }
    mg_timer_drop(errands->backend.loop, &errand->deadline);
    mg_backend_fail(&errands->backend, call, errand->error, mg_str_of(errand->message));
    free_errand(errand);
}

// The bytes go to the call's arena as they are, without a copy.
static void land(struct mg_errand *errand)
{
    struct mg_call *call = abandon(errand);
    struct mg_result *result = &call->result;
    struct mg_buf *body = &errand->body;
    if (errand->error == MG_OK && body->data) {
        if (mg_arena_at_end(call->arena, free, body->data)) {
            result->body = (struct mg_str){body->data, body->len};
            *body = (struct mg_buf){0};
        } else {
            mg_errand_fail(errand, MG_NO_MEMORY, "no memory");
        }
    }
    // What is not there has no body, should its 404 be accepted: not even an empty text.
    result->form = errand->error == MG_STATUS ? MG_BODY_JSON : errand->form;
    result->status = errand->status;
    mg_backend_land(&errand->errands->backend, call, errand->error, mg_str_of(errand->message));
}

// What was begun goes on: the pool takes it in any case.
static void submit_again(struct mg_errand *errand)
{
    struct mg_errands *errands = errand->errands;
    mg_pool_submit(errand->pool, &errand->job, errands->home, MG_POOL_FOREVER);
    errands->out++;
}

// Has the kind look at what came. True: the errand is at its pool again, or parked.
static bool go_on(struct mg_errand *errand)
{
    enum mg_errand_next next = errand->back(errand);
    if (!errand->call || next == MG_ERRAND_LAND)
        return false;
    errand->parked = next == MG_ERRAND_PARK;
    if (next == MG_ERRAND_AGAIN)
        submit_again(errand);
    return true;
}

static void come_back(struct mg_job *job)
{
    struct mg_errand *errand = MG_OWNER(job, struct mg_errand, job);
    struct mg_errands *errands = errand->errands;
    struct mg_pool *onward = errand->onward;
    errand->onward = NULL;
    errands->out--;
    if (job->late)
        refuse(errand, MG_BUSY);
    if (errand->call && onward && submit(errand, onward) == MG_OK)
        return;
    if (errand->call && errand->back && errand->error == MG_OK && go_on(errand))
        return;
    if (errand->call)
        land(errand);
    free_errand(errand);
    end_if_closing(errands);
}

void mg_errands_resume(struct mg_backend *backend, struct mg_call *call)
{
    struct mg_errand *errand = call->running;
    if (!errand->parked)
        return;
    errand->parked = false;
    submit_again(errand);
}

void mg_errands_cancel(struct mg_backend *backend, struct mg_call *call)
{
    struct mg_errand *errand = call->running;
    abandon(errand);
    if (errand->parked)
        free_errand(errand);
    mg_backend_fail(backend, call, MG_CANCELLED, MG_STR("cancelled"));
}

void mg_errands_close(struct mg_backend *backend, void (*closed)(void *owner), void *owner)
{
    struct mg_errands *errands = MG_OWNER(backend, struct mg_errands, backend);
    errands->closed = closed;
    errands->owner = owner;
    while (!mg_list_empty(&errands->waited_for)) {
        struct mg_errand *next = MG_OWNER(errands->waited_for.next, struct mg_errand, node);
        mg_errands_cancel(backend, next->call);
    }
    end_if_closing(errands);
}

void mg_errand_fail(struct mg_errand *errand, enum mg_status error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(errand->message, sizeof errand->message, format, args);
    va_end(args);
    errand->error = error;
    mg_buf_fini(&errand->body);
}

bool mg_errand_check(struct mg_errand *errand)
{
    if (errand->body.failed == MG_NO_MEMORY)
        mg_errand_fail(errand, MG_NO_MEMORY, "no memory");
    else if (errand->body.failed != MG_OK || errand->body.len > errand->body_most)
        mg_errand_fail(errand, MG_TOO_LARGE, "more than %zu bytes", errand->body_most);
    return errand->error == MG_OK;
}
