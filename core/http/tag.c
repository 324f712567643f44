#include "http/tag.h"

#include <stdio.h>

// The finishing step of splitmix64: every bit of the result depends on every bit of `x`.
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void mg_tag_write(const struct mg_version *version, int64_t now, uint32_t now_nanoseconds,
                  char text[MG_TAG_SIZE])
{
    const uint64_t words[] = {(uint64_t)version->seconds, version->nanoseconds, version->size,
                              version->inode};
    uint64_t sum = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        sum = mix(sum ^ words[i]) + 0x9e3779b97f4a7c15u;
    bool old = now - 1 > version->seconds ||
               (now - 1 == version->seconds && now_nanoseconds >= version->nanoseconds);
    snprintf(text, MG_TAG_SIZE, "%s\"%016llx\"", old ? "" : "W/", (unsigned long long)sum);
}

static bool is_weak(struct mg_str tag)
{
    return mg_str_starts(tag, MG_STR("W/"));
}

static struct mg_str opaque(struct mg_str tag)
{
    return is_weak(tag) ? mg_str_cut(tag, 2, tag.len) : tag;
}

// Length of the tag that `text` begins with; 0: none.
static size_t tag_length(struct mg_str text)
{
    size_t at = is_weak(text) ? 2 : 0;
    if (at == text.len || text.data[at] != '"')
        return 0;
    for (at++; at < text.len && text.data[at] != '"'; at++) {
        unsigned char c = (unsigned char)text.data[at];
        if (c < 0x21 || c == 0x7f)
            return 0;
    }
    return at < text.len ? at + 1 : 0;
}

bool mg_tag_in(struct mg_str list, struct mg_str tag, bool strong)
{
    list = mg_str_trim(list);
    if (mg_str_is(list, "*"))
        return true;
    if (strong && is_weak(tag))
        return false;
    while (list.len > 0) {
        size_t len = tag_length(list);
        struct mg_str one = mg_str_cut(list, 0, len);
        if (len > 0 && !(strong && is_weak(one)) && mg_str_eq(opaque(one), opaque(tag)))
            return true;
        list = mg_str_trim(mg_str_cut(list, len, list.len));
        if (list.len > 0 && list.data[0] != ',') // elements may be empty, but stand apart
            return false;
        list = mg_str_trim(mg_str_cut(list, list.len > 0, list.len));
    }
    return false;
}
