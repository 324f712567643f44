// Who keeps the process's tasks: an interface, which local_tickets fills with a file. Jobs go to it
// from any thread and come back by mail; what is to be run, or to stop, it sends to the seats, the
// workers, one at a time for each ticket and never more than may run at once.
#ifndef MG_BACKEND_TICKETS_H
#define MG_BACKEND_TICKETS_H

#include "base/buf.h"
#include "data/result.h"
#include "data/ticket.h"
#include "loop/mailbox.h"

// One question and its answer, made by mg_ticket_job_new. It is the keeper's from `ask` until its
// mail comes to `home`; without a home the keeper frees it.
struct mg_ticket_job {
    struct mg_mail mail; // `deliver` is the asker's
    struct mg_mailbox *home;
    struct mg_ticket_job *next; // the keeper's own
    _Atomic bool unwanted;      // the asker's: what has not been begun is not to be
    struct mg_ticket_ask ask;
    struct mg_buf body;
    enum mg_body_form form;
    enum mg_status error;
    const char *message; // with an error
};

// To a seat: a task to begin, or one to stop. The receiver frees it.
struct mg_ticket_order {
    struct mg_mail mail;
    struct mg_ticket_order *next; // the keeper's own
    void *owner;                  // the seat's
    unsigned seat, round;         // round: it grows when the routes change
    bool stop;
    unsigned attempt;             // from 1
    struct mg_str id, task, args; // in the same block
};

struct mg_ticket_seat {
    struct mg_mailbox *mailbox;
    void (*deliver)(struct mg_mail *mail); // of an order, on the mailbox's loop
    void *owner;
};

struct mg_tickets {
    void (*ask)(struct mg_tickets *tickets, struct mg_ticket_job *job); // any thread
    // Any thread, once for each index: orders may come from now on.
    void (*sit)(struct mg_tickets *tickets, unsigned index, const struct mg_ticket_seat *seat);
    void (*rest)(struct mg_tickets *tickets); // any thread: nothing more is to be begun
};

// In one block of at least `size` bytes, the job first, its texts behind. NULL: no memory.
struct mg_ticket_job *mg_ticket_job_new(size_t size, const struct mg_ticket_ask *ask);
void mg_ticket_job_free(struct mg_ticket_job *job);

#endif
