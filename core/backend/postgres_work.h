// What a link does for the order that it carries: statement by statement, each prepared where it is
// not yet, in a transaction where the order is atomic. For postgres_link.c only.
#ifndef MG_BACKEND_POSTGRES_WORK_H
#define MG_BACKEND_POSTGRES_WORK_H

#include "backend/postgres_link.h"

// Sends the first thing. Each of these may end the link, or its order.
void mg_postgres_work_begin(struct mg_postgres_link *link);
void mg_postgres_work_take(struct mg_postgres_link *link, enum mg_postgres_event event);
// All of what was sent last has ended, and the link still carries its order.
void mg_postgres_work_ready(struct mg_postgres_link *link);

// The link's own, for the work.
void mg_postgres_link_send(struct mg_postgres_link *link, enum mg_postgres_step step,
                           const char *sql);                // one that takes no values
void mg_postgres_link_flush(struct mg_postgres_link *link); // what was put on its wire
void mg_postgres_link_die(struct mg_postgres_link *link, const char *why); // NULL: libpq's words
void mg_postgres_link_rest(struct mg_postgres_link *link);                 // the order is done
void mg_postgres_link_mend(struct mg_postgres_link *link); // the order has failed and ended

#endif
