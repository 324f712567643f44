// gate.each at work: one planned call that is many, one for each element of a list. Never more
// than it may have at once are in flight, equal GETs are made once, and the whole lands like any
// other call of its plan: with a list of the bodies in the elements' order, or with the failure of
// the first element that had to succeed. It lives in the exchange's arena.
#ifndef MG_GATEWAY_EACH_H
#define MG_GATEWAY_EACH_H

#include "gateway/exchange.h"

// Starts what asked->plan->each declares; `asked` lands in a later turn. Not MG_FILL_OK: nothing
// was started, since the list is not there.
enum mg_fill mg_each_start(struct mg_exchange *exchange, struct mg_asked *asked,
                           struct mg_fill_fault *fault);

// Nobody wants it any more: nothing more is started, and it lands with the last of its calls.
void mg_each_cancel(struct mg_each *each);

// How the first of its elements that are missing failed; MG_OK: none is.
enum mg_status mg_each_missing(const struct mg_each *each);

// What a client may be told of how a planned call failed: of a gate.each as of the call of its
// element that did.
struct mg_str mg_each_told(const struct mg_asked *asked);

#endif
