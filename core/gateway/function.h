// A Lua function at work for an exchange: a route's reply function, or those around it: `before`
// when its input was found right, before its calls; `after` when there is a reply, or a problem.
// They start calls of their own and wait for them; while they wait the worker serves others. `when`
// of a planned call says at once whether the call is made.
#ifndef MG_GATEWAY_FUNCTION_H
#define MG_GATEWAY_FUNCTION_H

#include "gateway/exchange.h"

// The run of all functions of an exchange, so that they share what scripts see of it; the others
// see to it themselves. False: no memory.
bool mg_function_open(struct mg_exchange *exchange);

// Calls the plan's function with the results there are; it replies, fails or waits.
void mg_function_start(struct mg_exchange *exchange);

// Runs `before`: it answers itself, fails, or lets the exchange go on.
void mg_function_before(struct mg_exchange *exchange);

// Asks `when` of a planned call whose needs have landed. False: it has failed, and a problem was
// replied.
bool mg_function_when(struct mg_exchange *exchange, const struct mg_asked *asked, bool *made);

// Whether `after` is still to run: once, for what its route says while somebody is there to hear
// it.
bool mg_function_after_due(const struct mg_exchange *exchange);
// It may change exchange->reply, and ends in mg_exchange_reply. When no time is left for it, what
// it was to see first does not go out: the reply is 504.
void mg_function_after(struct mg_exchange *exchange);
// The same for the head of an answer that is passed; it cannot wait. False: it has failed, and a
// problem was replied.
bool mg_function_after_head(struct mg_exchange *exchange);

// While it waits: whether what it waits for has come, and it can go on.
bool mg_function_ready(const struct mg_exchange *exchange);
// Sets its timer for when it has waited long enough, at its deadline at the latest. False: no
// memory.
bool mg_function_wait(struct mg_exchange *exchange, void (*up)(struct mg_timer *timer));
// A call that functions have started has landed: one that waits for it goes on, or has run out of
// time. One that nobody waits for decides nothing: not even when its time was the request's.
void mg_function_landed(struct mg_exchange *exchange);

#endif
