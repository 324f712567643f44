// Calls to the keeper of tasks: what scripts ask of it, as the calls of one worker.
#ifndef MG_BACKEND_TICKET_CALLS_H
#define MG_BACKEND_TICKET_CALLS_H

#include "backend/backend.h"
#include "backend/tickets.h"

// `tickets` outlives it. NULL: no memory.
struct mg_backend *mg_ticket_calls_new(struct mg_tickets *tickets, struct mg_loop *loop,
                                       struct mg_mailbox *home);

#endif
