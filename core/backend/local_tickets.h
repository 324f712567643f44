// Tickets kept in a file by a thread of their own. What has come in meanwhile is done together, so
// that many tasks share one write to the disk. An answer is sent only when that has happened.
#ifndef MG_BACKEND_LOCAL_TICKETS_H
#define MG_BACKEND_LOCAL_TICKETS_H

#include "backend/tickets.h"

struct mg_local_tickets_options {
    const char *path;
    unsigned seats;     // at least 1; what was there before is spread over them
    unsigned at_once;   // run at the same time, all seats together
    unsigned waiting;   // beyond: MG_BUSY
    size_t result_most; // bytes of what one writes
    size_t file_most;   // bytes of all that is kept; beyond, a new one is MG_BUSY
};

// Until it is open whatever is asked fails. NULL: no memory.
struct mg_tickets *mg_local_tickets_new(void);
// Starts the thread. False: *why is a line.
bool mg_local_tickets_open(struct mg_tickets *tickets,
                           const struct mg_local_tickets_options *options, struct mg_buf *why);
// The routes are there, or are others: what is queued may be begun, as the seats come.
void mg_local_tickets_begin(struct mg_tickets *tickets);
// What it was opened with, asked by who opens it; NULL: it is not open.
const struct mg_local_tickets_options *mg_local_tickets_options(const struct mg_tickets *tickets);
// Does what was asked, then ends the thread: the seats' mailboxes are still there. Nothing is asked
// any more.
void mg_local_tickets_stop(struct mg_tickets *tickets);
void mg_local_tickets_free(struct mg_tickets *tickets); // after stop; NULL allowed

#endif
