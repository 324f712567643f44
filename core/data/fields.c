#include "data/fields.h"

#include "base/percent.h"

static unsigned count_parts(struct mg_str text, char separator)
{
    unsigned count = text.len > 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == separator;
    return count;
}

static bool start(struct mg_fields *fields, struct mg_str text, char separator, unsigned most,
                  struct mg_arena *arena)
{
    unsigned parts = count_parts(text, separator);
    *fields = (struct mg_fields){0};
    if (parts > most)
        return false;
    fields->items = mg_arena_zero(arena, parts, sizeof *fields->items);
    return fields->items != NULL;
}

bool mg_fields_form(struct mg_fields *fields, struct mg_str text, unsigned most,
                    struct mg_arena *arena)
{
    if (!start(fields, text, '&', most, arena))
        return false;
    for (size_t from = 0; from < text.len;) {
        size_t end = mg_str_find(text, '&', from);
        struct mg_str pair = mg_str_cut(text, from, end);
        size_t equals = mg_str_find(pair, '=', 0);
        struct mg_field *field = &fields->items[fields->count];
        size_t value = equals < pair.len ? equals + 1 : pair.len;
        if (!mg_percent_decode(mg_str_cut(pair, 0, equals), true, arena, &field->name) ||
            !mg_percent_decode(mg_str_cut(pair, value, pair.len), true, arena, &field->value))
            return false;
        fields->count += pair.len > 0;
        from = end + 1;
    }
    return true;
}

bool mg_fields_cookies(struct mg_fields *fields, struct mg_str text, unsigned most,
                       struct mg_arena *arena)
{
    if (!start(fields, text, ';', most, arena))
        return false;
    for (size_t from = 0; from < text.len;) {
        size_t end = mg_str_find(text, ';', from);
        struct mg_str pair = mg_str_trim(mg_str_cut(text, from, end));
        size_t equals = mg_str_find(pair, '=', 0);
        if (equals > 0 && equals < pair.len) {
            struct mg_str value = mg_str_trim(mg_str_cut(pair, equals + 1, pair.len));
            if (value.len > 1 && value.data[0] == '"' && value.data[value.len - 1] == '"')
                value = mg_str_cut(value, 1, value.len - 1);
            fields->items[fields->count++] =
                (struct mg_field){mg_str_trim(mg_str_cut(pair, 0, equals)), value};
        }
        from = end + 1;
    }
    return true;
}

const struct mg_field *mg_fields_next(const struct mg_fields *fields, struct mg_str name,
                                      unsigned *index)
{
    while (*index < fields->count) {
        const struct mg_field *field = &fields->items[(*index)++];
        if (mg_str_eq(field->name, name))
            return field;
    }
    return NULL;
}
