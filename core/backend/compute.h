// Functions of the gateway's own modules, run on threads of their own beside the workers, at a
// lower priority. A job whose request has ended is told to stop; it may go on all the same,
// unheard, and holds its thread as long: nothing else waits for it.
#ifndef MG_BACKEND_COMPUTE_H
#define MG_BACKEND_COMPUTE_H

#include "backend/backend.h"
#include "data/engine.h"
#include "loop/mailbox.h"

// The threads, which all loaded versions of a gateway have in common. There are none before the
// first call.
struct mg_compute_pool;
// One version's modules: each thread opens a state of its engine when it first needs one.
struct mg_compute;

struct mg_compute_pool_options {
    unsigned threads; // at most one less than there are processors, but at least one; 0: so many
    unsigned queue;   // calls waiting for a thread, at most
};

// NULL: no memory.
struct mg_compute_pool *mg_compute_pool_new(const struct mg_compute_pool_options *options);
// Nothing that was opened is left. False: a job does not end; its thread is left to itself, and the
// process has to end without it. NULL allowed.
bool mg_compute_pool_free(struct mg_compute_pool *pool);

// Takes the engine over, also when there is no memory (NULL).
struct mg_compute *mg_compute_new(struct mg_compute_pool *pool, struct mg_engine *engine);
// No backend of it is open any more. Its states end when their threads come to their next job.
void mg_compute_free(struct mg_compute *compute); // NULL allowed

// NULL: no memory. Any worker.
struct mg_backend *mg_compute_open(struct mg_compute *compute, struct mg_loop *loop,
                                   struct mg_mailbox *home);

#endif
