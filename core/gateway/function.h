// A Lua function at work for an exchange: a route's reply function. It starts calls of its own and
// waits for them; while it waits the worker serves others.
#ifndef MG_GATEWAY_FUNCTION_H
#define MG_GATEWAY_FUNCTION_H

#include "gateway/exchange.h"

// Calls the plan's function with the results there are; it replies, fails or waits.
void mg_function_start(struct mg_exchange *exchange);

// While it waits: whether what it waits for has come, and it can go on.
bool mg_function_ready(const struct mg_exchange *exchange);
void mg_function_resume(struct mg_exchange *exchange);

#endif
