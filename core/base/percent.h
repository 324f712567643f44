// Percent-encoding (RFC 3986 §2.1), and the form coding that differs from it by "+" for a space.
#ifndef MG_BASE_PERCENT_H
#define MG_BASE_PERCENT_H

#include "base/arena.h"
#include "base/buf.h"

// Decodes; borrowed when nothing is escaped, else made in the arena. False for a broken escape, a
// NUL byte, or no memory. `plus`: "+" is a space (form coding).
bool mg_percent_decode(struct mg_str text, bool plus, struct mg_arena *arena,
                       struct mg_str *decoded);

// Appends with everything but unreserved characters escaped (RFC 3986 §2.3).
bool mg_percent_encode(struct mg_buf *buf, struct mg_str bytes);

#endif
