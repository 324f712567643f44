#include "gateway/overload.h"

enum { slices = 50 }; // a turn takes on new requests for this part of the wait that is allowed

// A new turn: how long the first of its requests may have waited, since what one turn finds came
// during the one before. One that had no request to begin has left no queue behind.
static uint64_t enter_turn(struct mg_overload *overload, const struct mg_loop *loop, uint64_t now,
                           uint64_t accepting)
{
    uint64_t waited = accepting;
    bool follows = overload->first && loop->turns == overload->turn + 1;
    if (follows && loop->turn_ended > overload->first + waited)
        waited = loop->turn_ended - overload->first;
    overload->turn = loop->turns;
    overload->first = now;
    overload->begun = 0;
    return waited;
}

// Where one has to be refused, the first of a turn still begins: something always does.
static bool admits_some(struct mg_overload *overload, bool first, uint64_t now, uint64_t most)
{
    if (first && now - overload->shed_at > most) {
        overload->state = MG_OVERLOAD_CALM;
        return true;
    }
    if (first || now - overload->first <= most / slices)
        return true;
    overload->shed_at = now;
    overload->shed++;
    return false;
}

bool mg_overload_looks(struct mg_overload *overload, struct mg_loop *loop, uint64_t accepting,
                       uint64_t most)
{
    if (!loop->turns) // they are not counted: time stands still in this loop
        return true;
    bool first = overload->turn != loop->turns;
    bool calm = overload->state == MG_OVERLOAD_CALM;
    uint64_t now = calm && first ? mg_loop_now(loop) : mg_loop_fresh(loop);
    uint64_t waited = first ? enter_turn(overload, loop, now, accepting) : now - overload->first;
    if (overload->state == MG_OVERLOAD_SHEDDING)
        return admits_some(overload, first, now, most);
    if (calm && waited > most) {
        overload->state = MG_OVERLOAD_WARY;
        overload->since = now;
    } else if (!calm && first && waited <= most) {
        overload->state = MG_OVERLOAD_CALM;
    } else if (!calm && waited > most && now - overload->since >= most) {
        overload->state = MG_OVERLOAD_SHEDDING;
        overload->shed_at = now;
        return admits_some(overload, first, now, most);
    }
    return true;
}
