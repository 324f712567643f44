#include "base/percent.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = mg_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool has(struct mg_str text, char c)
{
    return mg_str_find(text, c, 0) < text.len;
}

static bool needs_decoding(struct mg_str text, bool plus)
{
    return has(text, '%') || has(text, '\0') || (plus && has(text, '+'));
}

bool mg_percent_decode(struct mg_str text, bool plus, struct mg_arena *arena,
                       struct mg_str *decoded)
{
    *decoded = text;
    if (!needs_decoding(text, plus))
        return true;
    char *out = mg_arena_alloc(arena, text.len);
    if (!out)
        return false;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (c == '\0')
            return false;
        out[len++] = c;
    }
    *decoded = (struct mg_str){out, len};
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool mg_percent_encode(struct mg_buf *buf, struct mg_str bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!mg_buf_reserve(buf, bytes.len))
        return false;
    for (size_t from = 0, at = 0; at < bytes.len; from = ++at) {
        while (at < bytes.len && is_unreserved(bytes.data[at]))
            at++;
        mg_buf_put(buf, mg_str_cut(bytes, from, at)); // most values are nothing else
        if (at == bytes.len)
            break;
        unsigned char c = (unsigned char)bytes.data[at];
        char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
        mg_buf_put(buf, (struct mg_str){escaped, 3});
    }
    return buf->failed == MG_OK;
}
