// The ways to HTTP services that a worker has: our own plain one and libcurl's.
#ifndef MG_BACKEND_HTTP_PATHS_H
#define MG_BACKEND_HTTP_PATHS_H

#include "backend/http_transport.h"
#include "backend/service.h"
#include "backend/tls_store.h"

struct mg_http_paths;

// `connections`: kept at most, on each. NULL: no memory.
struct mg_http_paths *mg_http_paths_new(struct mg_loop *loop, struct mg_tls_store *tls,
                                        unsigned connections);

// The one for a call to a service at that URL.
struct mg_http_transport *mg_http_paths_for(const struct mg_http_paths *paths,
                                            const struct mg_http_config *service,
                                            const struct mg_url *url, bool redirects);

void mg_http_paths_trust(struct mg_http_paths *paths, struct mg_tls_store *tls);

// Nothing is under way. closed(owner) in a later turn; *paths is gone then.
void mg_http_paths_close(struct mg_http_paths *paths, void (*closed)(void *owner), void *owner);

#endif
