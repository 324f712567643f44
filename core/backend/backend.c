#include "backend/backend.h"

void mg_backend_start(struct mg_backend *backend, struct mg_call *call)
{
    call->result = (struct mg_result){0};
    call->running = NULL;
    call->began = mg_loop_now(backend->loop);
    backend->kind->start(backend, call);
}

// A call that waits to land as failed is past cancelling: it lands in the next turn as it is.
void mg_backend_cancel(struct mg_backend *backend, struct mg_call *call)
{
    if (call->running && call->result.error == MG_OK)
        backend->kind->cancel(backend, call);
}

void mg_backend_resume(struct mg_backend *backend, struct mg_call *call)
{
    if (call->running && call->result.error == MG_OK && backend->kind->resume)
        backend->kind->resume(backend, call);
}

void mg_backend_feed(struct mg_backend *backend, struct mg_call *call)
{
    if (call->running && call->result.error == MG_OK && backend->kind->feed)
        backend->kind->feed(backend, call);
}

void mg_backend_close(struct mg_backend *backend, void (*closed)(void *owner), void *owner)
{
    backend->kind->close(backend, closed, owner);
}

void mg_backend_hurry(struct mg_backend *backend)
{
    if (backend->kind->hurry)
        backend->kind->hurry(backend);
}

static void set_failure(struct mg_call *call, enum mg_status error, struct mg_str message)
{
    struct mg_result *result = &call->result;
    result->error = error;
    result->message = mg_arena_copy(call->arena, message);
    if (!result->message.data)
        result->message = mg_str_of(mg_status_word(error));
    if (error != MG_STATUS)
        result->body = (struct mg_str){0};
}

static void land(struct mg_backend *backend, struct mg_call *call)
{
    uint64_t ms = mg_loop_now(backend->loop) - call->began;
    call->result.ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
    call->result.landed = true;
    call->running = NULL;
    call->landed(call);
}

void mg_backend_land(struct mg_backend *backend, struct mg_call *call, enum mg_status error,
                     struct mg_str message)
{
    if (error != MG_OK)
        set_failure(call, error, message);
    else if (!call->result.status)
        call->result.status = 200;
    land(backend, call);
}

// The failed calls form a ring through call->running, entered at the newest: no memory is needed to
// say that there is none.
static void land_failed(struct mg_task *task)
{
    struct mg_backend *backend = MG_OWNER(task, struct mg_backend, failing);
    struct mg_call *last = backend->failed, *call = last->running, *next;
    backend->failed = NULL;
    for (bool more = true; more; call = next) {
        next = call->running;
        more = call != last;
        land(backend, call);
    }
}

void mg_backend_fail(struct mg_backend *backend, struct mg_call *call, enum mg_status error,
                     struct mg_str message)
{
    set_failure(call, error, message);
    struct mg_call *last = backend->failed;
    call->running = last ? last->running : call;
    if (last)
        last->running = call;
    backend->failed = call;
    backend->failing.run = land_failed;
    mg_loop_defer(backend->loop, &backend->failing);
}
