#include "json/scan.h"

#include "json/run.h"
#include "json/utf8.h"

// The functions below return the place behind what they read; when it cannot be, they return NULL
// and set *bad to where it went wrong.

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (mg_lower(c) >= 'a' && mg_lower(c) <= 'f');
}

// Bytes of the escape at the backslash `at`; 0 when it is none (RFC 8259 §7).
static size_t escape_length(const char *at, const char *end)
{
    if (end - at < 2)
        return 0;
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        return end - at >= 6 && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) && is_hex(at[5])
                   ? 6
                   : 0;
    default:
        return 0;
    }
}

static const char *string(const char *at, const char *end, const char **bad)
{
    at++;
    for (;;) {
        at = mg_run_end(at, end, true);
        if (at < end && *at == '"')
            return at + 1;
        size_t length = 0;
        if (at < end && *at == '\\')
            length = escape_length(at, end);
        else if (at < end && (unsigned char)*at >= 0x80)
            length = mg_utf8_length(at, end);
        if (!length) {
            *bad = at;
            return NULL;
        }
        at += length;
        while (at < end && (unsigned char)*at >= 0x80 && (length = mg_utf8_length(at, end)))
            at += length;
    }
}

static const char *digits(const char *at, const char *end, const char **bad)
{
    const char *first = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    if (at > first)
        return at;
    *bad = at;
    return NULL;
}

static const char *number(const char *at, const char *end, const char **bad)
{
    if (*at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else if (!(at = digits(at, end, bad)))
        return NULL;
    if (at < end && *at == '.' && !(at = digits(at + 1, end, bad)))
        return NULL;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = digits(at, end, bad);
    }
    return at;
}

static const char *word(const char *at, const char *end, const char *expected, const char **bad)
{
    for (; *expected; expected++, at++) {
        if (at == end || *at != *expected) {
            *bad = at;
            return NULL;
        }
    }
    return at;
}

static const char *scalar(const char *at, const char *end, const char **bad)
{
    switch (*at) {
    case '"':
        return string(at, end, bad);
    case 't':
        return word(at, end, "true", bad);
    case 'f':
        return word(at, end, "false", bad);
    case 'n':
        return word(at, end, "null", bad);
    default:
        return number(at, end, bad);
    }
}

// A member's name with the colon behind it.
static const char *name(const char *at, const char *end, const char **bad)
{
    if (at < end && *at == '"') {
        if (!(at = string(at, end, bad)))
            return NULL;
        at = mg_run_space(at, end);
        if (at < end && *at == ':')
            return at + 1;
    }
    *bad = at;
    return NULL;
}

// One value with all that it contains. It keeps the open brackets in an array instead of calling
// itself, so that no text can use more of the stack than this.
static const char *value(const char *at, const char *end, unsigned depth, const char **bad)
{
    char closers[MG_JSON_DEPTH_MOST]; // of what is open, outermost first
    unsigned open = 0;
    for (;;) {
        at = mg_run_space(at, end);
        if (at == end || ((*at == '[' || *at == '{') && open == depth))
            break;
        if (*at == '[' || *at == '{') {
            char closer = *at == '[' ? ']' : '}';
            closers[open++] = closer;
            at = mg_run_space(at + 1, end);
            if (at == end || *at != closer) {
                if (closer == '}' && !(at = name(at, end, bad)))
                    return NULL;
                continue;
            }
        } else if (!(at = scalar(at, end, bad))) {
            return NULL;
        }
        // A value has ended, or an empty container is about to.
        while (open && (at = mg_run_space(at, end)) < end && *at == closers[open - 1]) {
            at++;
            open--;
        }
        if (!open)
            return at;
        if (at == end || *at != ',')
            break;
        at++;
        if (closers[open - 1] == '}' && !(at = name(mg_run_space(at, end), end, bad)))
            return NULL;
    }
    *bad = at;
    return NULL;
}

bool mg_json_valid(struct mg_str text, unsigned depth, size_t *error_at)
{
    const char *bad = text.data;
    if (depth > MG_JSON_DEPTH_MOST)
        depth = MG_JSON_DEPTH_MOST;
    if (text.len) {
        const char *end = text.data + text.len;
        const char *at = value(text.data, end, depth, &bad);
        if (at && (at = mg_run_space(at, end)) == end)
            return true;
        if (at)
            bad = at;
    }
    if (error_at)
        *error_at = text.len ? (size_t)(bad - text.data) : 0;
    return false;
}
