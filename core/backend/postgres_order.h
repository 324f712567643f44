// An order: one call on its way to the connections of a PostgreSQL database and back. It owns
// copies of all that it needs, rendered as libpq takes it, so the call can land without it, at its
// deadline or cancelled. Whoever holds it alone looks at it: the worker that asked, then the pool,
// then the worker again.
#ifndef MG_BACKEND_POSTGRES_ORDER_H
#define MG_BACKEND_POSTGRES_ORDER_H

#include "backend/backend.h"
#include "base/buf.h"
#include "loop/mailbox.h"

// One statement. Texts end with NUL; a value that is NULL is null.
struct mg_postgres_part {
    enum mg_sql_verb verb;
    const char *sql;
    size_t sql_len;
    const char *const *values;
    int count;
};

struct mg_postgres_seat; // the backend of the worker that asked
struct mg_postgres_pool;
struct mg_postgres_link;

struct mg_postgres_order {
    struct mg_mail mail; // the way there and back
    struct mg_mail stop; // says that nobody waits for it any more; comes back, too
    struct mg_postgres_seat *seat;

    // The worker's own.
    struct mg_call *call; // NULL: abandoned
    struct mg_list waits; // among those whose call waits
    struct mg_timer deadline;
    bool stopping; // `stop` is on its way
    bool home;     // the order itself is back

    // What is asked.
    bool atomic;
    unsigned part_count;
    const struct mg_postgres_part *parts;
    size_t body_most;
    uint64_t until; // loop time in ms, which all loops share

    // What came of it. `body` is freed or becomes the call's.
    struct mg_buf body;
    int status; // as in mg_result; 0 means 200
    enum mg_status error;
    char message[256];

    // The pool's own.
    struct mg_postgres_pool *pool; // NULL: it has ended
    void (*ended)(struct mg_postgres_order *order);
    struct mg_list node;           // in its queue
    struct mg_postgres_link *link; // that carries it
    uint64_t began;                // us, when it got its connection
};

// NULL and *error: no memory, or a value that PostgreSQL cannot be given, which *why says.
struct mg_postgres_order *mg_postgres_order_new(struct mg_call *call, enum mg_status *error,
                                                const char **why);
void mg_postgres_order_free(struct mg_postgres_order *order);

// It fails so; a body begun is dropped. The first failure counts.
void mg_postgres_order_fail(struct mg_postgres_order *order, enum mg_status error,
                            const char *format, ...) __attribute__((format(printf, 3, 4)));

// Fails it if its body does not fit or has no memory; whether it can go on.
bool mg_postgres_order_check(struct mg_postgres_order *order);

#endif
