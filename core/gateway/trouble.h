// What of the gateway's files does not load, for as long as it does not: the loader says it, and
// workers under --dev show it while the old routes go on serving.
#ifndef MG_GATEWAY_TROUBLE_H
#define MG_GATEWAY_TROUBLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/sources.h"

struct mg_trouble_item {
    struct mg_fault fault;
    struct mg_str text; // of its file
};

struct mg_trouble {
    _Atomic unsigned count; // 0: all is well
    pthread_mutex_t lock;
    struct mg_arena arena;
    struct mg_trouble_item *items; // at most 20; under the lock
};

// Says each fault in the log.
void mg_trouble_log(const struct mg_faults *faults);

// The loader's; no effect without a place for it, which is NULL then. `faults` are in their order.
void mg_trouble_set(struct mg_trouble *trouble, const struct mg_faults *faults,
                    const struct mg_folder *folder);
void mg_trouble_clear(struct mg_trouble *trouble);

// Any thread. Copies in the arena, the number of them in *count; NULL: all is well, or no memory.
struct mg_trouble_item *mg_trouble_copy(struct mg_trouble *trouble, struct mg_arena *arena,
                                        unsigned *count);
// The first of it as one line for a header: "b.lua:3: unexpected symbol near '='"; or empty.
struct mg_str mg_trouble_line(struct mg_trouble *trouble, struct mg_arena *arena);

#endif
