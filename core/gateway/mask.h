// Takes what is nobody's business out of texts that are shown under --dev: values of gate.secret,
// of the request's fields that prove who it is, such as Authorization and Cookie, and of those of
// its query that are named so.
#ifndef MG_GATEWAY_MASK_H
#define MG_GATEWAY_MASK_H

#include "gateway/exchange.h"

struct mg_mask {
    struct mg_exchange *exchange;
    struct mg_str *values; // longest first
    unsigned count;
};

// False: no memory. All it makes lives in the exchange's arena.
bool mg_mask_init(struct mg_mask *mask, struct mg_exchange *exchange);

// Whether a field of this name is not shown.
bool mg_mask_hides(struct mg_str name);

// The text without them; data is NULL when there is no memory.
struct mg_str mg_mask_text(const struct mg_mask *mask, struct mg_str text);

// The same where the text, if it is long, may have been cut: it may end with the start of a value.
struct mg_str mg_mask_cut_text(const struct mg_mask *mask, struct mg_str text);

// The request's target without them, nor the values of its query whose names say that they are.
struct mg_str mg_mask_target(const struct mg_mask *mask);

#endif
