// What the head of a backend's answer must be, whichever library has read it first. Each check
// says NULL, or what is wrong, as one line for people that quotes nothing of the answer. Pure.
#ifndef MG_HTTP_RESPONSE_GATE_H
#define MG_HTTP_RESPONSE_GATE_H

#include "data/headers.h"
#include "http/gate.h"

enum { MG_RESPONSE_FIELDS_MOST = 128 }; // of one head

// A status line without CR LF (RFC 9112 §4): 1.0 or 1.1, and a status from 100 to 599 but 101,
// since no upgrade is ever asked for.
const char *mg_response_gate_status(struct mg_str line, int *status);

// A field line without CR LF (RFC 9112 §5): a token, and a value without control bytes. Not one
// that goes on from the line before (§5.2).
const char *mg_response_gate_field(struct mg_str line, struct mg_header *field);

// Content-Length and Transfer-Encoding say one thing only (RFC 9112 §6.3).
const char *mg_response_gate_framing(const struct mg_headers *headers, struct mg_framing *framing);

#endif
