// Name and value pairs of a query or form (application/x-www-form-urlencoded) and of cookies
// (RFC 6265 §4.2), decoded, in the order they came.
#ifndef MG_DATA_FIELDS_H
#define MG_DATA_FIELDS_H

#include "base/arena.h"

struct mg_field {
    struct mg_str name, value;
};

struct mg_fields {
    struct mg_field *items;
    unsigned count;
};

// False when there are more than `most`, an escape is broken, or there is no memory. Names and
// values are borrowed from `text` or made in the arena.
bool mg_fields_form(struct mg_fields *fields, struct mg_str text, unsigned most,
                    struct mg_arena *arena);
bool mg_fields_cookies(struct mg_fields *fields, struct mg_str text, unsigned most,
                       struct mg_arena *arena);

// The first field of that name at or after *index, which then stands behind it; NULL: none.
const struct mg_field *mg_fields_next(const struct mg_fields *fields, struct mg_str name,
                                      unsigned *index);

#endif
