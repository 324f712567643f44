// What goes out for a call: its URL and its header fields, checked here once more, since a CR or LF
// that slipped through would be a second request to whoever reads it.
#ifndef MG_BACKEND_HTTP_ORDER_H
#define MG_BACKEND_HTTP_ORDER_H

#include "backend/http_transport.h"
#include "data/call.h"

// A copy of ask.headers without those that speak of the connection or are the transport's to say
// (Content-Length, Expect), with "Accept: */*" where there is none. `foreign`: for a redirect to
// another origin, where only what is harmless goes along. NULL, or what is wrong.
const char *mg_http_order_fields(struct mg_http_order *order, const struct mg_http_ask *ask,
                                 bool foreign, struct mg_arena *arena);

// Puts base URL, its prefix and the path together; NUL-terminated, the NUL not counted. NULL, or
// what is wrong.
const char *mg_http_order_url(struct mg_buf *url, const struct mg_url *base, struct mg_str path);

#endif
