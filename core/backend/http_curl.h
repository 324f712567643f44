// HTTP/1.1 over libcurl's multi interface, with its sockets and its timer on the worker's loop.
#ifndef MG_BACKEND_HTTP_CURL_H
#define MG_BACKEND_HTTP_CURL_H

#include "backend/http_transport.h"
#include "backend/tls_store.h"

// `tls` is shared and outlives it; NULL: https is refused as not trusted. `connections`: kept open
// at most, in use or not. NULL: no memory.
struct mg_http_transport *mg_http_curl_new(struct mg_loop *loop, struct mg_tls_store *tls,
                                           unsigned connections);
void mg_http_curl_trust(struct mg_http_transport *transport, struct mg_tls_store *tls);

#endif
