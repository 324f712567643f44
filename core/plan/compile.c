#include "plan/compile.h"

struct mg_str mg_compile_text(struct mg_str object, const char *name, struct mg_arena *arena)
{
    struct mg_str value;
    if (!mg_json_member(object, mg_str_of(name), &value) || mg_json_type(value) != MG_JSON_STRING)
        return (struct mg_str){0};
    return mg_json_text_in(value, arena);
}

int64_t mg_compile_int(struct mg_str object, const char *name)
{
    struct mg_str value;
    int64_t number = 0;
    if (mg_json_member(object, mg_str_of(name), &value))
        mg_json_int(value, &number);
    return number;
}

bool mg_compile_flag(struct mg_str object, const char *name)
{
    struct mg_str value;
    return mg_json_member(object, mg_str_of(name), &value) && mg_json_type(value) == MG_JSON_TRUE;
}

unsigned mg_compile_count(struct mg_str container)
{
    struct mg_json_iter iter;
    unsigned count = 0;
    for (mg_json_begin(&iter, container); mg_json_next(&iter);)
        count++;
    return count;
}

bool mg_compile_fail(struct mg_compile *c, struct mg_str message, const char *key)
{
    c->error->message = message.data ? message : MG_STR("out of memory");
    const char *dot = c->at.len && *key ? "." : "";
    c->error->path = mg_arena_printf(c->arena, "%.*s%s%s", (int)c->at.len, c->at.data, dot, key);
    return false;
}

bool mg_compile_no_memory(struct mg_compile *c)
{
    return mg_compile_fail(c, MG_STR("out of memory"), "");
}

bool mg_compile_template(struct mg_compile *c, struct mg_template *template, struct mg_str text,
                         const char *key)
{
    struct mg_str why;
    return mg_template_parse(template, text, &c->names, c->arena, &why) ||
           mg_compile_fail(c, why, key);
}

bool mg_compile_line(struct mg_compile *c, struct mg_template *template, struct mg_str text,
                     const char *key)
{
    if (!mg_compile_template(c, template, text, key))
        return false;
    const struct mg_reference *single = mg_template_single(template);
    if (!single || !single->list)
        return true;
    return mg_compile_fail(
        c, mg_arena_printf(c->arena, MG_TEMPLATE_NO_TEXT, (int)text.len, text.data), key);
}

bool mg_compile_shape(struct mg_compile *c, struct mg_shape *shape, struct mg_str json,
                      const char *key)
{
    struct mg_str why, inner;
    if (mg_shape_parse(shape, json, &c->names, c->arena, &why, &inner))
        return true;
    const char *dot = inner.len && inner.data[0] != '[' ? "." : "";
    struct mg_str path =
        mg_arena_printf(c->arena, "%s%s%.*s", key, dot, (int)inner.len, inner.data);
    return mg_compile_fail(c, why, path.data ? path.data : key);
}

// An object of named templates: query, headers, form. A list gives its name once per element.
bool mg_compile_named(struct mg_compile *c, struct mg_str call, const char *key,
                      struct mg_named_template **list, unsigned *count)
{
    struct mg_str object;
    struct mg_json_iter iter, inner;
    unsigned most = 0;
    bool line = mg_str_is(mg_str_of(key), "headers");
    bool (*compile)(struct mg_compile *, struct mg_template *, struct mg_str, const char *) =
        line ? mg_compile_line : mg_compile_template;
    if (!mg_json_member(call, mg_str_of(key), &object))
        return true;
    for (mg_json_begin(&iter, object); mg_json_next(&iter);)
        most += mg_json_type(iter.value) == MG_JSON_ARRAY ? mg_compile_count(iter.value) : 1;
    *list = mg_arena_zero(c->arena, most + 1, sizeof **list);
    if (!*list)
        return mg_compile_no_memory(c);
    for (mg_json_begin(&iter, object); mg_json_next(&iter);) {
        struct mg_str name = mg_json_text_in(iter.key, c->arena);
        struct mg_str path = mg_arena_printf(c->arena, "%s.%.*s", key, (int)name.len, name.data);
        bool array = mg_json_type(iter.value) == MG_JSON_ARRAY;
        struct mg_json_iter one = {.value = iter.value};
        mg_json_begin(&inner, iter.value);
        while (array ? mg_json_next(&inner) : one.value.len > 0) {
            struct mg_named_template *item = &(*list)[(*count)++];
            struct mg_str value = array ? inner.value : one.value;
            one.value.len = 0;
            item->name = name;
            struct mg_str text = mg_json_type(value) == MG_JSON_STRING
                                     ? mg_json_text_in(value, c->arena)
                                     : mg_arena_copy(c->arena, value);
            if (!text.data || !path.data)
                return mg_compile_no_memory(c);
            if (!compile(c, &item->template, text, path.data))
                return false;
        }
    }
    return true;
}
