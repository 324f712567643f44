// Values of PostgreSQL, in the server's text form, as JSON: numbers with all their digits, booleans
// and null as such, json and jsonb as they stand, arrays of these as arrays, timestamps in ISO
// 8601; everything else, and what JSON has no number for (NaN, Infinity), as a string.
#ifndef MG_BACKEND_POSTGRES_VALUE_H
#define MG_BACKEND_POSTGRES_VALUE_H

#include "base/buf.h"

// `type` is an OID; `text` without data is null. False: a json value nested too deep for JSON here.
bool mg_postgres_put_value(struct mg_buf *out, unsigned type, struct mg_str text);

#endif
