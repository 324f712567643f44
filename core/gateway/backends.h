// The backends of a gateway: what the process shares of each (pools, quotas, names), and what one
// worker opens over it.
#ifndef MG_GATEWAY_BACKENDS_H
#define MG_GATEWAY_BACKENDS_H

#include "backend/http.h"
#include "backend/postgres.h"
#include "gateway/config.h"

// One of the two.
struct mg_database {
    struct mg_sqlite *sqlite;
    struct mg_postgres *postgres;
};

// Of the process; made before the workers start, freed after the last has ended.
struct mg_shared {
    const struct mg_config *config;
    struct mg_resolver *resolver;
    struct mg_tls_store *tls;
    struct mg_service **services;
    struct mg_database *databases;
    struct mg_files **folders;
    struct mg_redis **redis;
};

// False: *why says what cannot be opened, such as a folder that is not there.
bool mg_shared_open(struct mg_shared *shared, const struct mg_config *config, struct mg_buf *why);
void mg_shared_close(struct mg_shared *shared); // all-zeroes and half-open allowed

struct mg_backends;

struct mg_backend_place {
    struct mg_backend *backend; // NULL once it has closed
    struct mg_backends *of;
};

// Of one worker.
struct mg_backends {
    struct mg_http *http;
    struct mg_backend_place *by_kind[MG_CALL_KINDS]; // indices as in mg_call.backend
    unsigned counts[MG_CALL_KINDS];
    unsigned closing;
    void (*closed)(void *owner);
    void *owner;
};

bool mg_backends_open(struct mg_backends *backends, struct mg_shared *shared, struct mg_loop *loop,
                      struct mg_mailbox *home); // false: no memory; close it all the same
// Cancels what is in flight; closed(owner) in a later turn, when all are gone.
void mg_backends_close(struct mg_backends *backends, void (*closed)(void *owner), void *owner);
void mg_backends_hurry(struct mg_backends *backends); // after close: cuts what goes on unheard

static inline struct mg_backend *mg_backends_of(const struct mg_backends *backends,
                                                const struct mg_call *call)
{
    return backends->by_kind[call->kind][call->backend].backend;
}

#endif
