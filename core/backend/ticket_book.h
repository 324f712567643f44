// Tickets in an SQLite file, for one thread of one process: a second process is refused. What is
// done between begin and commit is there as a whole, also when the machine loses its power.
#ifndef MG_BACKEND_TICKET_BOOK_H
#define MG_BACKEND_TICKET_BOOK_H

#include "backend/tickets.h"

struct mg_ticket_book;

// NULL: *why is a line. The folder of `path` is made when it is not there.
struct mg_ticket_book *mg_ticket_book_open(const char *path, struct mg_buf *why);
void mg_ticket_book_close(struct mg_ticket_book *book); // NULL allowed

bool mg_ticket_book_begin(struct mg_ticket_book *book);
// False: something has failed, and nothing was done since begin. `wrote`: there was a change.
bool mg_ticket_book_commit(struct mg_ticket_book *book, bool *wrote);

struct mg_ticket_counts {
    unsigned queued, running;
};

// Bytes that what is kept takes; what was forgotten has left room that is used again.
uint64_t mg_ticket_book_used(struct mg_ticket_book *book);

// What a process before this one had running is queued again, or lost. False: the file fails.
bool mg_ticket_book_recover(struct mg_ticket_book *book, uint64_t now);
bool mg_ticket_book_count(struct mg_ticket_book *book, struct mg_ticket_counts *counts);

// The routes have changed when `round` is another one: tickets whose task was not known wait again.
// False: the file fails.
bool mg_ticket_book_renew(struct mg_ticket_book *book, unsigned round);

// Answers a job. `counts` follows what changes; `stopped` is the seat whose task is to stop, or -1.
// `now`: ms of the wall clock. A result is no larger than `most`. False: the file fails or there is
// no memory, and commit will say so too: the jobs since begin are undone.
bool mg_ticket_book_do(struct mg_ticket_book *book, struct mg_ticket_job *job, uint64_t now,
                       size_t most, struct mg_ticket_counts *counts, int *stopped);

// Begins the ticket that has waited for longest. NULL: none waits, or commit will fail.
struct mg_ticket_order *mg_ticket_book_next(struct mg_ticket_book *book, unsigned seats);

// Forgets what has been kept long enough, `most` at a time.
void mg_ticket_book_expire(struct mg_ticket_book *book, uint64_t now, unsigned most);
uint64_t mg_ticket_book_earliest(struct mg_ticket_book *book); // when to; 0: nothing expires

#endif
