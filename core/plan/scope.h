// What references mean while one request is answered: the request, its checked input, and the
// results that have landed. Parts of the request are parsed when first asked for.
#ifndef MG_PLAN_SCOPE_H
#define MG_PLAN_SCOPE_H

#include "data/call.h"
#include "data/fields.h"
#include "data/request.h"
#include "plan/reference.h"

struct mg_input_value {
    bool present;
    struct mg_str json; // converted: JSON text of the declared type
};

struct mg_scope {
    struct mg_request *request;
    struct mg_arena *arena;        // the exchange's
    unsigned fields_most;          // of a query, form or cookie header; keys of a JSON object
    struct mg_input_value *inputs; // one per field of the route's input, or NULL
    const struct mg_input *input;  // may be NULL
    struct mg_str context;         // JSON that `before` has left; may be empty
    struct mg_call *const *calls;  // by the plan's indices
    struct mg_str each;            // JSON: the element that a call is filled for; or empty
    // Parameters of a running function's own call ({name} in its path); false: none of that name.
    bool (*local)(void *owner, struct mg_str name, struct mg_str *value);
    void *owner;
    // The scope's own:
    struct mg_fields query, cookies;
    struct mg_headers own; // of calls that have no header fields but those that every call has
    struct mg_str body;    // the request's JSON
    bool query_parsed, cookies_parsed, body_parsed;
    const char *broken; // the part of the request that could not be parsed, but its body; or NULL
    enum mg_scope_fault {
        MG_SCOPE_SOUND,
        MG_SCOPE_NO_BODY,
        MG_SCOPE_BAD_BODY,
        MG_SCOPE_NOT_JSON,
        MG_SCOPE_WIDE_BODY // an object of it has too many keys
    } body_fault;
};

struct mg_value {
    enum { MG_VALUE_MISSING, MG_VALUE_TEXT, MG_VALUE_JSON } kind;
    struct mg_str bytes; // TEXT: the text itself; JSON: a slice of JSON text
    bool optional;       // MISSING: `input` says that it may be
};

struct mg_value mg_scope_value(struct mg_scope *scope, const struct mg_reference *reference);

// As text for a path, query or header: strings unescaped, numbers and booleans as written. False:
// null, an object or an array, which have no text (or no memory).
bool mg_value_text(const struct mg_value *value, struct mg_arena *arena, struct mg_str *text);

// The parsed parts. False: the client's query or cookies are broken, or too many.
bool mg_scope_query(struct mg_scope *scope);
bool mg_scope_cookies(struct mg_scope *scope);
// The request's JSON body; the fault says why there is none.
enum mg_scope_fault mg_scope_body(struct mg_scope *scope);

// True when a Content-Type says JSON: application/json or any type ending in +json (RFC 6839).
bool mg_content_is_json(struct mg_str content_type);

// A result's body as a value: MISSING when the call failed and had no fallback, or when a row or
// file that is not there was accepted.
struct mg_value mg_result_value(const struct mg_result *result);

#endif
