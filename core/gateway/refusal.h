// What is refused of a request that a route has been found for: input that is not what the route
// declares, and what cannot be read when it is wanted. The client is told all that is known.
#ifndef MG_GATEWAY_REFUSAL_H
#define MG_GATEWAY_REFUSAL_H

#include "gateway/exchange.h"
#include "plan/fill.h"

// The declared input, all of it, before any call is made. False: the request has been refused.
bool mg_refusal_check(struct mg_exchange *exchange);

// Whether something of the request was looked at and cannot be read.
bool mg_refusal_due(const struct mg_exchange *exchange);

// Refuses it: with what cannot be read, if there is such, or with the fault that was met while a
// call was filled. 400, or 415 for a body that says it is something else.
void mg_refusal_say(struct mg_exchange *exchange, const struct mg_fill_fault *fault);

#endif
