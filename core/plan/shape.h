// A JSON value with placeholders in its strings: a reply template, a call's JSON body, a fallback.
// Compiled at load into literal JSON text and the places to fill. A string that is nothing but one
// placeholder keeps the type of what it names; the bytes of JSON pieces are spliced as they came.
#ifndef MG_PLAN_SHAPE_H
#define MG_PLAN_SHAPE_H

#include "plan/template.h"

struct mg_shape_part {
    enum { MG_SHAPE_LITERAL, MG_SHAPE_VALUE, MG_SHAPE_STRING } kind;
    union {
        struct mg_str literal;       // LITERAL: JSON text
        struct mg_template template; // VALUE: one reference; STRING: pieces that make one string
    };
};

struct mg_shape {
    struct mg_shape_part *parts;
    unsigned count, cap;
};

// Compiles valid JSON text (must outlive the shape). On failure *error says why and *path (both in
// the arena) where, such as "reply.items[2].name" below `root`.
bool mg_shape_parse(struct mg_shape *shape, struct mg_str json, const struct mg_names *names,
                    struct mg_arena *arena, struct mg_str *error, struct mg_str *path);

// Calls visit(reference, owner) for each reference of the shape; stops at false, which it returns.
typedef bool mg_reference_visit_fn(const struct mg_reference *reference, void *owner);
bool mg_template_visit(const struct mg_template *template, mg_reference_visit_fn *visit,
                       void *owner);
bool mg_shape_visit(const struct mg_shape *shape, mg_reference_visit_fn *visit, void *owner);

#endif
