#include "crypto/coding.h"

#include <stdint.h>

size_t mg_coding_hex(struct mg_str bytes, char *text)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        text[2 * i] = "0123456789abcdef"[byte >> 4];
        text[2 * i + 1] = "0123456789abcdef"[byte & 15];
    }
    return 2 * bytes.len;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = mg_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t mg_coding_unhex(struct mg_str text, char *bytes)
{
    if (text.len % 2)
        return SIZE_MAX;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0)
            return SIZE_MAX;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    return text.len / 2;
}

size_t mg_coding_base64(struct mg_str bytes, bool url, char *text)
{
    static const char usual[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char in_urls[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *digits = url ? in_urls : usual;
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < have ? (unsigned char)bytes.data[i + k] : 0);
        for (size_t k = 0; k < 4; k++) {
            if (k <= have)
                text[len++] = digits[group >> (18 - 6 * k) & 63];
            else if (!url)
                text[len++] = '=';
        }
    }
    return len;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

size_t mg_coding_unbase64(struct mg_str text, char *bytes)
{
    size_t end = text.len, len = 0;
    if (end >= 4 && end % 4 == 0)
        while (end > text.len - 2 && text.data[end - 1] == '=')
            end--;
    uint32_t group = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < end; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0)
            return SIZE_MAX;
        group = group << 6 | (uint32_t)digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[len++] = (char)(group >> bits);
        }
        group &= (UINT32_C(1) << bits) - 1;
    }
    // One digit alone makes no byte, and what is left of a group must be zero (RFC 4648 §3.5).
    return bits == 6 || group != 0 ? SIZE_MAX : len;
}
