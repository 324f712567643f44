// A service that says `share = true`: equal GETs in flight at the same time on a worker are made
// once. The call that is made belongs to the worker and is nobody's: it ends when it has landed, or
// when the last of those who listen has ended. A call that cannot be shared goes through as it is.
#ifndef MG_BACKEND_HTTP_FLIGHT_H
#define MG_BACKEND_HTTP_FLIGHT_H

#include "backend/http.h"

// mg_http_open, with equal GETs made once. Each call that listens has its own deadline and its own
// `ms`; it lands with the answer, whose bytes it then shares with the others until its arena ends,
// or with the failure. NULL: no memory.
//
// The call that is made is sent the headers of the one that began it, but for X-Forwarded-For: it
// speaks for several clients. It runs until the latest deadline of those who listened; once one of
// them has run out of time, nobody joins it any more.
struct mg_backend *mg_http_flight_open(struct mg_http *http, struct mg_service *service);

// Below or above 0 when the calls ask for different things, 0 when one answer serves both: the same
// path, headers (but for those of_request), redirects and bound of the body. Both can be shared.
int mg_http_flight_compare(const struct mg_call *one, const struct mg_call *other);

// A GET without a body whose answer is collected.
bool mg_http_flight_can(const struct mg_call *call);

#endif
