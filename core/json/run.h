// Runs of bytes that need no closer look: white space, and the inside of strings, eight bytes at a
// time, since that is most of what a gateway reads.
#ifndef MG_JSON_RUN_H
#define MG_JSON_RUN_H

#include "base/str.h"

#define MG_RUN_EACH (UINT64_MAX / 255) // 0x01 in each byte

// Sets the top bit of each byte that ends a run, as mg_run_end says. A subtraction turns the top
// bit on where the byte is too small, and borrows from the bytes above it: only the lowest mark
// is sure to be true.
static inline uint64_t mg_run_marks(uint64_t word, bool strict)
{
    uint64_t quote = (word ^ MG_RUN_EACH * '"') - MG_RUN_EACH;
    uint64_t backslash = (word ^ MG_RUN_EACH * '\\') - MG_RUN_EACH;
    if (strict)
        return (quote | backslash | word | (word - MG_RUN_EACH * 0x20)) & MG_RUN_EACH * 0x80;
    return (quote | backslash) & ~word & MG_RUN_EACH * 0x80;
}

// The first byte of [at, end) that is a quote or a backslash and, when `strict`, a control byte or
// not ASCII; `end` when there is none.
static inline const char *mg_run_end(const char *at, const char *end, bool strict)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t marks = mg_run_marks(word, strict);
        if (marks)
            return at + __builtin_ctzll(marks) / 8;
    }
#endif
    for (; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\' || (strict && (unsigned char)(c - 0x20) >= 0x60))
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
