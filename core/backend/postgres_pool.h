// The connections of the process to one PostgreSQL database, all on the loop of one worker (the
// first to open it), so that their bound is kept by counting and who waits longest is served first;
// the other workers mail their orders. Connections are made when they are wanted. While the server
// cannot be reached nobody waits for it: it is tried again and again, so that calls work within a
// second of its return.
#ifndef MG_BACKEND_POSTGRES_POOL_H
#define MG_BACKEND_POSTGRES_POOL_H

#include "backend/postgres_link.h"
#include "backend/resolver.h"

struct mg_postgres_config {
    struct mg_str name;  // as in gateway.lua
    unsigned at_once;    // connections
    unsigned waiting;    // orders queued; 0: one that finds no connection is refused
    uint64_t connect_ms; // until a connection stands, its name included
};

struct mg_postgres_pool;

// On the loop of `home`. NULL: no memory.
struct mg_postgres_pool *mg_postgres_pool_new(const struct mg_postgres_config *config,
                                              const struct mg_postgres_target *target,
                                              struct mg_resolver *resolver, struct mg_loop *loop,
                                              struct mg_mailbox *home);
// No order is there. closed(owner) in a later turn, when the last connection has gone.
void mg_postgres_pool_close(struct mg_postgres_pool *pool, void (*closed)(void *owner),
                            void *owner);

struct mg_loop *mg_postgres_pool_loop(const struct mg_postgres_pool *pool);
struct mg_mailbox *mg_postgres_pool_home(const struct mg_postgres_pool *pool);

// Takes an order over. ended(order) runs when it has ended, well or not: maybe inside.
void mg_postgres_pool_take(struct mg_postgres_pool *pool, struct mg_postgres_order *order,
                           void (*ended)(struct mg_postgres_order *order));
// Nobody waits for it any more: it ends inside.
void mg_postgres_pool_stop(struct mg_postgres_pool *pool, struct mg_postgres_order *order);

#endif
