// Timers in a binary heap over one libuv timer, the clock. Most are deadlines and dropped before
// they are due, so dropping does not touch the clock: at worst it wakes the loop once for nothing.
#include "loop/timer.h"

#include <stdlib.h>

static bool before(const struct mg_timer *a, const struct mg_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct mg_loop *loop, size_t place, struct mg_timer *timer)
{
    loop->heap[place - 1] = timer;
    timer->place = place;
}

static void sift_up(struct mg_loop *loop, struct mg_timer *timer, size_t place)
{
    while (place > 1 && before(timer, loop->heap[place / 2 - 1])) {
        put(loop, place, loop->heap[place / 2 - 1]);
        place /= 2;
    }
    put(loop, place, timer);
}

static void sift_down(struct mg_loop *loop, struct mg_timer *timer, size_t place)
{
    for (;;) {
        size_t child = place * 2;
        if (child < loop->heap_len && before(loop->heap[child], loop->heap[child - 1]))
            child++;
        if (child > loop->heap_len || !before(loop->heap[child - 1], timer))
            break;
        put(loop, place, loop->heap[child - 1]);
        place = child;
    }
    put(loop, place, timer);
}

// Puts the timer where it belongs, counted from a place that it may take.
static void settle(struct mg_loop *loop, struct mg_timer *timer, size_t place)
{
    if (place > 1 && before(timer, loop->heap[place / 2 - 1]))
        sift_up(loop, timer, place);
    else
        sift_down(loop, timer, place);
}

static void remove_timer(struct mg_loop *loop, struct mg_timer *timer)
{
    size_t place = timer->place;
    struct mg_timer *last = loop->heap[--loop->heap_len];
    timer->place = 0;
    if (last != timer)
        settle(loop, last, place);
}

static void tick(uv_timer_t *clock);

static void arm(struct mg_loop *loop)
{
    uint64_t at = loop->heap[0]->at, now = mg_loop_now(loop);
    if (loop->still)
        return; // it is turned by hand
    loop->clock_at = at;
    uv_timer_start(&loop->clock, tick, at > now ? at - now : 0, 0);
}

// Runs the timers that are due and were set before this round, so that a timer that sets itself to
// the past runs once a turn and starves nothing.
static void run_due(struct mg_loop *loop)
{
    uint64_t now = mg_loop_now(loop), newest = loop->orders;
    loop->ticking = true;
    while (loop->heap_len && loop->heap[0]->at <= now && loop->heap[0]->order <= newest) {
        struct mg_timer *timer = loop->heap[0];
        remove_timer(loop, timer);
        timer->run(timer);
    }
    loop->ticking = false;
    // A clock started again at once would tick within this turn: libuv runs its timers until none
    // is due.
    if (!loop->heap_len)
        uv_timer_stop(&loop->clock);
    else if (loop->heap[0]->at <= mg_loop_now(loop))
        mg_loop_defer(loop, &loop->overdue);
    else
        arm(loop);
}

static void tick(uv_timer_t *clock)
{
    run_due(clock->data);
}

static void run_overdue(struct mg_task *task)
{
    run_due(MG_OWNER(task, struct mg_loop, overdue));
}

void mg_timers_run(struct mg_loop *loop)
{
    if (mg_loop_next(loop) <= mg_loop_now(loop))
        run_due(loop);
}

void mg_timers_init(struct mg_loop *loop)
{
    uv_timer_init(&loop->uv, &loop->clock);
    loop->clock.data = loop;
    loop->overdue.run = run_overdue;
}

void mg_timers_fini(struct mg_loop *loop)
{
    for (size_t i = 0; i < loop->heap_len; i++)
        loop->heap[i]->place = 0;
    free(loop->heap);
    loop->heap = NULL;
    loop->heap_len = loop->heap_cap = 0;
    mg_task_drop(&loop->overdue);
    uv_close((uv_handle_t *)&loop->clock, NULL);
}

static bool make_room(struct mg_loop *loop)
{
    if (loop->heap_len < loop->heap_cap)
        return true;
    size_t cap = loop->heap_cap ? loop->heap_cap * 2 : 64;
    struct mg_timer **heap = realloc(loop->heap, cap * sizeof *heap);
    if (!heap)
        return false;
    loop->heap = heap;
    loop->heap_cap = cap;
    return true;
}

bool mg_timer_set(struct mg_loop *loop, struct mg_timer *timer, uint64_t at)
{
    if (!timer->place && !make_room(loop))
        return false;
    uint64_t now = mg_loop_now(loop);
    timer->at = at > now ? at : now; // or it would stand before timers due earlier, set earlier
    timer->order = ++loop->orders;
    settle(loop, timer, timer->place ? timer->place : ++loop->heap_len);
    bool armed = uv_is_active((uv_handle_t *)&loop->clock);
    if (timer->place == 1 && !loop->ticking && (!armed || timer->at < loop->clock_at))
        arm(loop);
    return true;
}

void mg_timer_drop(struct mg_loop *loop, struct mg_timer *timer)
{
    if (!timer->place)
        return;
    remove_timer(loop, timer);
    if (!loop->heap_len)
        uv_timer_stop(&loop->clock);
}
