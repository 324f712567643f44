// Header fields in the order they came (RFC 9110 §5). Names and values are borrowed bytes; the
// table itself lies in an arena. All-zeroes is an empty table.
#ifndef MG_DATA_HEADERS_H
#define MG_DATA_HEADERS_H

#include "base/arena.h"

struct mg_header {
    struct mg_str name, value;
};

struct mg_headers {
    struct mg_header *items;
    unsigned count, cap;
};

// Appends; false when there is no memory. Neither name nor value is copied.
bool mg_headers_add(struct mg_headers *headers, struct mg_arena *arena, struct mg_str name,
                    struct mg_str value);

// The first field of that name (any case) at or after *index, which then stands behind it; NULL
// when there is none. Start with *index = 0 to walk through repeated fields.
const struct mg_header *mg_headers_next(const struct mg_headers *headers, struct mg_str name,
                                        unsigned *index);

// All values of that name joined with ", " (RFC 9110 §5.3): borrowed when there is one, made in the
// arena when there are several. False when there is none, or no memory.
bool mg_headers_get(const struct mg_headers *headers, struct mg_arena *arena, struct mg_str name,
                    struct mg_str *value);

// A field name: a token (RFC 9110 §5.6.2), not empty.
bool mg_headers_name_ok(struct mg_str name);
// How many bytes at the front of a line could be a name.
size_t mg_headers_name_end(struct mg_str line);

// A field value without CR, LF, NUL, other control bytes than tab (RFC 9110 §5.5).
bool mg_headers_value_ok(struct mg_str value);

// Fields that speak of one connection only and are never passed on: Connection, Keep-Alive,
// Proxy-Connection, Transfer-Encoding, TE, Trailer, Upgrade, Proxy-Authenticate, -Authorization
// (RFC 9110 §7.6.1), and whatever the message's own Connection field names.
bool mg_headers_hop_by_hop(const struct mg_headers *headers, struct mg_str name);

// Whether its Connection field may name any of its fields. Where it does not, what is hop-by-hop is
// known by the name alone (mg_header_name_of_connection), and most messages are like that.
bool mg_headers_connection_names(const struct mg_headers *headers);

#endif
