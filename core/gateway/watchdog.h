// Looks whether each worker's loop turns: nothing in a worker takes long, but for a script that
// may, or what is wrong. One that does not turn for limits.stuck is reported, and its connections
// are accepted in its place and given to the others until it turns again: its socket is never
// closed, since the kernel goes on filling it. One that gives no sign of life at all for
// limits.hung is told of to whoever can replace the process.
//
// A loop that sleeps is not stuck: it is woken first, and then has to turn.
#ifndef MG_GATEWAY_WATCHDOG_H
#define MG_GATEWAY_WATCHDOG_H

#include "gateway/worker.h"

struct pollfd;
struct mg_watched;

struct mg_watchdog {
    struct mg_worker *workers; // all of them started; they outlive it
    unsigned count;
    void (*stuck)(void *owner); // once for each time that a worker hangs; NULL: nobody is told
    void *owner;
    // Its own:
    struct mg_watched *watched; // one for each worker
    struct pollfd *polled;
    unsigned next;      // worker to get a connection
    bool full;          // no connection can be taken before the next look
    uint64_t next_look; // monotonic time in ms
};

// False: no memory.
bool mg_watchdog_init(struct mg_watchdog *watchdog);
// Watches until the descriptor `until` can be read. On the thread that starts and ends workers.
void mg_watchdog_run(struct mg_watchdog *watchdog, int until);
void mg_watchdog_fini(struct mg_watchdog *watchdog); // all-zeroes allowed

#endif
