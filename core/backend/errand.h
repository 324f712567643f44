// An errand carries one call to a pool thread and back. It owns copies of all that the thread
// needs, so the call can land without it, at its deadline or cancelled: the errand is abandoned
// then, and its memory goes when the thread is through. For the kinds that block: file, sqlite.
//
// One whose call has a sink may go more than once, a piece of the result at a time: between two of
// its jobs it holds no thread, and it is parked while the sink wants no more.
#ifndef MG_BACKEND_ERRAND_H
#define MG_BACKEND_ERRAND_H

#include "backend/backend.h"
#include "base/buf.h"
#include "loop/pool.h"

// The errands of one backend on one worker. First member of what the kind allocates by calloc.
struct mg_errands {
    struct mg_backend backend;
    struct mg_mailbox *home;
    struct mg_list waited_for; // errands whose call still waits
    unsigned out;              // jobs at a pool, abandoned ones included
    void (*closed)(void *owner);
    void *owner;
    struct mg_task ending;
};

// What becomes of an errand that was to its pool.
enum mg_errand_next {
    MG_ERRAND_LAND,
    MG_ERRAND_AGAIN, // to the same pool
    MG_ERRAND_PARK,  // nowhere, until mg_errands_resume
};

// First member of what the kind allocates in one block, copied strings behind it: free() ends it.
struct mg_errand {
    struct mg_job job;
    struct mg_list node; // in waited_for
    struct mg_errands *errands;
    struct mg_call *call; // NULL: abandoned. Only its loop looks at it
    struct mg_timer deadline;
    struct mg_pool *pool;
    bool parked;
    size_t body_most;

    // What came of it, written by the pool thread. `body` is freed or becomes the call's.
    struct mg_buf body;
    enum mg_body_form form;
    int status; // as in mg_result; 0 means 200
    enum mg_status error;
    char message[256];
    struct mg_pool *onward; // not done: to be run on this pool next

    // On the loop, both may be NULL. `back`: a job came back that did not fail, and the call still
    // waits; it may be cancelled inside. `fini`: what the kind holds beside memory.
    enum mg_errand_next (*back)(struct mg_errand *errand);
    void (*fini)(struct mg_errand *errand);
};

void mg_errands_init(struct mg_errands *errands, const struct mg_backend_kind *kind,
                     struct mg_str name, struct mg_loop *loop, struct mg_mailbox *home);

// Submits the errand (zeroed, but for the kind's own members) to the pool, where `run` gets its
// job. It belongs to the errands from here on, also when the pool is busy and the call fails.
void mg_errand_start(struct mg_errands *errands, struct mg_errand *errand, struct mg_call *call,
                     struct mg_pool *pool, void (*run)(struct mg_job *job, void *desk));

// For the kinds' tables. Closing waits for abandoned jobs too, then frees the errands. Resuming
// what is not parked has no effect.
void mg_errands_resume(struct mg_backend *backend, struct mg_call *call);
void mg_errands_cancel(struct mg_backend *backend, struct mg_call *call);
void mg_errands_close(struct mg_backend *backend, void (*closed)(void *owner), void *owner);

// On the pool thread, or in `back`: the call fails so; a body begun is dropped.
void mg_errand_fail(struct mg_errand *errand, enum mg_status error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// On the pool thread: fails the errand if its body does not fit or has no memory.
bool mg_errand_check(struct mg_errand *errand);

#endif
