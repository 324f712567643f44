#include "gateway/html.h"

#include "json/utf8.h"

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

// U+202A to U+202E and U+2066 to U+2069 (Unicode Standard Annex #9).
static bool turns_direction(const char *at, size_t len)
{
    unsigned char last = len == 3 ? (unsigned char)at[2] : 0;
    return len == 3 && ((memcmp(at, "\xE2\x80", 2) == 0 && last >= 0xAA && last <= 0xAE) ||
                        (memcmp(at, "\xE2\x81", 2) == 0 && last >= 0xA6 && last <= 0xA9));
}

void mg_html_put(struct mg_buf *page, struct mg_str text)
{
    static const struct mg_str unknown = {"\xEF\xBF\xBD", 3};
    const char *end = text.len ? text.data + text.len : NULL;
    size_t len;
    for (const char *at = text.data; at < end; at += len ? len : 1) {
        const char *entity = entity_of(*at);
        unsigned char c = (unsigned char)*at;
        bool control = (c < ' ' && c != '\n' && c != '\t') || c == 0x7F;
        len = mg_utf8_length(at, end);
        if (entity)
            mg_buf_put(page, mg_str_of(entity));
        else if (!len || control || turns_direction(at, len))
            mg_buf_put(page, unknown);
        else
            mg_buf_put(page, (struct mg_str){at, len});
    }
}

void mg_html_put_in(struct mg_buf *page, const char *before, struct mg_str text, const char *after)
{
    mg_buf_put(page, mg_str_of(before));
    mg_html_put(page, text);
    mg_buf_put(page, mg_str_of(after));
}
