// A chore: functions of a script at work for nobody who hears them. What a request left to
// gate.finally is one, at the end of its exchange; a run of gate.every is one, with an exchange
// that never had a client. Its calls are those of an exchange that was replied to, which it keeps
// until it is done; each function has a time of its own.
#ifndef MG_GATEWAY_CHORE_H
#define MG_GATEWAY_CHORE_H

#include "gateway/exchange.h"

enum mg_chore_end {
    MG_CHORE_DONE,
    MG_CHORE_FAILED,
    MG_CHORE_LATE, // out of time
    MG_CHORE_CUT,
};

struct mg_chore;

// A function to run without a request.
struct mg_chore_work {
    struct mg_str name; // in the log, such as `gate.every "sweep"`; copied
    struct mg_run_chore
        run;         // its function is one of the worker's newest generation; texts are copied
    uint64_t within; // ms
    // Once, in a later turn, when the function has ended; what it left to gate.finally comes after.
    // exchange->run has its failure, or what it made. Nothing more is said of the chore.
    void (*ended)(struct mg_chore *chore, enum mg_chore_end end);
    void *owner;
};

struct mg_chore {
    struct mg_exchange *exchange;
    struct mg_task turn; // begins the next function
    bool waits;          // a function is at work, and waits
    bool alone;          // it has no request: `work` is its own
    bool begun;          // that is at work, or was
    int status;          // what gate.finally hears
    struct mg_chore_work work;
};

// The reply was given, or nobody is there to hear one: runs what was left to gate.finally, the
// newest first, from a later turn on. False: nothing was, or there is no memory.
bool mg_chore_finally(struct mg_exchange *exchange);

// Runs a function from a later turn on. NULL: no memory.
struct mg_chore *mg_chore_start(struct mg_worker *worker, const struct mg_chore_work *work);
// Its function is to end, as CUT; no effect on what was left to gate.finally.
void mg_chore_cut(struct mg_chore *chore);

// One of its calls has landed.
void mg_chore_landed(struct mg_chore *chore);

#endif
