// A PostgreSQL database. `query` gives a JSON array of objects, `one` the first row as an object
// (none: MG_STATUS with status 404), `run` {"changes":n,"last_id":v}, where v is the first column
// of the last row that RETURNING gave, or null; an atomic list gives the array of its parts'
// results, or fails and leaves nothing behind. What the server refuses is MG_SQL with its words.
// Nothing is ever sent twice: what was under way when a connection was lost fails as MG_RESET.
#ifndef MG_BACKEND_POSTGRES_H
#define MG_BACKEND_POSTGRES_H

#include "backend/postgres_pool.h"

struct mg_postgres_options {
    struct mg_postgres_config config; // zeroes stand for 16 connections, 1,000 ms
    const char *url;                  // "postgres://user:password@host:port/database?sslmode=..."
};

// One database, for all workers.
struct mg_postgres;

// Does not connect: that happens when the first call wants it. NULL: one line in `why`, without the
// password.
struct mg_postgres *mg_postgres_new(const struct mg_postgres_options *options,
                                    struct mg_resolver *resolver, struct mg_buf *why);
void mg_postgres_free(
    struct mg_postgres *postgres); // after the last backend has closed; NULL allowed

// One worker's backend, ended by mg_backend_close. NULL: no memory. `home`: of the same loop.
struct mg_backend *mg_postgres_open(struct mg_postgres *postgres, struct mg_loop *loop,
                                    struct mg_mailbox *home);

#endif
