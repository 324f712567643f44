// An SQLite database: reads on a pool of threads with a connection each, writes on one thread. What
// a statement is, SQLite says: one that writes and was asked for as a query goes on to the writer.
// `query` gives a JSON array of objects, `one` the first row as an object (none: MG_STATUS with
// status 404), `run` {"changes":n,"last_id":n}. What SQLite refuses is MG_SQL with its words.
#ifndef MG_BACKEND_SQLITE_H
#define MG_BACKEND_SQLITE_H

#include "backend/backend.h"
#include "base/buf.h"
#include "loop/mailbox.h"

struct mg_sqlite_options {
    struct mg_str name;      // as in gateway.lua
    const char *path;        // of the file, made if it is not there; never ":memory:"
    unsigned readers, queue; // threads; jobs waiting for them, and as many for the writer
};

// One database, for all workers.
struct mg_sqlite;

// NULL: one line in `why` says what is wrong. From the thread that will free it.
struct mg_sqlite *mg_sqlite_new(const struct mg_sqlite_options *options, struct mg_buf *why);
void mg_sqlite_free(struct mg_sqlite *sqlite); // after the last backend has closed; NULL allowed

// One worker's backend, ended by mg_backend_close. NULL: no memory. `home`: of the same loop.
struct mg_backend *mg_sql_new(struct mg_sqlite *sqlite, struct mg_loop *loop,
                              struct mg_mailbox *home);

#endif
