// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#ifndef MG_JSON_UTF8_H
#define MG_JSON_UTF8_H

#include "base/str.h"

// Bytes of the sequence that starts at `at`, 1 to 4; 0 when none does. `at` is before `end`.
static inline size_t mg_utf8_length(const char *at, const char *end)
{
    const unsigned char *byte = (const unsigned char *)at;
    size_t room = (size_t)(end - at);
    unsigned first = byte[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4 || room < 2)
        return 0;
    // What may follow is narrower behind four of the first bytes (RFC 3629 §4).
    unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (byte[1] < low || byte[1] > high)
        return 0;
    if (first < 0xE0)
        return 2;
    if (room < 3 || (byte[2] & 0xC0) != 0x80)
        return 0;
    if (first < 0xF0)
        return 3;
    return room >= 4 && (byte[3] & 0xC0) == 0x80 ? 4 : 0;
}

static inline bool mg_utf8_ok(struct mg_str bytes)
{
    for (size_t at = 0, len; at < bytes.len; at += len) {
        len = mg_utf8_length(bytes.data + at, bytes.data + bytes.len);
        if (!len)
            return false;
    }
    return true;
}

// Writes a code point up to U+10FFFF that is no surrogate; returns how many bytes.
static inline size_t mg_utf8_write(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

#endif
