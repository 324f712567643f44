// Failures as application/problem+json (RFC 9457).
#ifndef MG_GATEWAY_PROBLEM_H
#define MG_GATEWAY_PROBLEM_H

#include "data/reply.h"

struct mg_problem {
    int status;
    struct mg_str title;   // empty: the status's reason phrase
    struct mg_str detail;  // for people; may be empty
    struct mg_str id;      // of the request; may be empty
    struct mg_str calls;   // JSON array of the failed calls, or empty
    struct mg_str errors;  // JSON array of what is wrong with the input, or empty
    struct mg_str members; // JSON object whose members are added, or empty
};

// Makes the reply; what the reply's headers hold already stays. False: no memory.
bool mg_problem_reply(const struct mg_problem *problem, struct mg_arena *arena,
                      struct mg_reply *reply);

#endif
