// A link: one connection to a PostgreSQL server on its loop. It carries one order at a time, each
// statement prepared once under a name, and tells its pool when it has come to rest. What a
// cancelled order has left behind is mended before the next: the server was told to stop, all that
// it still sent was read, and an open transaction was rolled back; else the link ends.
#ifndef MG_BACKEND_POSTGRES_LINK_H
#define MG_BACKEND_POSTGRES_LINK_H

#include "backend/statements.h"
#include "backend/postgres_wire.h"
#include "loop/aside.h"

enum mg_postgres_link_state {
    MG_POSTGRES_DIALLING,
    MG_POSTGRES_IDLE,
    MG_POSTGRES_BUSY,    // it carries an order
    MG_POSTGRES_MENDING, // nobody's, and not yet fit for the next order
    MG_POSTGRES_DEAD,    // its memory goes in a later turn
};

// What the links of a pool share.
struct mg_postgres_links {
    struct mg_loop *loop;
    struct mg_asides *asides; // for cancelling
    const struct mg_postgres_target *target;
    uint64_t connect_ms;
    // The order has ended, well or not; the link may not be idle yet.
    void (*ended)(struct mg_postgres_order *order);
    // It is idle now, or dead: then `why` holds, and `stood` says whether it ever stood.
    void (*rests)(struct mg_postgres_link *link);
};

struct mg_postgres_watch; // of its socket

struct mg_postgres_link {
    struct mg_list node; // its pool's
    void *pool;
    const struct mg_postgres_links *links;
    enum mg_postgres_link_state state;
    bool stood;
    bool known;           // its pool's: it has heard that it stands
    unsigned turn, tries; // its pool's: which address it dials, how many were dialled before it
    uint64_t born, idle;  // loop time since when it stands, since when it is idle
    char why[256];

    struct mg_postgres_wire wire;
    struct mg_postgres_watch *watch;
    struct mg_timer timer; // dialling, mending
    struct mg_statements statements;

    struct mg_postgres_order *order;
    enum mg_postgres_step {
        MG_POSTGRES_BEGIN,
        MG_POSTGRES_FORGET,
        MG_POSTGRES_PREPARE,
        MG_POSTGRES_EXECUTE,
        MG_POSTGRES_COMMIT,
        MG_POSTGRES_ROLLBACK,
    } step;
    unsigned part;                  // of the order, that runs now
    struct mg_statement *statement; // of that part
    uint64_t rows;                  // of that part so far
    size_t skipped;                 // bytes of rows that nobody asked for
    struct mg_buf first;            // RUN: the first column of the last row
    bool stale, again;              // a statement was out of date; it was begun once more
    bool sent;                      // something, since the last event
    struct mg_aside *cancel;        // on its way to the server
};

// Begins to connect; `rests` later says what became of it. NULL: no memory.
struct mg_postgres_link *mg_postgres_link_new(const struct mg_postgres_links *links, void *pool,
                                              const char *address);
void mg_postgres_link_run(struct mg_postgres_link *link, struct mg_postgres_order *order); // idle
// Lets go of its order, which has ended now; the link is mended.
void mg_postgres_link_stop(struct mg_postgres_link *link);
// Idle or dialling: it is dead at once, and its pool is not told.
void mg_postgres_link_close(struct mg_postgres_link *link);

#endif
