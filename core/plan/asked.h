// A call of a request with what its end means: planned, or described by a running function.
#ifndef MG_PLAN_ASKED_H
#define MG_PLAN_ASKED_H

#include "base/list.h"
#include "plan/fill.h"

struct mg_each; // the exchange's

struct mg_asked {
    struct mg_call call;
    struct mg_list node; // while it waits to land without having been started
    struct mg_str name;  // in problems and Moongate-Partial
    struct mg_contract contract;
    enum mg_verdict verdict;         // once call.result.landed
    const struct mg_plan_call *plan; // NULL: a running function's own
    struct mg_each *each;            // planned: its calls, once it goes through a list
    unsigned waits;                  // planned: calls that must land before it starts
    bool started;
    struct mg_fill_fault owed; // a function's: what the client did not send as it must; or empty
};

#endif
