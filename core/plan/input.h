// What a route says its client must send: types, bounds, defaults. Checked before any call is made;
// everything wrong is listed at once.
#ifndef MG_PLAN_INPUT_H
#define MG_PLAN_INPUT_H

#include "base/buf.h"
#include "plan/reference.h"
#include "plan/rule.h"

struct mg_scope;
struct mg_input;

// Compiles the canonical description (an object with params, query, headers and body, each an
// object of fields). `params` are the route's path parameters, which references count by index.
// NULL: *error (in the arena) says why, and at which key, such as "input.query.page.default".
struct mg_input_error {
    struct mg_str message, at;
};
struct mg_input *mg_input_compile(struct mg_str json, const struct mg_str *params,
                                  unsigned param_count, const struct mg_rule_limits *limits,
                                  struct mg_arena *arena, struct mg_input_error *error);

// The index of the field that declares what `reference` names, or -1. `input` may be NULL.
int mg_input_find(const struct mg_input *input, const struct mg_reference *reference);

bool mg_input_optional(const struct mg_input *input, int field);
bool mg_input_has_body(const struct mg_input *input); // it declares fields of the request's JSON
unsigned mg_input_count(const struct mg_input *input);

// The field number `index` of one place and its value (empty when absent); false behind the last.
bool mg_input_field(const struct mg_input *input, const struct mg_scope *scope, const char *place,
                    unsigned index, struct mg_str *name, struct mg_str *json);

// Checks and converts into scope->inputs. False: something is wrong, and `errors` holds a JSON
// array of {"at":"query.page","detail":"..."}, everything that is wrong in it; or no memory, and
// `errors` is empty. *log: which limit has refused to match a text, for the log; or empty.
bool mg_input_check(const struct mg_input *input, struct mg_scope *scope, struct mg_buf *errors,
                    struct mg_str *log);

#endif
