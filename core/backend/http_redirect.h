// Where a redirect leads, and whether one may go there (RFC 9110 §15.4).
#ifndef MG_BACKEND_HTTP_REDIRECT_H
#define MG_BACKEND_HTTP_REDIRECT_H

#include "backend/resolver.h"
#include "backend/url.h"
#include "data/headers.h"
#include "data/method.h"

// True when the answer asks to look elsewhere and says where.
bool mg_http_redirects(int status, const struct mg_headers *headers);

// The URL that the answer to a request at `from` means, NUL-terminated, the NUL not counted. MG_OK;
// MG_MALFORMED when it is no http or https URL; MG_NO_MEMORY.
enum mg_status mg_http_redirect_target(const struct mg_url *from, const struct mg_headers *headers,
                                       struct mg_buf *target);

// True when the next request is a GET without a body, whatever this one was.
bool mg_http_redirect_to_get(int status, enum mg_method method);

// A redirect may stay where its service is configured to be; elsewhere it may only lead out to
// public networks. The addresses judged are those that are then connected to; NULL where the host
// is one itself.
bool mg_http_redirect_may_go(const struct mg_url *target, const struct mg_url *home,
                             const struct mg_addresses *addresses);

#endif
