#include "backend/value.h"

#include <stdlib.h>

struct values {
    struct mg_backend backend;
    struct mg_list waiting;
    void (*closed)(void *owner);
    void *owner;
    struct mg_task ending;
};

// In the call's arena.
struct waiting {
    struct mg_list node;
    struct mg_timer timer;
    struct mg_call *call;
    struct values *values;
};

static void drop(struct waiting *waiting)
{
    mg_list_drop(&waiting->node);
    mg_timer_drop(waiting->values->backend.loop, &waiting->timer);
}

static bool too_late(const struct mg_call *call)
{
    uint64_t delay = call->value.delay;
    return delay > call->deadline || call->began > call->deadline - delay;
}

static void ring(struct mg_timer *timer)
{
    struct waiting *waiting = MG_OWNER(timer, struct waiting, timer);
    struct mg_backend *backend = &waiting->values->backend;
    struct mg_call *call = waiting->call;
    drop(waiting);
    if (too_late(call)) {
        mg_backend_land(backend, call, MG_TIMEOUT, MG_STR("out of time"));
        return;
    }
    call->result.body = call->value.json;
    call->result.form = MG_BODY_JSON;
    mg_backend_land(backend, call, MG_OK, MG_STR(""));
}

static void start(struct mg_backend *backend, struct mg_call *call)
{
    struct waiting *waiting = MG_ARENA_NEW(call->arena, struct waiting);
    // Loop time is cut to whole ms: one more makes the delay no shorter than what was asked for.
    uint64_t delay = call->value.delay ? call->value.delay + 1 : 0;
    uint64_t at = too_late(call) ? call->deadline : call->began + delay;
    if (waiting)
        waiting->timer.run = ring;
    if (!waiting || !mg_timer_set(backend->loop, &waiting->timer, at)) {
        mg_backend_fail(backend, call, MG_NO_MEMORY, MG_STR("no memory"));
        return;
    }
    waiting->call = call;
    waiting->values = MG_OWNER(backend, struct values, backend);
    mg_list_push(&waiting->values->waiting, &waiting->node);
    call->running = waiting;
}

static void cancel(struct mg_backend *backend, struct mg_call *call)
{
    drop(call->running);
    mg_backend_fail(backend, call, MG_CANCELLED, MG_STR("cancelled"));
}

static void end(struct mg_task *task)
{
    struct values *values = MG_OWNER(task, struct values, ending);
    void (*closed)(void *owner) = values->closed;
    void *owner = values->owner;
    free(values);
    closed(owner);
}

static void close_values(struct mg_backend *backend, void (*closed)(void *owner), void *owner)
{
    struct values *values = MG_OWNER(backend, struct values, backend);
    values->closed = closed;
    values->owner = owner;
    while (!mg_list_empty(&values->waiting))
        cancel(backend, MG_OWNER(values->waiting.next, struct waiting, node)->call);
    mg_loop_defer(backend->loop, &values->ending);
}

static const struct mg_backend_kind value_kind = {
    .word = "value",
    .start = start,
    .cancel = cancel,
    .close = close_values,
};

struct mg_backend *mg_value_new(struct mg_loop *loop)
{
    struct values *values = calloc(1, sizeof *values);
    if (!values)
        return NULL;
    values->backend.kind = &value_kind;
    values->backend.loop = loop;
    values->backend.name = MG_STR("value");
    values->ending.run = end;
    mg_list_init(&values->waiting);
    return &values->backend;
}
