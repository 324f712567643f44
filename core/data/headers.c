#include "data/headers.h"

#include "data/header_name.h"

bool mg_headers_add(struct mg_headers *headers, struct mg_arena *arena, struct mg_str name,
                    struct mg_str value)
{
    if (headers->count == headers->cap) {
        unsigned cap = headers->cap ? headers->cap * 2 : 8;
        struct mg_header *items = mg_arena_alloc(arena, cap * sizeof *items);
        if (!items)
            return false;
        if (headers->count)
            memcpy(items, headers->items, headers->count * sizeof *items);
        headers->items = items;
        headers->cap = cap;
    }
    headers->items[headers->count++] = (struct mg_header){name, value};
    return true;
}

const struct mg_header *mg_headers_next(const struct mg_headers *headers, struct mg_str name,
                                        unsigned *index)
{
    while (*index < headers->count) {
        const struct mg_header *header = &headers->items[(*index)++];
        if (header->name.len == name.len && mg_str_eq_nocase(header->name, name))
            return header;
    }
    return NULL;
}

static char *put(char *at, struct mg_str text)
{
    if (text.len)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

bool mg_headers_get(const struct mg_headers *headers, struct mg_arena *arena, struct mg_str name,
                    struct mg_str *value)
{
    unsigned index = 0;
    const struct mg_header *first = mg_headers_next(headers, name, &index), *header;
    if (!first)
        return false;
    *value = first->value;
    const unsigned second = index;
    while ((header = mg_headers_next(headers, name, &index)))
        value->len += 2 + header->value.len;
    if (value->len == first->value.len)
        return true;
    char *at = mg_arena_alloc(arena, value->len);
    value->data = at;
    if (!at)
        return false;
    at = put(at, first->value);
    for (index = second; (header = mg_headers_next(headers, name, &index));)
        at = put(put(at, MG_STR(", ")), header->value);
    return true;
}

// tchar of RFC 9110 §5.6.2. A table, since every byte of every name is looked up.
static const bool token_chars[256] = {
    ['0' ... '9'] = true, ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

size_t mg_headers_name_end(struct mg_str line)
{
    size_t end = 0;
    while (end < line.len && token_chars[(unsigned char)line.data[end]])
        end++;
    return end;
}

bool mg_headers_name_ok(struct mg_str name)
{
    return name.len > 0 && mg_headers_name_end(name) == name.len;
}

bool mg_headers_value_ok(struct mg_str value)
{
    return mg_str_clean(value) == value.len;
}

static bool named_in_connection(const struct mg_headers *headers, struct mg_str name)
{
    unsigned index = 0;
    const struct mg_header *header;
    while ((header = mg_headers_next(headers, MG_STR("connection"), &index))) {
        for (size_t from = 0; from < header->value.len;) {
            size_t comma = mg_str_find(header->value, ',', from);
            if (mg_str_eq_nocase(mg_str_trim(mg_str_cut(header->value, from, comma)), name))
                return true;
            from = comma + 1;
        }
    }
    return false;
}

bool mg_headers_connection_names(const struct mg_headers *headers)
{
    unsigned index = 0;
    const struct mg_header *header;
    while ((header = mg_headers_next(headers, MG_STR("connection"), &index)))
        if (header->value.len && !mg_str_eq_nocase(header->value, MG_STR("keep-alive")) &&
            !mg_str_eq_nocase(header->value, MG_STR("close")))
            return true;
    return false;
}

bool mg_headers_hop_by_hop(const struct mg_headers *headers, struct mg_str name)
{
    return mg_header_name_of_connection(mg_header_name_of(name)) ||
           named_in_connection(headers, name);
}
