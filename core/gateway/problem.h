// Failures as application/problem+json (RFC 9457).
#ifndef MG_GATEWAY_PROBLEM_H
#define MG_GATEWAY_PROBLEM_H

#include "data/reply.h"

struct mg_report;

struct mg_problem {
    int status;
    struct mg_str title;   // empty: the status's reason phrase
    struct mg_str detail;  // for people; may be empty
    struct mg_str id;      // of the request; may be empty
    struct mg_str calls;   // JSON array of the failed calls, or empty
    struct mg_str errors;  // JSON array of what is wrong with the input, or empty
    struct mg_str members; // JSON object whose members are added, or empty
    // For the author of the routes alone: what serve --dev makes its report of.
    struct mg_str error;      // what was raised, or how a call failed, in full; or empty
    struct mg_str trace;      // where: "file:line in name, ...", innermost first; or empty
    int line;                 // in the route's file; 0: that of the route
    struct mg_report *report; // it, where it was made before
    struct mg_str dev;        // the same as a JSON object; empty without --dev
};

// Makes the reply; what the reply's headers hold already stays. False: no memory.
bool mg_problem_reply(const struct mg_problem *problem, struct mg_arena *arena,
                      struct mg_reply *reply);

#endif
