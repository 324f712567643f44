// An exchange is one request on its way to its reply: the one place where the connection, the
// router, plans, scripts and backends meet. It lives in its request's arena and ends when the reply
// was sent or the client has gone, no call is in flight any more, and what was left to gate.finally
// is done.
#ifndef MG_GATEWAY_EXCHANGE_H
#define MG_GATEWAY_EXCHANGE_H

#include "gateway/problem.h"
#include "gateway/worker.h"
#include "script/run.h"

enum mg_exchange_state {
    MG_EXCHANGE_READING, // the request's body is still coming
    MG_EXCHANGE_CALLING, // calls of the plan are in flight
    MG_EXCHANGE_WAITING, // a function waits for calls
    MG_EXCHANGE_PASSING, // the head of a passed answer was given, its body follows
    MG_EXCHANGE_REPLIED, // the reply was given, or nobody is there to hear it
};

struct mg_exchange {
    struct mg_list node; // among the worker's
    struct mg_worker *worker;
    struct mg_generation *generation; // the worker's when it began: it ends on the same
    struct mg_conn *conn;             // NULL once it was sent to or has gone
    struct mg_request *request;
    const struct mg_plan *plan; // NULL: no route
    enum mg_exchange_state state;
    bool counted; // in the process's at_once
    bool ending;  // functions `after` are at work, or were: what was planned is of no more use
    struct mg_scope scope;
    uint64_t deadline;       // loop time in ms
    struct mg_timer timer;   // of a function that waits
    struct mg_asked **asked; // the plan's calls first, then what functions started
    struct mg_call **calls;  // the plan's, for the scope
    unsigned asked_count, asked_cap;
    unsigned asked_before; // of them, those that do not count for the function at work
    unsigned in_flight;
    unsigned planned_left; // calls of the plan that have not landed
    size_t result_bytes;
    struct mg_list stillborn; // calls that failed before they could be started
    struct mg_task bury;      // lands them
    struct mg_pass *pass;     // of a plan with `pass`, else NULL
    struct mg_chore *chore;   // what is done after the reply, else NULL
    struct mg_run run;
    struct mg_reply reply;
    struct mg_report *report; // under --dev: of the problem that was replied last, or NULL
};

// In the request's arena, in state READING; NULL: no memory, the request stays the caller's.
struct mg_exchange *mg_exchange_new(struct mg_worker *worker, struct mg_conn *conn,
                                    struct mg_request *request);

// The request is complete, but for a body that is passed: checks its input, starts its calls, or
// its function.
void mg_exchange_start(struct mg_exchange *exchange);

// Starts what is planned, when `before` has let it through.
void mg_exchange_go_on(struct mg_exchange *exchange);

// The last thing said to the client: exchange->reply, or a problem. From here on nothing of the
// request is waited for. When it was said before, no effect; where a passed answer has begun, that
// is cut instead.
void mg_exchange_reply(struct mg_exchange *exchange);
void mg_exchange_problem(struct mg_exchange *exchange, struct mg_problem problem);
void mg_exchange_say(struct mg_exchange *exchange, int status, const char *detail);
void mg_exchange_no_memory(struct mg_exchange *exchange);
void mg_exchange_out_of_time(struct mg_exchange *exchange);

// A call of the plan has failed, and with it the request.
void mg_exchange_fail(struct mg_exchange *exchange, struct mg_asked *asked);

// A call among the exchange's, in order of their ids; false: no memory.
bool mg_exchange_keep(struct mg_exchange *exchange, struct mg_asked *asked);
// Starts a call that is filled; one that failed while it was filled lands all the same. In two
// parts: with `ready` it counts as in flight, `landed` NULL being that of the exchange's own calls,
// and `send` gives it to its backend.
void mg_exchange_start_call(struct mg_exchange *exchange, struct mg_asked *asked);
void mg_exchange_ready(struct mg_exchange *exchange, struct mg_asked *asked,
                       void (*landed)(struct mg_call *call), void *owner);
void mg_exchange_send(struct mg_exchange *exchange, struct mg_asked *asked);
// Fills a planned call. False: the client's fault, the request has ended.
bool mg_exchange_fill(struct mg_exchange *exchange, struct mg_asked *asked);
// What is ready but was not sent lands: in a turn of its own, or now, within that of another.
void mg_exchange_bury(struct mg_exchange *exchange, struct mg_asked *asked);
void mg_exchange_land(struct mg_asked *asked);
// Its answer is no longer wanted; no effect when it has landed or was never started.
void mg_exchange_cancel(struct mg_exchange *exchange, struct mg_asked *asked);
void mg_exchange_cancel_all(struct mg_exchange *exchange);

// Ends it when nobody refers to it any more: then it is gone.
void mg_exchange_end_if_done(struct mg_exchange *exchange);

// Ends it without a word: at the end of a worker that gives up.
void mg_exchange_abort(struct mg_exchange *exchange);

#endif
