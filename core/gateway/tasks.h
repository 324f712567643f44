// The tasks that one worker runs: it is told by the keeper of tickets which to begin and which to
// stop, and says how each has ended.
#ifndef MG_GATEWAY_TASKS_H
#define MG_GATEWAY_TASKS_H

#include "backend/tickets.h"
#include "base/list.h"

struct mg_config;
struct mg_generation;
struct mg_worker;

// All-zeroes is none.
struct mg_tasks {
    struct mg_worker *worker;
    struct mg_tickets *tickets;
    struct mg_list running;
};

// From now on tasks may be begun on this worker.
void mg_tasks_attend(struct mg_tasks *tasks, struct mg_worker *worker, struct mg_tickets *tickets);

// Opens what is to keep them, from the first generation on that has any. `before` is the
// configuration until now, which may be the same: what cannot change while it is open is told.
// `tickets` NULL: nobody keeps any. False: *why is a line.
bool mg_tasks_keep(struct mg_tickets *tickets, const struct mg_generation *generation,
                   const struct mg_config *config, const struct mg_config *before, unsigned workers,
                   struct mg_buf *why);

#endif
