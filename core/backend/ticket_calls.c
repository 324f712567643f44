#include "backend/ticket_calls.h"

#include <stdlib.h>

struct calls {
    struct mg_backend backend;
    struct mg_tickets *tickets;
    struct mg_mailbox *home;
    struct mg_list waiting;
    unsigned out; // jobs that have not come back
    void (*closed)(void *owner);
    void *owner;
    struct mg_task ending;
};

// The call may land without it, at its deadline or cancelled: no task is begun for it then, unless
// that has happened already; all else that was asked is done.
struct asked {
    struct mg_ticket_job job;
    struct mg_list node;
    struct mg_timer deadline;
    struct mg_call *call; // NULL: it has landed
    struct calls *calls;
};

static void end(struct mg_task *task)
{
    struct calls *calls = MG_OWNER(task, struct calls, ending);
    void (*closed)(void *owner) = calls->closed;
    void *owner = calls->owner;
    free(calls);
    closed(owner);
}

static struct mg_call *let_go(struct asked *asked)
{
    struct mg_call *call = asked->call;
    asked->call = NULL;
    asked->job.unwanted = true; // when it has come back, to nobody
    mg_list_drop(&asked->node);
    mg_timer_drop(asked->calls->backend.loop, &asked->deadline);
    return call;
}

static void expire(struct mg_timer *timer)
{
    struct asked *asked = MG_OWNER(timer, struct asked, deadline);
    struct mg_backend *backend = &asked->calls->backend;
    mg_backend_land(backend, let_go(asked), MG_TIMEOUT, MG_STR("out of time"));
}

static void land(struct asked *asked)
{
    struct mg_backend *backend = &asked->calls->backend;
    const struct mg_ticket_job *job = &asked->job;
    struct mg_call *call = let_go(asked);
    enum mg_status error = job->error;
    const char *message = job->message;
    if (error == MG_OK && job->body.len > call->body_most) {
        error = MG_TOO_LARGE;
        message = "the result is larger than it may be";
    } else if (error == MG_OK) {
        call->result.body = mg_arena_copy(call->arena, mg_buf_str(&job->body));
        call->result.form = job->form;
    }
    mg_backend_land(backend, call, error, mg_str_of(error == MG_OK ? "" : message));
}

static void come_back(struct mg_mail *mail)
{
    struct asked *asked = MG_OWNER(mail, struct asked, job.mail);
    struct calls *calls = asked->calls;
    if (asked->call)
        land(asked);
    mg_ticket_job_free(&asked->job);
    if (--calls->out == 0 && calls->closed)
        mg_loop_defer(calls->backend.loop, &calls->ending);
}

static void start(struct mg_backend *backend, struct mg_call *call)
{
    struct calls *calls = MG_OWNER(backend, struct calls, backend);
    struct asked *asked = (struct asked *)mg_ticket_job_new(sizeof *asked, &call->ticket);
    if (asked)
        asked->deadline.run = expire;
    if (!asked || !mg_timer_set(backend->loop, &asked->deadline, call->deadline)) {
        free(asked);
        mg_backend_fail(backend, call, MG_NO_MEMORY, MG_STR("no memory"));
        return;
    }
    asked->job.mail.deliver = come_back;
    asked->job.home = calls->home;
    asked->call = call;
    asked->calls = calls;
    mg_list_push(&calls->waiting, &asked->node);
    calls->out++;
    call->running = asked;
    calls->tickets->ask(calls->tickets, &asked->job);
}

static void cancel(struct mg_backend *backend, struct mg_call *call)
{
    mg_backend_fail(backend, let_go(call->running), MG_CANCELLED, MG_STR("cancelled"));
}

static void close_calls(struct mg_backend *backend, void (*closed)(void *owner), void *owner)
{
    struct calls *calls = MG_OWNER(backend, struct calls, backend);
    calls->closed = closed;
    calls->owner = owner;
    while (!mg_list_empty(&calls->waiting))
        cancel(backend, MG_OWNER(calls->waiting.next, struct asked, node)->call);
    if (!calls->out)
        mg_loop_defer(backend->loop, &calls->ending);
}

static const struct mg_backend_kind ticket_kind = {
    .word = "ticket",
    .start = start,
    .cancel = cancel,
    .close = close_calls,
};

struct mg_backend *mg_ticket_calls_new(struct mg_tickets *tickets, struct mg_loop *loop,
                                       struct mg_mailbox *home)
{
    struct calls *calls = calloc(1, sizeof *calls);
    if (!calls)
        return NULL;
    calls->backend = (struct mg_backend){.kind = &ticket_kind, .loop = loop};
    calls->backend.name = MG_STR("tasks");
    calls->tickets = tickets;
    calls->home = home;
    calls->ending.run = end;
    mg_list_init(&calls->waiting);
    return &calls->backend;
}
