// The backends that one worker has open for one generation of its routes, over what the process
// shares of them. Generations with the same backend have it open once, and in common.
#ifndef MG_GATEWAY_BACKENDS_H
#define MG_GATEWAY_BACKENDS_H

#include "gateway/shared.h"

struct mg_backends;

// One backend of a worker.
struct mg_opened {
    struct mg_backend *backend;
    const struct mg_shared *shared; // NULL: of VALUE
    unsigned users;                 // sets that have it
    struct mg_backends *closing;    // the last of them, once it closes
};

// What the sets of one worker are opened with.
struct mg_backends_place {
    struct mg_loop *loop;
    struct mg_mailbox *home;
    const struct mg_grounds *grounds;
    struct mg_http *http;
    struct mg_backend *tickets; // for all sets; NULL: no tasks are kept
};

// All-zeroes is none.
struct mg_backends {
    struct mg_backend **by_kind[MG_CALL_KINDS]; // indices as in mg_call.backend
    unsigned counts[MG_CALL_KINDS];
    struct mg_opened **opened;
    unsigned count;
    unsigned closing;
    void (*closed)(void *owner);
    void *owner;
};

// Has in common with `before` (may be empty) what both have, opens the rest. False: no memory;
// close it all the same.
bool mg_backends_open(struct mg_backends *backends, const struct mg_shared_set *shared,
                      const struct mg_backends_place *place, const struct mg_backends *before);
// No call of its exchanges is left, but for those that go on unheard. Closes what no other set has;
// closed(owner) in this turn or a later one, when all that is gone.
void mg_backends_close(struct mg_backends *backends, void (*closed)(void *owner), void *owner);
void mg_backends_hurry(struct mg_backends *backends); // after close: cuts what goes on unheard

static inline struct mg_backend *mg_backends_of(const struct mg_backends *backends,
                                                const struct mg_call *call)
{
    return backends->by_kind[call->kind][call->backend];
}

#endif
