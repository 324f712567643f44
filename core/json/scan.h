// JSON (RFC 8259) as text: validated once, then cut into slices; nothing is decoded that nobody
// asks for. Every function except mg_json_valid expects a slice of text that was found valid.
#ifndef MG_JSON_SCAN_H
#define MG_JSON_SCAN_H

#include "base/arena.h"
#include "base/buf.h"

enum mg_json_type {
    MG_JSON_NULL,
    MG_JSON_FALSE,
    MG_JSON_TRUE,
    MG_JSON_NUMBER,
    MG_JSON_STRING,
    MG_JSON_ARRAY,
    MG_JSON_OBJECT,
};

enum { MG_JSON_DEPTH_MOST = 128 }; // nesting of arrays and objects accepted anywhere

// Strict: one value with white space around it, valid UTF-8, no lone surrogate escapes turned away
// (RFC 8259 §8.2 leaves them open; they are kept as they stand), nesting up to `depth`, which is at
// most MG_JSON_DEPTH_MOST. On failure *error_at (may be NULL) is the offset of the first byte that
// cannot be: of a wrong escape or UTF-8 sequence its first; text.len when the text is cut short.
bool mg_json_valid(struct mg_str text, unsigned depth, size_t *error_at);

// Whether no object in the text has more keys than that.
bool mg_json_keys_fit(struct mg_str text, unsigned most);

// The value without white space around it, and its type by its first byte.
struct mg_str mg_json_trim(struct mg_str value);
enum mg_json_type mg_json_type(struct mg_str value);

// Walks through an array or object: begin, then next until it says false.
struct mg_json_iter {
    struct mg_str key;   // objects: the key with its quotes; arrays: empty
    struct mg_str value; // trimmed
    const char *at, *end;
    bool object;
};
void mg_json_begin(struct mg_json_iter *iter, struct mg_str container); // ends at once for others
bool mg_json_next(struct mg_json_iter *iter);

// Just behind the string whose opening quote is at `quote`. *plain: nothing in it is escaped.
const char *mg_json_string_end(const char *quote, const char *end, bool *plain);

// True when the quoted key, unescaped, equals `name`.
bool mg_json_key_is(struct mg_str key, struct mg_str name);

// The member of that name; of duplicates the last. False when `object` is none or has none.
bool mg_json_member(struct mg_str object, struct mg_str name, struct mg_str *value);

// One step of a path such as a.b[1].c or items[].id
struct mg_json_step {
    enum { MG_JSON_KEY, MG_JSON_INDEX, MG_JSON_EACH } kind;
    struct mg_str key; // KEY
    size_t index;      // INDEX, counted from 1 as in Lua
};

// Follows the steps; false when the path leads nowhere. EACH steps are not followed here: false.
bool mg_json_walk(struct mg_str value, const struct mg_json_step *steps, size_t count,
                  struct mg_str *found);

// Follows steps with an EACH among them: appends a JSON list of what every element has there, null
// where it has nothing, so that lists of the same elements stay side by side. The elements of an
// inner EACH follow in order; where there is no inner list there are none. False: the first EACH
// has no list, or `out` has failed.
bool mg_json_gather(struct mg_str value, const struct mg_json_step *steps, size_t count,
                    struct mg_buf *out);

// Appends the text of a string value, unescaped, as UTF-8 (a lone surrogate becomes U+FFFD).
bool mg_json_text(struct mg_str string, struct mg_buf *out);

// The same, borrowed where nothing is escaped, else made in the arena. data is NULL without memory.
struct mg_str mg_json_text_in(struct mg_str string, struct mg_arena *arena);

// False: written with a fraction or an exponent, or beyond 64 bits.
bool mg_json_int(struct mg_str number, int64_t *value);
double mg_json_double(struct mg_str number); // nearest; beyond the range: +-HUGE_VAL

#endif
