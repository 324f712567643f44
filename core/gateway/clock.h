// What gate.every asks for, as one worker sees it: each name belongs to one worker of the process,
// which starts its runs when the wall clock reaches a multiple of its time. So they neither depend
// on when the process began nor on when it has loaded anew.
#ifndef MG_GATEWAY_CLOCK_H
#define MG_GATEWAY_CLOCK_H

#include "base/list.h"

struct mg_worker;

// All-zeroes is none.
struct mg_clock {
    struct mg_worker *worker;
    struct mg_list entries;
};

// The worker has a new generation: what that says holds from now on.
void mg_clock_follow(struct mg_clock *clock, struct mg_worker *worker);
void mg_clock_stop(struct mg_clock *clock); // no run begins any more; one that has goes on
void mg_clock_fini(struct mg_clock *clock); // none is left

#endif
