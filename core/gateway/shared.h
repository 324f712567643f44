// What the process has of a backend, for all workers: pools, quotas, names. Editions whose
// gateway.lua says the same of a backend share it, so that a reload costs it neither connections
// nor counts. Made, counted and freed by one thread at a time: the one that loads.
#ifndef MG_GATEWAY_SHARED_H
#define MG_GATEWAY_SHARED_H

#include "backend/compute.h"
#include "backend/http.h"
#include "backend/postgres.h"
#include "gateway/config.h"
#include "gateway/sources.h"

// What all backends of the process stand on. The certificates are read when the first https URL is
// met; the rest stays as it was opened.
struct mg_grounds {
    struct mg_resolver *resolver;
    struct mg_tls_store *tls; // for who loads: workers have their edition's
    struct mg_compute_pool *compute;
    struct mg_tickets *tickets; // NULL: nobody keeps tasks
    _Atomic bool waiting;       // another process still does what only one may: tasks, gate.every
};

// One backend; which of the pointers it has says its kind.
struct mg_shared {
    struct mg_buf key; // what its configuration says of it
    unsigned users;    // editions
    enum mg_call_kind kind;
    struct mg_service *service;
    struct mg_sqlite *sqlite;
    struct mg_postgres *postgres;
    struct mg_files *files;
    struct mg_redis *redis;
    struct mg_compute *compute;
};

// Those of one edition, in the order of config->backends, and behind them what computes. All-zeroes
// is none.
struct mg_shared_set {
    struct mg_shared **items;
    unsigned count;
    // The grounds' as they were then; NULL: no https. A worker looks here, since the one that loads
    // may put it into the grounds meanwhile.
    struct mg_tls_store *tls;
};

bool mg_grounds_open(struct mg_grounds *grounds, const struct mg_config *config);
// False: a thread is left at work, which the process has to end without. All-zeroes allowed.
bool mg_grounds_close(struct mg_grounds *grounds);

// Takes over what `before` (may be empty) has of the same configuration, or of the same modules,
// makes the rest. False: *why says what cannot be opened, such as a folder that is not there; close
// it all the same.
bool mg_shared_open(struct mg_shared_set *set, const struct mg_config *config,
                    const struct mg_folder *folder, struct mg_grounds *grounds,
                    const struct mg_shared_set *before, struct mg_buf *why);
void mg_shared_close(struct mg_shared_set *set); // no worker has any of it open for this edition

#endif
