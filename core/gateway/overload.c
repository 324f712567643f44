#include "gateway/overload.h"

enum {
    standing = 5, // times the wait that is allowed: for so long it is one that a burst has left,
    growing = 2,  // and for so long when it grows,
    telling = 10, // which turns tell that are at least this part of it
    few = 6,      // requests of a turn are taken on in any case: so many clients are no overload;
                  // where there have been more, it is the first alone
    slices = 50,  // a turn takes on new requests for this part of the wait that is allowed
    patience_min = 200, // so many times that wait passes before it is tried to do without refusing,
    patience_max = 400  // and twice as many each time that it cannot be done
};

static void change(struct mg_overload *overload, enum mg_overload_state state, uint64_t now)
{
    overload->state = state;
    overload->since = now;
    if (state == MG_OVERLOAD_SHEDDING)
        overload->shed_at = now;
}

// Whether the turn, which has gone on for `took` until now, has clearly more requests than the one
// before it, each of about the same work.
static bool grows(const struct mg_overload *overload, uint64_t took, uint64_t most)
{
    uint64_t here = took * overload->before, before = overload->took * overload->begun;
    return overload->before > few && overload->took >= most / telling &&
           4 * overload->begun > 5 * overload->before && here <= 2 * before && before <= 2 * here;
}

// A new turn: how long the first of its requests may have waited, since what one turn finds came
// during the one before. One that had no request to begin has left no queue behind.
static uint64_t enter_turn(struct mg_overload *overload, const struct mg_loop *loop, uint64_t now,
                           uint64_t accepting, uint64_t most)
{
    bool follows = overload->first && loop->turns == overload->turn + 1;
    uint64_t took = follows ? loop->turn_ended - overload->first : 0;
    overload->grew = follows && grows(overload, took, most);
    overload->before = follows ? overload->begun : 0;
    overload->took = took;
    overload->turn = loop->turns;
    overload->first = now;
    overload->begun = 1;
    return took > accepting ? took : accepting;
}

// Where some have to be refused: the first of a turn still begins, or a few when there are no more.
static bool admits_some(struct mg_overload *overload, bool first, uint64_t now, uint64_t most)
{
    if (first && now - overload->shed_at > most)
        change(overload, MG_OVERLOAD_CALM, now);
    else if (first && now - overload->since >= overload->patience)
        change(overload, MG_OVERLOAD_PROBING, now);
    unsigned anyway = overload->crowded && now - overload->crowded <= most ? 1 : few;
    if (overload->begun > few)
        overload->crowded = now;
    if (overload->begun <= anyway || now - overload->first <= most / slices)
        return true;
    overload->shed_at = now;
    overload->shed++;
    return false;
}

// Whether the queue stands, since it waits too long since the state is WARY.
static bool stands(const struct mg_overload *overload, uint64_t most, uint64_t now)
{
    uint64_t lasts = now - overload->since;
    return lasts >= standing * most ||
           (lasts >= growing * most &&
            (overload->grew || grows(overload, now - overload->first, most)));
}

// What the wait that was seen leads to, where none is refused.
static void judge(struct mg_overload *overload, bool first, uint64_t waited, uint64_t most,
                  uint64_t now)
{
    switch (overload->state) {
    case MG_OVERLOAD_CALM:
        if (waited > most)
            change(overload, MG_OVERLOAD_WARY, now);
        break;
    case MG_OVERLOAD_WARY:
        overload->patience = most * patience_min;
        if (waited > most && stands(overload, most, now))
            change(overload, MG_OVERLOAD_SHEDDING, now);
        else if (first && waited <= most)
            change(overload, MG_OVERLOAD_CALM, now);
        break;
    default: // MG_OVERLOAD_PROBING
        if (waited > most / 2) {
            if (overload->patience < most * patience_max)
                overload->patience *= 2;
            change(overload, MG_OVERLOAD_SHEDDING, now);
        } else if (first && now - overload->since >= most) {
            change(overload, MG_OVERLOAD_CALM, now);
        }
    }
}

bool mg_overload_looks(struct mg_overload *overload, struct mg_loop *loop, uint64_t accepting,
                       uint64_t most)
{
    if (!loop->turns) // they are not counted: time stands still in this loop
        return true;
    bool first = overload->turn != loop->turns;
    bool calm = overload->state == MG_OVERLOAD_CALM;
    uint64_t now = calm && first ? mg_loop_now(loop) : mg_loop_fresh(loop);
    uint64_t waited =
        first ? enter_turn(overload, loop, now, accepting, most) : now - overload->first;
    if (overload->state != MG_OVERLOAD_SHEDDING)
        judge(overload, first, waited, most, now);
    return overload->state != MG_OVERLOAD_SHEDDING || admits_some(overload, first, now, most);
}
