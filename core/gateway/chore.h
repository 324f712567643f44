// A chore: functions of a script at work for nobody who hears them. It uses an exchange that has
// been replied to for its calls, and keeps it until it is done; each function has a time of its
// own.
#ifndef MG_GATEWAY_CHORE_H
#define MG_GATEWAY_CHORE_H

#include "gateway/exchange.h"

struct mg_chore {
    struct mg_exchange *exchange;
    struct mg_task turn; // begins the next function
    bool waits;          // a function is at work, and waits
    int status;          // how the request has ended
};

// The reply was given, or nobody is there to hear one: runs what was left to gate.finally, the
// newest first, from a later turn on. False: nothing was, or there is no memory.
bool mg_chore_finally(struct mg_exchange *exchange);

// One of its calls has landed.
void mg_chore_landed(struct mg_chore *chore);

#endif
