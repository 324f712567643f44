#include "data/headers.h"

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

bool mg_headers_get(const struct mg_headers *headers, struct mg_arena *arena, struct mg_str name,
                    struct mg_str *value)
{
    unsigned index = 0;
    const struct mg_header *header = mg_headers_next(headers, name, &index);
    if (!header)
        return false;
    *value = header->value;
    while ((header = mg_headers_next(headers, name, &index))) {
        *value = mg_arena_printf(arena, "%.*s, %.*s", (int)value->len, value->data,
                                 (int)header->value.len, header->value.data);
        if (!value->data)
            return false;
    }
    return true;
}

// tchar of RFC 9110 §5.6.2. A table, since every byte of every name is looked up.
static const bool token_chars[256] = {
    ['0' ... '9'] = true, ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

bool mg_headers_name_ok(struct mg_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!token_chars[(unsigned char)name.data[i]])
            return false;
    return name.len > 0;
}

bool mg_headers_value_ok(struct mg_str value)
{
    return mg_str_clean(value) == value.len;
}

static bool connection_names(const struct mg_headers *headers, struct mg_str name)
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

bool mg_headers_hop_by_hop(const struct mg_headers *headers, struct mg_str name)
{
    static const struct mg_str names[] = {{"connection", 10},
                                          {"keep-alive", 10},
                                          {"proxy-connection", 16},
                                          {"transfer-encoding", 17},
                                          {"te", 2},
                                          {"trailer", 7},
                                          {"upgrade", 7},
                                          {"proxy-authenticate", 18},
                                          {"proxy-authorization", 19}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].len == name.len && mg_str_eq_nocase(name, names[i]))
            return true;
    return connection_names(headers, name);
}
