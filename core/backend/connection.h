// One connection to an SQLite database, used by one thread: the desk of a pool thread. Runs one
// statement at a time and writes its rows as JSON. Beside ticket_lines, which ticket_book is
// written with, the only part that knows sqlite3.h.
#ifndef MG_BACKEND_CONNECTION_H
#define MG_BACKEND_CONNECTION_H

#include "backend/errand.h"

struct mg_connection;

enum mg_connection_use {
    MG_CONNECTION_READER,
    MG_CONNECTION_WRITER, // creates the file where there is none, and sets WAL mode
};

// Opens lazily where it fails: then mg_connection_why says why, and each run tries again.
// NULL: no memory. `path` is copied.
struct mg_connection *mg_connection_new(const char *path, enum mg_connection_use use);
void mg_connection_free(struct mg_connection *connection); // NULL allowed

// NULL when it is open, else one line, which lasts until the next run.
const char *mg_connection_why(const struct mg_connection *connection);

// Runs the statement and leaves the outcome in the errand; stops early when its job is cancelled,
// unless it writes: then it ends unheard, and is only cut after 30 s. False: a reader met a
// statement that writes, nothing was done, a writer has to run it.
bool mg_connection_run(struct mg_connection *connection, const struct mg_sql_ask *ask,
                       struct mg_errand *errand);

#endif
