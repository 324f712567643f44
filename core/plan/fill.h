// Templates into bytes: a planned call ready to be made, a reply ready to be sent.
#ifndef MG_PLAN_FILL_H
#define MG_PLAN_FILL_H

#include "plan/plan.h"
#include "plan/scope.h"

enum mg_fill {
    MG_FILL_OK,
    MG_FILL_CLIENT,  // the client owed a value (400), or one that cannot stand where it must
    MG_FILL_MISSING, // a result has no such value: the call fails as MG_MISSING
    MG_FILL_MEMORY,
};

struct mg_fill_fault {
    struct mg_str what; // the reference or place, for messages; in the arena
    const char *why;
};

// A path: values percent-encoded; a segment that comes out empty, "." or ".." is refused.
enum mg_fill mg_fill_path(const struct mg_template *path, struct mg_scope *scope,
                          struct mg_buf *out, struct mg_fill_fault *fault);

// A file's path is no URL: values stand as they are, but a value makes exactly one sound segment.
enum mg_fill mg_fill_file_path(const struct mg_template *path, struct mg_scope *scope,
                               struct mg_buf *out, struct mg_fill_fault *fault);

// The call that a plan declares, filled into `call` (zeroed; in the scope's arena) but for
// deadline, landed and owner.
enum mg_fill mg_fill_call(const struct mg_plan_call *plan, struct mg_scope *scope,
                          struct mg_call *call, struct mg_fill_fault *fault);

// The same for the call that takes the client's body unread. What the body needs to be understood
// goes along with it; a client's HEAD makes a GET a HEAD, since nobody wants the body. A file gets
// the client's conditions and its range.
enum mg_fill mg_fill_pass(const struct mg_plan_call *plan, struct mg_scope *scope,
                          struct mg_call *call, struct mg_fill_fault *fault);

// Headers that every HTTP call carries: the service's own, forwarded ones, X-Forwarded-*,
// X-Request-Id, User-Agent. Appended to ask->headers, which keeps what the call itself set; sets
// ask->of_request.
enum mg_fill mg_fill_headers(const struct mg_plan_backend *backend,
                             const struct mg_forward *forward, struct mg_scope *scope,
                             struct mg_http_ask *ask, struct mg_fill_fault *fault);

// Appends the client's query fields that are forwarded to a path, but for those that it has: what
// the call says is not the client's to say otherwise.
enum mg_fill mg_fill_forward_query(const struct mg_forward *forward, struct mg_scope *scope,
                                   struct mg_buf *path, bool *has_query,
                                   struct mg_fill_fault *fault);

// A JSON shape as pieces that borrow from the plan and from results; what is missing is null, and
// so is a string with a part that is missing. `pieces` lie in the arena. False: no memory.
bool mg_fill_reply(const struct mg_shape *shape, struct mg_scope *scope, struct mg_str **pieces,
                   unsigned *count);

// The merged reply: one object, each call's name with its body.
bool mg_fill_merged(const struct mg_plan *plan, struct mg_scope *scope, struct mg_str **pieces,
                    unsigned *count);

#endif
