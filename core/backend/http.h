// HTTP services. Here is what holds whatever carries the exchanges (backend/http_transport.h): the
// queue, the limits, the deadlines, the check of every header, redirects, what becomes of a call
// that nobody waits for any more.
#ifndef MG_BACKEND_HTTP_H
#define MG_BACKEND_HTTP_H

#include "backend/backend.h"
#include "backend/service.h"
#include "backend/tls_store.h"

// What all services of one worker share: connections, and answers to names.
struct mg_http;

struct mg_http_options {
    struct mg_tls_store *tls; // outlives it; NULL: no https
    unsigned connections;     // kept at most between calls; 0: 1,024
};

// NULL: no memory. The mailbox is the worker's own.
struct mg_http *mg_http_new(struct mg_loop *loop, struct mg_mailbox *home,
                            struct mg_resolver *resolver, const struct mg_http_options *options);

// From here on https is trusted by `tls`, which outlives it.
void mg_http_trust(struct mg_http *http, struct mg_tls_store *tls);

// After its backends have closed and before the mailbox does; closed(owner) in a later turn.
void mg_http_close(struct mg_http *http, void (*closed)(void *owner), void *owner);

// A service, for this worker. A call that cannot be made now waits its turn; it fails as MG_BUSY
// where the queue is full or the wait would be too long. Any HTTP status is a success here: what a
// 404 means is for the caller to say. An unsafe call (mg_method_safe) that is cancelled, or runs
// out of time, after its first byte went out lands at once but is carried on unheard, holding its
// place, for at most unheard_ms. NULL: no memory.
struct mg_backend *mg_http_open(struct mg_http *http, struct mg_service *service);

#endif
