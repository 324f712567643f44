// Threads for one kind of work that blocks, with a bounded queue. A job belongs to its sender, from
// submit to the pool, and after `done` to its sender again; nobody else looks at it meanwhile but
// for its `cancelled` flag. So it owns copies of all it needs: it may outlive who asked. A job
// without a home is done with on the pool's own thread.
#ifndef MG_LOOP_POOL_H
#define MG_LOOP_POOL_H

#include <stdatomic.h>

#include "loop/mailbox.h"

struct mg_job {
    struct mg_mail mail; // the way back
    struct mg_job *next; // the pool's own
    struct mg_mailbox *home;
    void (*run)(struct mg_job *job,
                void *desk);          // on a pool thread; `desk`: that thread's own state
    void (*done)(struct mg_job *job); // on the sender's loop, exactly once per submit; without a
                                      // home on the pool thread
    _Atomic bool cancelled;           // set by the sender: skip or stop early; `done` still runs
    bool skipped;                     // it was cancelled before it ran
    bool late;                        // not run: taken when nothing was known, it waited too long
    uint64_t since, patience;         // the pool's own, in ns
};

struct mg_pool_options {
    const char *name; // of the threads, at most 15 bytes
    unsigned threads; // 1 to 64
    unsigned queue;   // jobs waiting at most, beside one a thread
    int nice;         // 0: as the process
    bool to_end;      // patience is for a job's end, not for its turn: its mean time counts too
    // A thread's own state (a database connection, say), made on it before its first job and ended
    // on it after its last. Both may be NULL.
    void *(*desk_open)(void *owner);
    void (*desk_close)(void *desk);
    void *owner;
};

struct mg_pool;

#define MG_POOL_FOREVER UINT64_MAX

// Threads are started at once; NULL (and nothing left behind) when one cannot be.
struct mg_pool *mg_pool_new(const struct mg_pool_options *options);

// Any thread. MG_OK: it will run. MG_BUSY, and the job stays the caller's: the queue is full, or
// the expected wait (jobs that must end first x mean time / threads) exceeds `patience` ms. Before
// any job has ended nothing is known: then a job is taken, but not run if it has waited for longer.
// MG_POOL_FOREVER is the patience of a job that goes on with what was begun: it is always taken.
enum mg_status mg_pool_submit(struct mg_pool *pool, struct mg_job *job, struct mg_mailbox *home,
                              uint64_t patience);

// Finishes what is queued (cancelled jobs at once), joins the threads. Blocks; from the thread that
// made it, after every loop that submits has no job out. NULL allowed.
void mg_pool_free(struct mg_pool *pool);

// The same for a pool whose jobs may never end, and go home to nobody: waits for at most `ms`.
// False: threads are still at work. They are left to themselves, and so is the pool's memory: the
// process is about to end.
bool mg_pool_leave(struct mg_pool *pool, uint64_t ms);

#endif
