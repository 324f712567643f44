// A Lua function at work for an exchange: a route's reply function. It starts calls of its own and
// waits for them; while it waits the worker serves others.
#ifndef MG_GATEWAY_FUNCTION_H
#define MG_GATEWAY_FUNCTION_H

#include "gateway/exchange.h"

// Calls the plan's function with the results there are; it replies, fails or waits.
void mg_function_start(struct mg_exchange *exchange);

// Prepares a run of any other function for the exchange; false: no memory. And what to do when such
// a one has failed: the request has, too.
bool mg_function_run(struct mg_exchange *exchange, struct mg_run *run);
void mg_function_fail(struct mg_exchange *exchange, const struct mg_run_failure *failure);

// Whether what a run waits for has come.
bool mg_function_has(const struct mg_exchange *exchange, const struct mg_wait *wait);

// While it waits: whether what it waits for has come, and it can go on.
bool mg_function_ready(const struct mg_exchange *exchange);
void mg_function_resume(struct mg_exchange *exchange);

#endif
