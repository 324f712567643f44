// The compiling of a route from its canonical JSON: what its parts share. A part that cannot be
// compiled says why in *error and returns false.
#ifndef MG_PLAN_COMPILE_H
#define MG_PLAN_COMPILE_H

#include "plan/plan.h"

// What compiling a route needs in hand.
struct mg_compile {
    struct mg_plan *plan;
    struct mg_names names;
    const struct mg_plan_gateway *gateway; // NULL: for a service, which names no backends
    struct mg_arena *arena;
    struct mg_plan_error *error;
    struct mg_str at; // key path of what is being compiled, such as "calls.profile"
};

// Members of a JSON object: empty, 0 or false where there is none of that name.
struct mg_str mg_compile_text(struct mg_str object, const char *name, struct mg_arena *arena);
int64_t mg_compile_int(struct mg_str object, const char *name);
bool mg_compile_flag(struct mg_str object, const char *name);
unsigned mg_compile_count(struct mg_str container);

bool mg_compile_fail(struct mg_compile *c, struct mg_str message, const char *key); // false
bool mg_compile_no_memory(struct mg_compile *c);                                    // false

bool mg_compile_template(struct mg_compile *c, struct mg_template *template, struct mg_str text,
                         const char *key);
// The same where text must come out: in a path, a header or XML. A list has none.
bool mg_compile_line(struct mg_compile *c, struct mg_template *template, struct mg_str text,
                     const char *key);
bool mg_compile_shape(struct mg_compile *c, struct mg_shape *shape, struct mg_str json,
                      const char *key);
// An object of named templates: query, headers, form. A list gives its name once per element.
bool mg_compile_named(struct mg_compile *c, struct mg_str call, const char *key,
                      struct mg_named_template **list, unsigned *count);

// A call's contract, and all that depends on what kind of backend it goes to.
bool mg_compile_contract(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out);
bool mg_compile_each(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out);
bool mg_compile_redis(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out);
bool mg_compile_kind(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out);

#endif
