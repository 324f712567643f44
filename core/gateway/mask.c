#include "gateway/mask.h"

#include <stdlib.h>

#include "base/percent.h"

enum {
    value_least = 4, // what is shorter is in every text
    cut_least = 1024 // bytes: no text is cut that is shorter
};

bool mg_mask_hides(struct mg_str name)
{
    static const char *const parts[] = {
        "authorization", "x-auth",  "cookie",     "token",      "secret",
        "password",      "api-key", "api_key",    "apikey",     "session",
        "csrf",          "xsrf",    "access-key", "access_key", "accesskey",
        "signature",     "jwt",     "assertion",  "credential",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct mg_str part = mg_str_of(parts[i]);
        for (size_t at = 0; at + part.len <= name.len; at++)
            if (mg_str_eq_nocase(mg_str_cut(name, at, at + part.len), part))
                return true;
    }
    return false;
}

// As it stands, and as a path or query has it.
static bool keep(struct mg_mask *mask, struct mg_str value)
{
    struct mg_buf encoded = {0};
    if (value.len < value_least)
        return true;
    mask->values[mask->count++] = value;
    bool ok = mg_percent_encode(&encoded, value);
    if (ok && encoded.len != value.len) {
        struct mg_str copy = mg_arena_copy(&mask->exchange->request->arena, mg_buf_str(&encoded));
        ok = copy.data != NULL;
        mask->values[mask->count++] = copy;
    }
    mg_buf_fini(&encoded);
    return ok;
}

// The whole; what follows a scheme; the values of its parts: `a=1; b="2"`.
static bool keep_all(struct mg_mask *mask, struct mg_str value)
{
    size_t blank = mg_str_find(value, ' ', 0);
    bool ok = keep(mask, value);
    if (blank < value.len)
        ok = ok && keep(mask, mg_str_trim(mg_str_cut(value, blank, value.len)));
    for (size_t from = 0; ok && from < value.len;) {
        size_t end = mg_str_find(value, ';', from);
        struct mg_str part = mg_str_cut(value, from, end);
        size_t sign = mg_str_find(part, '=', 0);
        part = mg_str_trim(sign < part.len ? mg_str_cut(part, sign + 1, part.len) : part);
        if (part.len > 1 && part.data[0] == '"' && part.data[part.len - 1] == '"')
            part = mg_str_cut(part, 1, part.len - 1);
        ok = keep(mask, part);
        from = end + 1;
    }
    return ok;
}

// The next of a query such as "a=1&b=2": what is shown of it, and the value that is not, if any.
static bool next_field(const struct mg_mask *mask, size_t *from, struct mg_str *shown,
                       struct mg_str *value)
{
    struct mg_str query = mask->exchange->request->query, name;
    if (*from >= query.len)
        return false;
    size_t end = mg_str_find(query, '&', *from);
    struct mg_str field = mg_str_cut(query, *from, end);
    size_t sign = mg_str_find(field, '=', 0);
    *from = end + 1;
    *shown = field;
    *value = (struct mg_str){0};
    if (sign == field.len)
        return true;
    if (!mg_percent_decode(mg_str_cut(field, 0, sign), true, &mask->exchange->request->arena,
                           &name) ||
        !mg_mask_hides(name))
        return true;
    *shown = mg_str_cut(field, 0, sign + 1);
    *value = mg_str_cut(field, sign + 1, field.len);
    return true;
}

// Those of the query: as they came, and as the routes see them.
static bool keep_fields(struct mg_mask *mask)
{
    struct mg_str shown, value, decoded;
    bool ok = true;
    for (size_t from = 0; ok && next_field(mask, &from, &shown, &value);) {
        ok = keep(mask, value);
        if (mg_percent_decode(value, true, &mask->exchange->request->arena, &decoded))
            ok = ok && keep(mask, decoded);
    }
    return ok;
}

static int longest_first(const void *one, const void *other)
{
    size_t a = ((const struct mg_str *)one)->len, b = ((const struct mg_str *)other)->len;
    return a < b ? 1 : a > b ? -1 : 0;
}

