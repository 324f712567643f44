// What stands between braces in a route: {id}, {query.page}, {profile.body.items[1].id}. Parsed and
// bound once, at load, against the names the route knows.
#ifndef MG_PLAN_REFERENCE_H
#define MG_PLAN_REFERENCE_H

#include "base/arena.h"
#include "json/scan.h"

enum mg_root {
    MG_ROOT_PARAM,         // {id}: a path parameter, `index` among the route's
    MG_ROOT_QUERY,         // {query.page}
    MG_ROOT_HEADER,        // {headers.x-user}
    MG_ROOT_COOKIE,        // {cookies.sid}
    MG_ROOT_BODY,          // {body.user.id}: the request's JSON
    MG_ROOT_RESULT_BODY,   // {profile.body.a.b[1]}: `index` among the plan's calls
    MG_ROOT_RESULT_STATUS, // {profile.status}
    MG_ROOT_RESULT_HEADER, // {profile.headers.etag}
    MG_ROOT_CONTEXT,       // {context.user}: what `before` has left in req.context
    MG_ROOT_LOCAL,         // {name} of a running function's own params
    MG_ROOT_EACH,          // {each.id}: of the element that a call of gate.each is made for
};

struct mg_reference {
    enum mg_root root;
    unsigned index;
    bool rest;          // PARAM: {name...}, whose value keeps its slashes
    bool list;          // it has a "[]": a list of what every element has there
    struct mg_str name; // QUERY, HEADER, COOKIE, RESULT_HEADER, LOCAL, PARAM
    struct mg_json_step *steps;
    unsigned step_count;
    int input; // index of the input field that declares it (its value is checked and typed), or -1
};

// The names that references may use, while a route is compiled.
struct mg_names {
    const struct mg_str *params;
    unsigned param_count;
    bool rest; // the last parameter takes the rest of the path
    const struct mg_str *calls;
    unsigned call_count;
    const struct mg_input *input; // may be NULL
    bool each;                    // {each}: in the call of a gate.each
    bool *context;                // where it is noted that {context} is named; NULL: there is none
    bool local;                   // only {name}: any name, read from a call's own params
};

// Parses the text between the braces. False: *error (in the arena) says what is wrong and the
// nearest valid name.
bool mg_reference_parse(struct mg_reference *reference, struct mg_str text,
                        const struct mg_names *names, struct mg_arena *arena, struct mg_str *error);

static inline bool mg_reference_is_result(const struct mg_reference *reference)
{
    return reference->root >= MG_ROOT_RESULT_BODY && reference->root <= MG_ROOT_RESULT_HEADER;
}

// True when `word` is a root of its own ("query", "headers", "each" ...), which cannot name a call
// or a parameter.
bool mg_reference_reserved(struct mg_str word);

#endif
