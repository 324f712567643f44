// The threads that compute. Each has a desk: the states it has opened, one for each version of the
// modules that it was asked for, and the task that it is at.
#ifndef MG_BACKEND_COMPUTE_DESK_H
#define MG_BACKEND_COMPUTE_DESK_H

#include "backend/compute.h"
#include "base/list.h"
#include "loop/pool.h"

struct mg_compute {
    struct mg_compute_pool *pool;
    struct mg_engine *engine;
    _Atomic unsigned users; // the one that made it, tasks and states
    _Atomic bool ended;     // nobody opens it any more: its states are to close
};

void mg_compute_hold(struct mg_compute *compute);
void mg_compute_drop(struct mg_compute *compute); // the last one frees it

// One call on its way through a thread. Whoever submits it owns it, but the thread writes what came
// of it and, when it goes home to nobody (job.home is NULL), disposes of it in job.done.
struct mg_compute_task {
    struct mg_job job;
    struct mg_compute *compute; // held
    struct mg_compute_ask ask;
    struct mg_buf out, why;
    enum mg_status error;
};

// MG_OK: job.done will run, on a thread. MG_BUSY, MG_NO_MEMORY: it stays the caller's.
enum mg_status mg_compute_submit(struct mg_compute_task *task, uint64_t patience);

// Nobody waits for the task any more, which has not been disposed of. True: a thread is at it.
bool mg_compute_leave(struct mg_compute_task *task);
// Says in the log, once each, what has been running for `ms` after it was left. True: there is more
// that was left and still runs, and has not been told of.
bool mg_compute_report(struct mg_compute_pool *pool, uint64_t ms);

#endif
