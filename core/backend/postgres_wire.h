// libpq as the links use it: nothing here blocks, resolves a name or knows the loop. The only part
// that knows libpq-fe.h.
#ifndef MG_BACKEND_POSTGRES_WIRE_H
#define MG_BACKEND_POSTGRES_WIRE_H

#include "backend/postgres_order.h"

// Where a database is and how one logs in: the URL, with what it leaves out taken from the PG*
// variables of the environment, as psql does. Made at start, then only read.
struct mg_postgres_target;

// NULL: *why (in `room`) is one line without the password.
struct mg_postgres_target *mg_postgres_target_new(const char *url, char room[256]);
void mg_postgres_target_free(struct mg_postgres_target *target); // NULL allowed
// The name to look up; empty when there is none: an address, or a unix socket.
struct mg_str mg_postgres_target_name(const struct mg_postgres_target *target);

struct mg_postgres_wire {
    struct pg_conn *db;
    struct pg_result *result; // the last that came
    bool heard, partial;      // something was read since the last was sent; and more is to come
    size_t unread;            // bytes read since the last result, about
    bool bloated;             // a row has made it take memory that it keeps until it is closed
};

enum mg_postgres_dialled {
    MG_POSTGRES_WAITS_TO_READ,
    MG_POSTGRES_WAITS_TO_WRITE,
    MG_POSTGRES_STANDS,
    MG_POSTGRES_FAILED,
};

// `address`: where the target's name is, "127.0.0.1" or "::1"; NULL where it has none. False: it
// has failed at once.
bool mg_postgres_wire_dial(struct mg_postgres_wire *wire, const struct mg_postgres_target *target,
                           const char *address);
// Goes on when the socket is ready. The socket may be another one afterwards.
enum mg_postgres_dialled mg_postgres_wire_dial_on(struct mg_postgres_wire *wire);
int mg_postgres_wire_fd(const struct mg_postgres_wire *wire);
void mg_postgres_wire_close(struct mg_postgres_wire *wire); // all-zeroes allowed
// libpq's last words, as one line.
void mg_postgres_wire_why(const struct mg_postgres_wire *wire, char room[256]);

// Each sends one thing; false: the connection is broken.
bool mg_postgres_wire_plain(struct mg_postgres_wire *wire, const char *sql);
bool mg_postgres_wire_prepare(struct mg_postgres_wire *wire, const char *name, const char *sql);
bool mg_postgres_wire_execute(struct mg_postgres_wire *wire, const char *name,
                              const struct mg_postgres_part *part);
// 1: not all has gone out, 0: it has, -1: broken.
int mg_postgres_wire_flush(struct mg_postgres_wire *wire);

bool mg_postgres_wire_read(struct mg_postgres_wire *wire); // takes in what has come; false: broken

enum mg_postgres_event {
    MG_POSTGRES_NOTHING, // no more has come
    MG_POSTGRES_ROW,     // for mg_postgres_wire_put_row
    MG_POSTGRES_DONE,    // the statement has ended well
    MG_POSTGRES_ERROR,   // the statement has failed
    MG_POSTGRES_LOST,    // the same, and the server ends the connection
    MG_POSTGRES_COPY,    // it wants to copy, which leaves no way back
    MG_POSTGRES_READY,   // all of what was sent has ended
};
enum mg_postgres_event mg_postgres_wire_next(struct mg_postgres_wire *wire);

// Of the row that came: as an object; its first column; its bytes.
bool mg_postgres_wire_put_row(const struct mg_postgres_wire *wire, struct mg_buf *out);
void mg_postgres_wire_put_first(const struct mg_postgres_wire *wire, struct mg_buf *out);
size_t mg_postgres_wire_row_size(const struct mg_postgres_wire *wire);
// Of the statement that ended: rows that it changed.
uint64_t mg_postgres_wire_changes(const struct mg_postgres_wire *wire);
// Of the error: the server's words; whether it was only that a prepared statement is out of date.
void mg_postgres_wire_error(const struct mg_postgres_wire *wire, char room[256]);
bool mg_postgres_wire_stale(const struct mg_postgres_wire *wire);

enum mg_postgres_transaction { MG_POSTGRES_NO_TRANSACTION, MG_POSTGRES_OPEN, MG_POSTGRES_UNSURE };
enum mg_postgres_transaction mg_postgres_wire_transaction(const struct mg_postgres_wire *wire);

// Asks the server to stop what runs now. Made on the loop (NULL: no memory), then used from any
// thread: run blocks until the server has heard it.
struct pg_cancel *mg_postgres_wire_cancel(const struct mg_postgres_wire *wire);
bool mg_postgres_cancel_run(struct pg_cancel *cancel);
void mg_postgres_cancel_free(struct pg_cancel *cancel);

#endif
