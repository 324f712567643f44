// JSON text, written. All append to a buffer and report through its sticky failure.
#ifndef MG_JSON_WRITE_H
#define MG_JSON_WRITE_H

#include "base/buf.h"

// The bytes as a quoted string: quotes, backslash and control bytes escaped; what is not valid
// UTF-8 becomes U+FFFD, so that the text stays JSON.
bool mg_json_put_string(struct mg_buf *buf, struct mg_str bytes);

bool mg_json_put_int(struct mg_buf *buf, int64_t value);

// The shortest decimal form that reads back the same (one digit longer for a few powers of two):
// whole numbers up to 2^53 without exponent or point, above it always with an exponent. Minus zero
// is -0. False, and nothing written, for NaN and infinities.
bool mg_json_put_double(struct mg_buf *buf, double value);

#endif
