// A ticket is a task as it is kept: its arguments, its state, what came of it. What is asked of the
// keeper of tickets is plain data, so that a call can carry it.
#ifndef MG_DATA_TICKET_H
#define MG_DATA_TICKET_H

#include "base/str.h"

enum mg_ticket_verb {
    MG_TICKET_ADD,      // answers the id, as a JSON string; MG_BUSY: too many wait
    MG_TICKET_GET,      // answers an object, or null: none that this owner may see
    MG_TICKET_RESULT,   // of one that is done: what was written, else JSON, or null
    MG_TICKET_CANCEL,   // answers true, or null; one that has ended is forgotten
    MG_TICKET_PROGRESS, // the rest: of one that runs, else without effect
    MG_TICKET_WRITE,    // MG_TOO_LARGE: its result would be
    MG_TICKET_END,
    MG_TICKET_REQUEUE, // it was not begun after all
};

struct mg_ticket_ask {
    enum mg_ticket_verb verb;
    struct mg_str task;  // ADD, GET, RESULT, CANCEL: the task's name
    struct mg_str id;    // but for ADD
    struct mg_str owner; // ADD, GET, RESULT, CANCEL: who may see it; empty: whoever knows the id
    struct mg_str
        text;    // ADD: arguments, JSON or empty; WRITE: what; END: the result, JSON or empty
    bool failed; // END
    struct mg_str fault; // END: why it failed
    uint64_t keep;       // ADD: ms from its end on
    unsigned tries;      // ADD: how often it is begun at most, at least 1
    unsigned home;       // ADD: the seat that runs it
    unsigned round;      // REQUEUE: whose routes do not know its task; 0: another reason
    double progress;     // 0 to 1
};

#endif
