// Runs of bytes that need no closer look: white space, and the inside of strings, eight bytes at a
// time, since that is most of what a gateway reads.
#ifndef MG_JSON_RUN_H
#define MG_JSON_RUN_H

#include "base/str.h"

#define MG_RUN_EACH (UINT64_MAX / 255) // 0x01 in each byte

// The top bit of each byte that is below `bound` (at most 0x80) or equal to `c`. Bytes above the
// first true one may be marked wrongly (the subtraction borrows), so only the lowest mark counts.
static inline uint64_t mg_run_below(uint64_t word, unsigned char bound)
{
    return (word - MG_RUN_EACH * bound) & ~word & MG_RUN_EACH * 0x80;
}

static inline uint64_t mg_run_equal(uint64_t word, char c)
{
    return mg_run_below(word ^ MG_RUN_EACH * (unsigned char)c, 1);
}

// The first byte of [at, end) that is a quote or a backslash and, when `strict`, a control byte or
// not ASCII; `end` when there is none.
static inline const char *mg_run_end(const char *at, const char *end, bool strict)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t marks = mg_run_equal(word, '"') | mg_run_equal(word, '\\');
        if (strict)
            marks |= mg_run_below(word, 0x20) | (word & MG_RUN_EACH * 0x80);
        if (marks)
            return at + __builtin_ctzll(marks) / 8;
    }
#endif
    for (; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\' || (strict && (c < 0x20 || c >= 0x80)))
            break;
    }
    return at;
}

// Behind the white space at `at` (RFC 8259 §2).
static inline const char *mg_run_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

#endif
