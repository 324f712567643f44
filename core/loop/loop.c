// The loop's turn: timers first (timer.c), then libuv's input and output, then the deferred tasks.
#include "loop/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "loop/timer.h"

// Takes the tasks off first: what they defer in turn waits for the next turn, so that no task can
// keep the loop from its sockets.
static void run_deferred(uv_check_t *after)
{
    struct mg_loop *loop = after->data;
    struct mg_list due;
    mg_list_init(&due);
    for (struct mg_list *node; (node = mg_list_pop(&loop->deferred));)
        mg_list_push(&due, node);
    uv_idle_stop(&loop->spin);
    for (struct mg_list *node; (node = mg_list_pop(&due));) {
        struct mg_task *task = MG_OWNER(node, struct mg_task, node);
        task->run(task);
    }
}

static void spin(uv_idle_t *idle)
{
}

// libuv has read the clock when the last turn's work was done, and waits for events next.
static void count_turn(uv_prepare_t *before)
{
    struct mg_loop *loop = before->data;
    if (loop->still)
        return;
    uint64_t turns = atomic_load_explicit(&loop->turns, memory_order_relaxed);
    atomic_store_explicit(&loop->turns, turns + 1, memory_order_relaxed);
    loop->turn_ended = uv_now(&loop->uv);
}

enum mg_status mg_loop_init(struct mg_loop *loop)
{
    *loop = (struct mg_loop){0};
    if (uv_loop_init(&loop->uv) != 0)
        return MG_NO_MEMORY;
    loop->uv.data = loop;
    mg_list_init(&loop->deferred);
    mg_timers_init(loop);
    uv_idle_init(&loop->uv, &loop->spin);
    uv_check_init(&loop->uv, &loop->after);
    loop->after.data = loop;
    uv_check_start(&loop->after, run_deferred);
    uv_unref((uv_handle_t *)&loop->after);
    uv_prepare_init(&loop->uv, &loop->before);
    loop->before.data = loop;
    uv_prepare_start(&loop->before, count_turn);
    uv_unref((uv_handle_t *)&loop->before);
    return MG_OK;
}

void mg_loop_run(struct mg_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void mg_loop_stop(struct mg_loop *loop)
{
    uv_stop(&loop->uv);
}

struct census {
    const struct mg_loop *loop;
    unsigned open, closing; // handles of others
};

static void count(uv_handle_t *handle, void *data)
{
    struct census *census = data;
    const struct mg_loop *loop = census->loop;
    if ((void *)handle == &loop->clock || (void *)handle == &loop->spin ||
        (void *)handle == &loop->after || (void *)handle == &loop->before)
        return;
    if (uv_is_closing(handle)) {
        census->closing++;
        return;
    }
    census->open++;
    const char *kind = uv_handle_type_name(uv_handle_get_type(handle));
    mg_log(MG_LOG_ERROR, "loop ends with an open handle: %s at %p%s", kind ? kind : "unknown",
           (void *)handle, uv_is_active(handle) ? ", active" : "");
}

static struct census take_census(struct mg_loop *loop)
{
    struct census census = {.loop = loop};
    uv_walk(&loop->uv, count, &census);
    if (census.open) {
        mg_log_fini();
        abort();
    }
    return census;
}

void mg_loop_fini(struct mg_loop *loop)
{
    if (!loop->uv.data)
        return;
    while (take_census(loop).closing)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    while (mg_list_pop(&loop->deferred))
        continue;
    mg_timers_fini(loop);
    uv_close((uv_handle_t *)&loop->spin, NULL);
    uv_close((uv_handle_t *)&loop->after, NULL);
    uv_close((uv_handle_t *)&loop->before, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int left = uv_loop_close(&loop->uv);
    assert(left == 0);
    (void)left;
    loop->uv.data = NULL;
}

uint64_t mg_loop_now(const struct mg_loop *loop)
{
    return loop->still ? loop->still : uv_now(&loop->uv);
}

uint64_t mg_loop_fresh(struct mg_loop *loop)
{
    uv_update_time(&loop->uv);
    return mg_loop_now(loop);
}

void mg_loop_hold(struct mg_loop *loop)
{
    loop->still = uv_now(&loop->uv);
}

bool mg_loop_turn(struct mg_loop *loop)
{
    mg_timers_run(loop);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    return !mg_list_empty(&loop->deferred) || mg_loop_next(loop) <= mg_loop_now(loop);
}

uint64_t mg_loop_next(const struct mg_loop *loop)
{
    return loop->heap_len ? loop->heap[0]->at : UINT64_MAX;
}

void mg_loop_move(struct mg_loop *loop, uint64_t to)
{
    if (to > loop->still)
        loop->still = to;
}

void mg_loop_defer(struct mg_loop *loop, struct mg_task *task)
{
    if (mg_list_in(&task->node))
        return;
    mg_list_push(&loop->deferred, &task->node);
    uv_idle_start(&loop->spin, spin);
}

void mg_task_drop(struct mg_task *task)
{
    mg_list_drop(&task->node);
}
