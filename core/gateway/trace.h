// The calls of an exchange with their times, for whoever wants to see them: of its plan and of its
// functions alike. Nothing is kept for it: it is read off the exchange when somebody asks.
#ifndef MG_GATEWAY_TRACE_H
#define MG_GATEWAY_TRACE_H

#include "gateway/mask.h"

enum mg_trace_state {
    MG_TRACE_NOT_STARTED, // of the plan: what it waits for has not landed
    MG_TRACE_UNDER_WAY,
    MG_TRACE_LANDED,
};

// All is borrowed from the exchange or lives in its arena. Secrets are taken out of the texts.
struct mg_trace_call {
    struct mg_str name;    // as in problems; of a function's call its key, or the backend's name
    const char *kind;      // mg_call_kind_word
    struct mg_str backend; // its name in gateway.lua; empty: of a value
    struct mg_str ask;     // such as "GET /users/7": with its placeholders if not started
    bool each;             // one call for each element of a list
    const struct mg_str *needs; // names of the calls that it waits for
    unsigned need_count;
    enum mg_trace_state state;
    const char *outcome; // "ok", "timeout", ... when it has landed; else "under way", "not started"
    bool partial;        // landed and failed, and the request goes on without it
    int status;          // of an HTTP answer; 0: none
    struct mg_str message; // of a failure; it may name paths and statements: for the author alone
    uint64_t start, end;   // ms since the request began; under way: until now
};

struct mg_trace {
    struct mg_trace_call
        *calls; // in the order in which they were started, those that were not last
    unsigned count;
    uint64_t total; // ms since the request began: since the first byte of its head was read
};

// On the exchange's loop, at any time before it ends; unless it is NULL, what the mask hides is
// taken out of the texts, too. False: no memory.
bool mg_trace_read(struct mg_exchange *exchange, const struct mg_mask *mask,
                   struct mg_trace *trace);

#endif