bool mg_mask_init(struct mg_mask *mask, struct mg_exchange *exchange)
{
    const struct mg_headers *headers = &exchange->request->headers;
    size_t most = 0;
    for (unsigned i = 0; i < headers->count; i++) {
        most += 6; // twice the whole, what follows a scheme, and the last part
        for (size_t at = 0; at < headers->items[i].value.len; at++)
            most += headers->items[i].value.data[at] == ';' ? 2 : 0;
    }
    most += 4; // of a field of the query
    for (size_t at = 0; at < exchange->request->query.len; at++)
        most += exchange->request->query.data[at] == '&' ? 4 : 0;
    *mask = (struct mg_mask){.exchange = exchange};
    mask->values = mg_arena_zero(&exchange->request->arena, most + 1, sizeof *mask->values);
    for (unsigned i = 0; mask->values && i < headers->count; i++)
        if (mg_mask_hides(headers->items[i].name) && !keep_all(mask, headers->items[i].value))
            return false;
    if (mask->values && !keep_fields(mask))
        return false;
    if (mask->values)
        qsort(mask->values, mask->count, sizeof *mask->values, longest_first);
    return mask->values != NULL;
}

static const char *find(struct mg_str text, size_t from, struct mg_str value)
{
    return from < text.len ? memmem(text.data + from, text.len - from, value.data, value.len)
                           : NULL;
}

static struct mg_str without(struct mg_str text, struct mg_str value, struct mg_arena *arena)
{
    struct mg_buf out = {0};
    size_t from = 0;
    const char *at = find(text, 0, value);
    if (!at)
        return text;
    for (; at; at = find(text, from, value)) {
        mg_buf_put(&out, mg_str_cut(text, from, (size_t)(at - text.data)));
        mg_buf_put(&out, MG_STR("[not shown]"));
        from = (size_t)(at - text.data) + value.len;
    }
    mg_buf_put(&out, mg_str_cut(text, from, text.len));
    struct mg_str copy = {0};
    if (out.failed == MG_OK)
        copy = mg_arena_copy(arena, mg_buf_str(&out));
    mg_buf_fini(&out);
    return copy;
}

struct mg_str mg_mask_text(const struct mg_mask *mask, struct mg_str text)
{
    struct mg_arena *arena = &mask->exchange->request->arena;
    if (!text.len)
        return text;
    text = mg_vm_redact(mask->exchange->generation->vm, text, arena);
    for (unsigned i = 0; i < mask->count && text.data; i++)
        text = without(text, mask->values[i], arena);
    return text;
}

// How much of the text's end is the start of the value.
static size_t begun(struct mg_str text, struct mg_str value)
{
    size_t len = value.len < text.len ? value.len : text.len;
    while (len >= value_least && memcmp(text.data + text.len - len, value.data, len) != 0)
        len--;
    return len >= value_least ? len : 0;
}

struct mg_str mg_mask_cut_text(const struct mg_mask *mask, struct mg_str text)
{
    size_t most = 0;
    bool cut = text.len >= cut_least;
    for (unsigned i = 0; cut && i < mask->count; i++) {
        size_t len = begun(text, mask->values[i]);
        most = len > most ? len : most;
    }
    text = mg_mask_text(mask, mg_str_cut(text, 0, text.len - most));
    return most ? mg_arena_printf(&mask->exchange->request->arena, "%.*s[not shown]", (int)text.len,
                                  text.data ? text.data : "")
                : text;
}

struct mg_str mg_mask_target(const struct mg_mask *mask)
{
    const struct mg_request *request = mask->exchange->request;
    struct mg_str shown, value, text = {0};
    struct mg_buf out = {0};
    mg_buf_put(&out, mg_str_cut(request->target, 0, request->target.len - request->query.len));
    for (size_t from = 0; next_field(mask, &from, &shown, &value);) {
        mg_buf_put(&out, shown);
        mg_buf_put(&out, value.len ? MG_STR("[not shown]") : MG_STR(""));
        mg_buf_put(&out, from <= request->query.len ? MG_STR("&") : MG_STR(""));
    }
    if (out.failed == MG_OK)
        text = mg_arena_copy(&mask->exchange->request->arena, mg_buf_str(&out));
    mg_buf_fini(&out);
    return mg_mask_text(mask, text);
}
