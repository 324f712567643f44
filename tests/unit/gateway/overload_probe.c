// A worker's overload in a loop that is told its time.
#include "gateway/overload.h"

int probe_overload_turn(int count, int ms, int accepting);
int probe_overload_still(int count);
void probe_overload_pause(int ms);
void probe_overload_reset(void);
void probe_overload_refusing(int us);

static struct mg_overload overload;
static struct mg_loop loop;
static const uint64_t most = 100;
static int refusing, owed; // in us: what refusing one takes, and what still has not moved the clock

void probe_overload_reset(void)
{
    overload = (struct mg_overload){0};
    loop = (struct mg_loop){.still = 1000};
    refusing = owed = 0;
}

void probe_overload_refusing(int us)
{
    refusing = us;
}

void probe_overload_pause(int ms)
{
    loop.still += (uint64_t)ms;
}

// How many of `count` requests are refused, an hour apart, in a loop that counts no turns.
int probe_overload_still(int count)
{
    int refused = 0;
    probe_overload_reset();
    for (int i = 0; i < count; i++) {
        loop.still += 3600000;
        refused += !mg_overload_admits(&overload, &loop, 0, most);
    }
    return refused;
}

// A turn that begins `count` requests, each of which takes `ms` when it is not refused: how many
// were not. Connections have waited `accepting` ms.
int probe_overload_turn(int count, int ms, int accepting)
{
    int taken = 0;
    loop.turns++;
    loop.turn_ended = loop.still;
    for (int i = 0; i < count; i++) {
        if (mg_overload_admits(&overload, &loop, (uint64_t)accepting, most)) {
            taken++;
            loop.still += (uint64_t)ms;
        } else {
            owed += refusing;
            loop.still += (uint64_t)owed / 1000;
            owed %= 1000;
        }
    }
    return taken;
}
