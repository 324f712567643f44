// Request methods (RFC 9110 §9, RFC 5789). What is not in the list is answered 501.
#ifndef MG_DATA_METHOD_H
#define MG_DATA_METHOD_H

#include "base/str.h"

#define MG_METHODS(X) X(GET) X(HEAD) X(POST) X(PUT) X(PATCH) X(DELETE) X(OPTIONS)

enum mg_method {
#define MG_METHOD_ENUM(name) MG_##name,
    MG_METHODS(MG_METHOD_ENUM)
#undef MG_METHOD_ENUM
        MG_METHOD_COUNT
};

const char *mg_method_word(enum mg_method method);

// False when `word` is none of the methods served. Methods are case-sensitive (RFC 9110 §9.1).
bool mg_method_of(struct mg_str word, enum mg_method *method);

// Safe: asks for no change (RFC 9110 §9.2.1). A call whose method is not safe is never cut once its
// first byte was sent, and never sent twice.
static inline bool mg_method_safe(enum mg_method method)
{
    return method == MG_GET || method == MG_HEAD || method == MG_OPTIONS;
}

#endif
