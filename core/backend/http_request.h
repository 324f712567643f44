// The head of a request as it goes over the wire (RFC 9112 §3): what libcurl does for its own
// transfers. Pure; everything in it was checked before (http_order.h, url.h).
#ifndef MG_BACKEND_HTTP_REQUEST_H
#define MG_BACKEND_HTTP_REQUEST_H

#include "backend/http_transport.h"

// Appends request line, Host first, fields, the body's framing and the empty line. `body_len`: of
// the body that follows, unless it is chunked. False: no memory.
bool mg_http_request_put(struct mg_buf *buf, const struct mg_http_order *order, uint64_t body_len);

// Whether its body goes out: there is one, and the method is not HEAD.
static inline bool mg_http_request_has_body(const struct mg_http_order *order)
{
    return order->has_body && order->method != MG_HEAD;
}

#endif
