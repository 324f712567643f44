// What a route declares, compiled at load into data that C can run: its input, its calls with what
// each waits for, and the form of its reply. Read-only afterwards; shared by a worker's requests.
#ifndef MG_PLAN_PLAN_H
#define MG_PLAN_PLAN_H

#include "data/call.h"
#include "data/request.h"
#include "plan/contract.h"
#include "plan/input.h"
#include "plan/shape.h"

enum { MG_PLAN_CALLS_MOST = 64 };

// A backend's headers and defaults, as configured; what plans and running functions call by name.
struct mg_plan_backend {
    enum mg_call_kind kind;
    struct mg_str name;
    unsigned index;                    // what mg_call.backend says
    uint64_t within;                   // ms; 0: none of its own
    struct mg_named_template *headers; // HTTP: sent with every call
    unsigned header_count;
};

// What one request of a route may take: the gateway's limits, but for those that its route sets.
#define MG_PLAN_LIMITS(X)                                                                          \
    X(body)                                                                                        \
    X(fields)                                                                                      \
    X(match) X(match_text) X(match_memory) X(calls) X(each) X(result) X(results) X(script) X(memory)

struct mg_plan_limits {
#define MG_PLAN_LIMIT_FIELD(name) uint64_t name;
    MG_PLAN_LIMITS(MG_PLAN_LIMIT_FIELD)
#undef MG_PLAN_LIMIT_FIELD
};

// What routes are compiled against.
struct mg_plan_gateway {
    const struct mg_plan_backend *backends;
    unsigned backend_count;
    struct mg_plan_limits limits;
};

struct mg_named_template {
    struct mg_str name;
    struct mg_template template;
};

// What of the client's headers and query goes along with a call.
struct mg_forward {
    struct mg_str *headers, *query; // names
    unsigned header_count, query_count;
    bool all_headers, all_query; // "*": all but hop-by-hop
    bool unread; // the answer is not read here and may be packed: "*" is Accept-Encoding, too
};

// A command of a REDIS call: its name and its arguments.
struct mg_plan_command {
    struct mg_template *words;
    unsigned count;
};

enum mg_plan_body { MG_PLAN_NO_BODY, MG_PLAN_JSON, MG_PLAN_FORM, MG_PLAN_TEXT, MG_PLAN_XML };

struct mg_plan_sql {
    enum mg_sql_verb verb;
    struct mg_str sql;
    struct mg_shape *args; // one per SQL parameter
    unsigned arg_count;
};

struct mg_plan_each;

struct mg_plan_call {
    struct mg_str name;
    const struct mg_plan_backend *backend; // NULL for VALUE and COMPUTE
    enum mg_call_kind kind;
    unsigned verb; // enum mg_method (COUNT: the request's own), mg_file_verb, mg_sql_verb
    struct mg_contract contract;
    struct mg_shape *fallback; // NULL: none, or a constant (contract.fallback)
    struct mg_template path;   // HTTP, FILE
    struct mg_str path_text;   // the same as the author wrote it; REDIS: name and arguments;
                               // COMPUTE: the module
    struct mg_str function;    // COMPUTE
    struct mg_named_template *query, *headers, *form;
    unsigned query_count, header_count, form_count;
    enum mg_plan_body body_kind;
    struct mg_shape json;           // JSON body, a VALUE's value, or the arguments of COMPUTE
    struct mg_template text;        // TEXT (without placeholders) or XML body
    struct mg_plan_sql *statements; // SQL: one, or those of an atomic list
    unsigned statement_count;
    uint64_t delay; // VALUE, ms
    unsigned redirects;
    struct mg_forward forward;
    struct mg_plan_command *commands; // REDIS
    unsigned command_count;
    bool atomic;
    uint64_t needs; // bits: calls that must have landed before it starts
    int when;       // a function that says whether it is made; 0: none
    uint64_t sees;  // bits: what it needs, and what that needs: all that has landed by then
    struct mg_plan_each *each; // not NULL: one call for each element of a list
    int line;
};

// What gate.each declares. Of its mg_plan_call, name, contract, fallback and needs are about the
// whole; kind and backend are those of `call`.
struct mg_plan_each {
    struct mg_template list; // one placeholder
    struct mg_str list_text; // the same as the author wrote it
    unsigned at_once;        // in flight, at most
    struct mg_plan_call call;
};

enum mg_plan_reply {
    MG_PLAN_REPLY_MERGED,
    MG_PLAN_REPLY_TEMPLATE,
    MG_PLAN_REPLY_FUNCTION,
    MG_PLAN_REPLY_PASS, // the answer of `pass`, unread
};

struct mg_plan {
    // What every request looks at comes first: of thousands of plans few are in the cache.
    uint64_t within;            // ms; 0: the gateway's default
    struct mg_input *input;     // NULL: none declared
    struct mg_plan_call *calls; // in byte order of their names
    // PASS: the call that takes the client's body and gives the reply, when all others have landed
    // (they may refuse the request, and Moongate-Partial stands before the body). Else NULL.
    struct mg_plan_call *pass;
    unsigned count; // of calls
    // Functions around it: before its calls, outermost first; after its reply, innermost first.
    unsigned before_count, after_count;
    enum mg_plan_reply reply_kind;
    struct mg_shape reply; // TEMPLATE
    int function;          // FUNCTION
    bool asks;             // a call has `when`
    bool context;          // what functions around it leave in req.context is named by placeholders
    struct mg_plan_limits limits;
    int *before, *after;
    uint64_t idle; // PASS: ms without progress after the head; 0: the gateway's default
    struct mg_str file, path;
    struct mg_str host; // a pattern; empty: any host
    int line;
    bool any_method;
    enum mg_method method;
};

struct mg_plan_error {
    struct mg_str message;
    int line;           // of the call or route it is about
    struct mg_str path; // of the key within it, such as "calls.profile.query.user"; may be empty
};

// Compiles the canonical JSON that lua/moongate/route.lua writes. `params` come from the router.
// NULL: *error says why (in the arena).
struct mg_plan *mg_plan_compile(struct mg_str json, const struct mg_str *params,
                                unsigned param_count, const struct mg_plan_gateway *gateway,
                                struct mg_arena *arena, struct mg_plan_error *error);

// Compiles the header templates of a service: they may name parts of the request only. False:
// *error says why; its path is below the service, such as "headers.x-user".
bool mg_plan_headers(struct mg_str json, struct mg_named_template **headers, unsigned *count,
                     struct mg_arena *arena, struct mg_plan_error *error);

const struct mg_plan_backend *mg_plan_backend_find(const struct mg_plan_backend *backends,
                                                   unsigned count, enum mg_call_kind kind,
                                                   struct mg_str name);

#endif
