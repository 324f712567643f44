// What other threads may see of a thread that runs scripts, so that somebody can say what it was at
// when it is stuck. Only that thread writes it.
#ifndef MG_SCRIPT_SIGHT_H
#define MG_SCRIPT_SIGHT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct mg_plan;

enum { MG_SIGHT_FILE = 128 }; // bytes of a file's name, with the NUL

// All-zeroes is at nothing.
struct mg_sight {
    // Whose request or script is in work; NULL: none is. Whoever reads it has to keep the plan's
    // generation from being freed meanwhile (gateway/watchdog).
    _Atomic(const struct mg_plan *) plan;
    _Atomic unsigned begun; // how often something was
    _Atomic unsigned ticks; // how often a script was seen to run
    pthread_mutex_t lock;   // of the place where it was seen last,
    unsigned of;            // which is of what was begun then
    char file[MG_SIGHT_FILE];
    int line;
};

// Around whatever may take long. Returns what is to be given to `end`: they may be nested.
static inline const struct mg_plan *mg_sight_begin(struct mg_sight *sight,
                                                   const struct mg_plan *plan)
{
    const struct mg_plan *before = atomic_load_explicit(&sight->plan, memory_order_relaxed);
    unsigned begun = atomic_load_explicit(&sight->begun, memory_order_relaxed);
    atomic_store_explicit(&sight->begun, begun + 1, memory_order_relaxed);
    atomic_store_explicit(&sight->plan, plan, memory_order_release);
    return before;
}

static inline void mg_sight_end(struct mg_sight *sight, const struct mg_plan *before)
{
    atomic_store_explicit(&sight->plan, before, memory_order_release);
}

// The script runs, and is there.
void mg_sight_note(struct mg_sight *sight, const char *file, int line);

// Any thread: where the script that is at work was seen last. False: nowhere, or it is just being
// said.
bool mg_sight_place(struct mg_sight *sight, char file[MG_SIGHT_FILE], int *line);

#endif
