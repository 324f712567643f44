#include "json/scan.h"

#include "json/run.h"
#include "json/utf8.h"

// Strings of valid JSON text, unescaped piece by piece: a run that stands for itself, or what one
// escape stands for.

static struct mg_str inside(struct mg_str string)
{
    return string.len < 2 ? MG_STR("") : mg_str_cut(string, 1, string.len - 1);
}

static bool is_plain(struct mg_str inner)
{
    return !inner.len || !memchr(inner.data, '\\', inner.len);
}

static uint32_t hex4(const char *at)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = mg_lower(at[i]);
        code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return code;
}

// The code point of the \u escape at *at, which moves behind it. Two escapes make one code point
// above U+FFFF (RFC 8259 §7); half of such a pair stands for nothing and becomes U+FFFD.
static uint32_t unicode(const char **at, const char *end)
{
    uint32_t code = hex4(*at + 2);
    *at += 6;
    if (code < 0xD800 || code > 0xDFFF)
        return code;
    if (code < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        uint32_t low = hex4(*at + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *at += 6;
            return 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00));
        }
    }
    return 0xFFFD;
}

// The piece at *at, which moves behind it and is before `end`. A piece that was escaped is
// written to `room`.
static struct mg_str next_piece(const char **at, const char *end, char room[4])
{
    const char *from = *at;
    if (*from != '\\') {
        const char *run = memchr(from, '\\', (size_t)(end - from));
        *at = run ? run : end;
        return (struct mg_str){from, (size_t)(*at - from)};
    }
    if (from[1] == 'u')
        return (struct mg_str){room, mg_utf8_write(unicode(at, end), room)};
    *at += 2;
    room[0] = from[1] == 'b'   ? '\b'
              : from[1] == 'f' ? '\f'
              : from[1] == 'n' ? '\n'
              : from[1] == 'r' ? '\r'
              : from[1] == 't' ? '\t'
                               : from[1];
    return (struct mg_str){room, 1};
}

bool mg_json_key_is(struct mg_str key, struct mg_str wanted)
{
    struct mg_str inner = inside(key);
    // An escape is longer than what it stands for: of the same length means nothing is escaped.
    if (inner.len <= wanted.len)
        return mg_str_eq(inner, wanted) && is_plain(inner);
    if (is_plain(inner))
        return false;
    char room[4];
    for (const char *at = inner.data, *end = at + inner.len; at < end;) {
        struct mg_str piece = next_piece(&at, end, room);
        if (!mg_str_starts(wanted, piece))
            return false;
        wanted = mg_str_cut(wanted, piece.len, wanted.len);
    }
    return wanted.len == 0;
}

bool mg_json_text(struct mg_str string, struct mg_buf *out)
{
    struct mg_str inner = inside(string);
    char room[4];
    for (const char *at = inner.data, *end = at + inner.len; at < end;)
        if (!mg_buf_put(out, next_piece(&at, end, room)))
            return false;
    return out->failed == MG_OK;
}

struct mg_str mg_json_text_in(struct mg_str string, struct mg_arena *arena)
{
    struct mg_str inner = inside(string);
    if (is_plain(inner))
        return inner;
    char *text = mg_arena_alloc(arena, inner.len), room[4];
    if (!text)
        return (struct mg_str){0};
    size_t len = 0;
    for (const char *at = inner.data, *end = at + inner.len; at < end;) {
        struct mg_str piece = next_piece(&at, end, room);
        memcpy(text + len, piece.data, piece.len);
        len += piece.len;
    }
    return (struct mg_str){text, len};
}
