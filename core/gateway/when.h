// `when` of a planned call: a Lua function that says whether the call is made at all, once what it
// needs has landed. It may wait for calls of its own meanwhile. It lives in the exchange's arena.
#ifndef MG_GATEWAY_WHEN_H
#define MG_GATEWAY_WHEN_H

#include "gateway/exchange.h"

// Asks; mg_exchange_decided is told, now or in a later turn, unless the request ends before.
// False: it has ended.
bool mg_when_start(struct mg_exchange *exchange, struct mg_asked *asked);

// A call that no plan has made has landed: those that have waited for it go on.
void mg_when_landed(struct mg_exchange *exchange);

// The request has ended: none of them is resumed.
void mg_when_end(struct mg_exchange *exchange);

#endif
