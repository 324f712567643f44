// One event loop: one thread runs it, and only that thread touches it (mailboxes apart). Beside
// libuv's handles it has deferred tasks and timers that need no close: their memory may go the
// moment they are dropped, which libuv's handles do not allow (they end in a later turn).
#ifndef MG_LOOP_LOOP_H
#define MG_LOOP_LOOP_H

#include <stdatomic.h>
#include <uv.h>

#include "base/list.h"
#include "base/status.h"

// Work for a later turn of the loop, run once. Embedded in what it belongs to; all-zeroes is idle.
struct mg_task {
    struct mg_list node;
    void (*run)(struct mg_task *task);
};

// Runs once at a time. Embedded; all-zeroes is idle. Kept in a heap with one libuv timer under it.
struct mg_timer {
    uint64_t at;                         // loop time in ms
    uint64_t order;                      // of setting: timers due at the same time run in it
    size_t place;                        // in the heap, counted from 1; 0: idle
    void (*run)(struct mg_timer *timer); // idle again before it runs
};

struct mg_loop {
    uv_loop_t uv;
    struct mg_list deferred;
    struct mg_timer **heap;
    size_t heap_len, heap_cap;
    uint64_t orders;        // the last given to a timer
    uint64_t clock_at;      // when the clock is due, no later than heap[0]
    uint64_t still;         // 0: time goes by itself; else it is this, until mg_loop_move
    uv_timer_t clock;       // active while any timer is set
    bool ticking;           // timers are being run: the clock is set when they are through
    struct mg_task overdue; // for timers set to the past meanwhile
    uv_check_t after;       // runs the deferred tasks
    uv_prepare_t before;    // counts the turns
    _Atomic uint64_t turns; // that have begun, for any thread; not counted where time stands still
    uint64_t turn_ended;    // when the work of the one before this was done (ms)
    uv_idle_t spin;         // active while tasks are deferred, so that the loop does not block
};

// MG_NO_MEMORY: no memory, or no descriptors; nothing is left behind.
enum mg_status mg_loop_init(struct mg_loop *loop);
void mg_loop_run(struct mg_loop *loop);  // until mg_loop_stop, or nothing is left to wait for
void mg_loop_stop(struct mg_loop *loop); // on its own thread
// Closes its own handles, forgets the tasks and timers still set, waits for handles that are
// already closing. Handles of others that are still open are a bug: names each and aborts.
void mg_loop_fini(struct mg_loop *loop);

// Time stands still from here on (rehearsals: see gateway/stage.h); before any timer is set. Such a
// loop is not run: it is turned, without waiting, as long as there is more to do at once, and its
// time is moved to when the next timer is due (UINT64_MAX: none is set).
void mg_loop_hold(struct mg_loop *loop);
bool mg_loop_turn(struct mg_loop *loop); // there is more
uint64_t mg_loop_next(const struct mg_loop *loop);
void mg_loop_move(struct mg_loop *loop, uint64_t to); // the past: no effect

uint64_t mg_loop_now(const struct mg_loop *loop); // ms, monotonic; fixed within a turn
uint64_t mg_loop_fresh(struct mg_loop *loop);     // the same, read anew (after long work)

void mg_loop_defer(struct mg_loop *loop, struct mg_task *task); // again while waiting: no effect
void mg_task_drop(struct mg_task *task);                        // idle: no effect

// Sets or moves the timer to `at` (loop time in ms; the past means the next turn). False: no
// memory.
bool mg_timer_set(struct mg_loop *loop, struct mg_timer *timer, uint64_t at);
void mg_timer_drop(struct mg_loop *loop, struct mg_timer *timer); // idle: no effect

#endif
