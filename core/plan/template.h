// A text with placeholders, cut once at load into literal and reference pieces.
#ifndef MG_PLAN_TEMPLATE_H
#define MG_PLAN_TEMPLATE_H

#include "plan/reference.h"

struct mg_piece {
    bool literal;
    struct mg_str text;            // literal
    struct mg_reference reference; // otherwise
};

#define MG_TEMPLATE_NO_TEXT                                                                        \
    "%.*s: a list ([]) is no text: it stands alone, in JSON, a value of SQL, query or form"

struct mg_template {
    struct mg_piece *pieces;
    unsigned count;
};

// Cuts `text` (its bytes must outlive the template). False: *error (in the arena) says why. A list
// ("[]") has no text that could stand among others: it is refused beside other pieces.
bool mg_template_parse(struct mg_template *template, struct mg_str text,
                       const struct mg_names *names, struct mg_arena *arena, struct mg_str *error);

// The one reference of which a template consists, or NULL.
static inline const struct mg_reference *mg_template_single(const struct mg_template *template)
{
    return template->count == 1 && !template->pieces[0].literal ? &template->pieces[0].reference
                                                                : NULL;
}

#endif
