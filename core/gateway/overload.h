// Whether one worker has more to do than it can, and what it takes on then. Requests wait for a
// worker while a turn of its loop goes on, or in the queue of its listening socket. A burst that is
// served soon is none of our business; but when requests have waited longer than
// limits.queue_delay, all the time for five times as long as that, the queue stands, and would
// stand for as long as the load does. Twice as long is enough where it grows: more requests come
// during a turn than it does, and each takes as long as before, so that it is no pause of the
// machine that has let them come together. From there on each turn takes on new requests for a
// small part of that time, one of them at least (a few when there are no more), and refuses the
// rest, which costs little: those that are taken on have a quick reply, those that are not know at
// once. It ends when for queue_delay nothing had to be refused; and since clients that ask again as
// soon as they are refused look like a multitude, it is tried now and then whether the queue comes
// back.
#ifndef MG_GATEWAY_OVERLOAD_H
#define MG_GATEWAY_OVERLOAD_H

#include "loop/loop.h"

enum mg_overload_state {
    MG_OVERLOAD_CALM,
    MG_OVERLOAD_WARY, // requests wait too long; is it a burst?
    MG_OVERLOAD_SHEDDING,
    MG_OVERLOAD_PROBING, // all are taken on for a moment: would they wait?
};

// All-zeroes is calm. Times are those of the loop, in ms.
struct mg_overload {
    enum mg_overload_state state;
    unsigned begun;     // requests in the turn
    uint64_t turn;      // of the loop: the last in which a request has begun,
    uint64_t first;     // and when the first of it was
    unsigned before;    // requests in the turn before this, if it came right before it,
    uint64_t took;      // and how long it was
    bool grew;          // there were more in it than in the one before that
    uint64_t since;     // the state is not CALM
    uint64_t patience;  // SHEDDING: after this time it is tried to do without
    uint64_t crowded;   // when last in a turn of SHEDDING there were more requests than a few
    uint64_t shed_at;   // SHEDDING: when the last was refused, or it began
    unsigned long shed; // ever
};

enum { MG_OVERLOAD_LOOKS = 16 }; // requests of a turn between two looks at the clock

// The rest of mg_overload_admits.
bool mg_overload_looks(struct mg_overload *overload, struct mg_loop *loop, uint64_t accepting,
                       uint64_t most);

// A request begins: false when it is to be refused. `accepting`: how long (ms) connections wait to
// be accepted, `most`: how long requests may wait.
static inline bool mg_overload_admits(struct mg_overload *overload, struct mg_loop *loop,
                                      uint64_t accepting, uint64_t most)
{
    overload->begun++;
    if (overload->state == MG_OVERLOAD_CALM && overload->turn == loop->turns &&
        overload->begun % MG_OVERLOAD_LOOKS)
        return true;
    return mg_overload_looks(overload, loop, accepting, most);
}

#endif
