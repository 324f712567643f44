#include "data/headers.h"

bool mg_headers_add(struct mg_headers *headers, struct mg_arena *arena, struct mg_str name,
                    struct mg_str value)
{
    if (headers->count == headers->cap) {
        unsigned cap = headers->cap ? headers->cap * 2 : 16;
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
        if (mg_str_eq_nocase(header->name, name))
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

// tchar of RFC 9110 §5.6.2.
static bool token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool mg_headers_name_ok(struct mg_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!token_char((unsigned char)name.data[i]))
            return false;
    return name.len > 0;
}

bool mg_headers_value_ok(struct mg_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
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
    static const char *const names[] = {
        "connection", "keep-alive", "proxy-connection",   "transfer-encoding",   "te",
        "trailer",    "upgrade",    "proxy-authenticate", "proxy-authorization",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mg_str_eq_nocase(name, mg_str_of(names[i])))
            return true;
    return connection_names(headers, name);
}
