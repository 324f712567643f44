// Which part of a thing a request gets, if any: its conditions in the order of RFC 9110 §13.2.2.
// Pure.
#ifndef MG_HTTP_SELECTION_H
#define MG_HTTP_SELECTION_H

#include "data/conditions.h"
#include "http/range.h"

// The thing as it is now.
struct mg_selectable {
    struct mg_str tag; // as in ETag
    int64_t changed;   // as in Last-Modified: seconds since 1970
    uint64_t size;
};

struct mg_selection {
    int status; // 200, 206, 304, 412 or 416
    // 206: this part. 200: all, so `length` may be 0. Otherwise nothing.
    struct mg_range part;
};

// `now`: seconds since 1970.
struct mg_selection mg_select(const struct mg_conditions *conditions,
                              const struct mg_selectable *thing, int64_t now);

#endif
