// Any query, form and cookies: the first line is a form, the second a Cookie field, the third a
// Connection field. What a form is read as, written again, is read as the same.
#include <assert.h>

#include "base/percent.h"
#include "data/fields.h"
#include "data/header_name.h"
#include "data/headers.h"
#include "text.h"

enum { most = 64 };

// The first of each name is found, and all of them in their order.
static void check_found(const struct mg_fields *fields)
{
    for (unsigned i = 0; i < fields->count; i++) {
        unsigned index = i;
        const struct mg_field *found = mg_fields_next(fields, fields->items[i].name, &index);
        assert(found == &fields->items[i] && index == i + 1);
    }
}

static void check_form(struct mg_str text, struct mg_arena *arena)
{
    struct mg_fields fields, again;
    struct mg_buf written = {0};
    if (!mg_fields_form(&fields, text, most, arena))
        return;
    assert(fields.count <= most);
    check_found(&fields);
    for (unsigned i = 0; i < fields.count; i++) {
        mg_percent_encode(&written, fields.items[i].name);
        mg_buf_put_char(&written, '=');
        mg_percent_encode(&written, fields.items[i].value);
        if (i + 1 < fields.count)
            mg_buf_put_char(&written, '&');
        assert(!memchr(fields.items[i].value.data, 0, fields.items[i].value.len));
    }
    bool ok = mg_fields_form(&again, mg_buf_str(&written), most, arena);
    assert(ok && again.count == fields.count);
    for (unsigned i = 0; i < fields.count; i++)
        assert(mg_str_eq(fields.items[i].name, again.items[i].name) &&
               mg_str_eq(fields.items[i].value, again.items[i].value));
    mg_buf_fini(&written);
}

static void check_cookies(struct mg_str text, struct mg_arena *arena)
{
    struct mg_fields fields;
    if (!mg_fields_cookies(&fields, text, most, arena))
        return;
    assert(fields.count <= most);
    check_found(&fields);
    for (unsigned i = 0; i < fields.count; i++) {
        struct mg_field *field = &fields.items[i];
        assert(field->name.data >= text.data);
        assert(field->value.data + field->value.len <= text.data + text.len);
        assert(!memchr(field->name.data, '=', field->name.len));
        assert(!memchr(field->value.data, ';', field->value.len));
    }
}

// Each name that the field lists is the connection's, and what is always so stays so.
static void check_connection(struct mg_str value, struct mg_arena *arena)
{
    struct mg_headers headers = {0};
    bool ok = mg_headers_add(&headers, arena, MG_STR("CONNECTION"), value);
    assert(ok && mg_headers_hop_by_hop(&headers, MG_STR("Transfer-Encoding")));
    for (size_t from = 0; from < value.len;) {
        size_t comma = mg_str_find(value, ',', from);
        struct mg_str name = mg_str_trim(mg_str_cut(value, from, comma));
        from = comma + 1;
        if (!mg_headers_name_ok(name))
            continue;
        assert(mg_headers_hop_by_hop(&headers, name));
        assert(mg_headers_connection_names(&headers) ||
               mg_header_name_of_connection(mg_header_name_of(name)) ||
               mg_str_eq_nocase(name, MG_STR("close")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_arena arena = {0};
    struct mg_str text = {len ? (const char *)data : "", len};
    check_form(fuzz_line(&text), &arena);
    check_cookies(fuzz_line(&text), &arena);
    check_connection(fuzz_line(&text), &arena);
    mg_arena_fini(&arena);
    return 0;
}
