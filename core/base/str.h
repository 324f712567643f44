// Borrowed bytes: never freed by who holds them, not kept after the call that brought them returns
// unless a comment says who keeps them alive. Not NUL-terminated; `data` may be NULL when len is 0.
#ifndef MG_BASE_STR_H
#define MG_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mg_str {
    const char *data;
    size_t len;
};

// A string literal as borrowed bytes.
#define MG_STR(literal) ((struct mg_str){"" literal, sizeof(literal) - 1})

static inline struct mg_str mg_str_of(const char *text)
{
    return (struct mg_str){text, text ? strlen(text) : 0};
}

static inline bool mg_str_eq(struct mg_str a, struct mg_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool mg_str_is(struct mg_str a, const char *text)
{
    return mg_str_eq(a, mg_str_of(text));
}

// ASCII only: what HTTP means by case-insensitive (RFC 9110 §5.1).
static inline char mg_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool mg_str_eq_nocase(struct mg_str a, struct mg_str b);
bool mg_str_starts(struct mg_str text, struct mg_str prefix);

// Byte order, shorter first on a tie: below, at or above 0 like memcmp.
int mg_str_cmp(struct mg_str a, struct mg_str b);

// The bytes [from, to) of `text`; 0 <= from <= to <= text.len.
static inline struct mg_str mg_str_cut(struct mg_str text, size_t from, size_t to)
{
    return (struct mg_str){from ? text.data + from : text.data, to - from}; // data may be NULL
}

// Copies `text` to *room, which has as many bytes left and moves on behind them; the copy.
static inline struct mg_str mg_str_pack(char **room, struct mg_str text)
{
    struct mg_str copy = {*room, text.len};
    if (text.len) // data may be NULL
        memcpy(*room, text.data, text.len);
    *room += text.len;
    return copy;
}

// Index of the first `c` at or after `from`, or text.len.
size_t mg_str_find(struct mg_str text, char c, size_t from);

// How many bytes at the front are no control characters but tab: what a line may hold (RFC 9110
// §5.5).
size_t mg_str_clean(struct mg_str text);

// Without spaces and tabs at both ends (OWS, RFC 9110 §5.6.3).
struct mg_str mg_str_trim(struct mg_str text);

// A whole decimal number, digits only, no sign; false for anything else and on overflow.
bool mg_str_uint(struct mg_str text, uint64_t *value);

// The candidate nearest to `name` by edit distance, if near enough to be a likely typing error;
// NULL otherwise. For "did you mean" in messages.
const char *mg_str_nearest(struct mg_str name, const char *const *candidates, size_t count);

#endif
