// What the files of fill share: each part of a call is filled in a file of its own.
#ifndef MG_PLAN_FILL_PARTS_H
#define MG_PLAN_FILL_PARTS_H

#include "plan/fill.h"

// Names `reference` in the fault; says whose fault it is.
enum mg_fill mg_fill_fault_of(const struct mg_reference *reference, const struct mg_value *value,
                              struct mg_scope *scope, struct mg_fill_fault *fault);

// A reference as text; *absent when it is optional input that was not sent.
enum mg_fill mg_fill_value(const struct mg_reference *reference, struct mg_scope *scope,
                           struct mg_str *text, bool *absent, struct mg_fill_fault *fault);

// A text outside paths; *absent when an optional value in it is not there.
enum mg_fill mg_fill_text(const struct mg_template *template, struct mg_scope *scope,
                          struct mg_buf *out, bool *absent, struct mg_fill_fault *fault);

// Query fields or a form: name=value&name=value. With *has_query false it begins with "?".
enum mg_fill mg_fill_fields(const struct mg_named_template *items, unsigned count,
                            struct mg_scope *scope, struct mg_buf *out, bool *has_query,
                            struct mg_fill_fault *fault);

bool mg_fill_header_absent(const struct mg_headers *headers, struct mg_str name);

// Header fields; without `replace`, only those that `headers` does not have yet.
enum mg_fill mg_fill_header_list(const struct mg_named_template *items, unsigned count,
                                 bool replace, struct mg_scope *scope, struct mg_headers *headers,
                                 struct mg_fill_fault *fault);

// A shape as one JSON text in the arena. `strict`: what is missing is a fault, not null.
enum mg_fill mg_fill_json(const struct mg_shape *shape, struct mg_scope *scope, bool strict,
                          struct mg_str *json, struct mg_fill_fault *fault);

// The commands of a call: values stand in their arguments as their bytes are.
enum mg_fill mg_fill_redis(const struct mg_plan_call *plan, struct mg_scope *scope,
                           struct mg_redis_ask *ask, struct mg_fill_fault *fault);

#endif
