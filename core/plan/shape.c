#include "plan/shape.h"

#include "json/write.h"

struct build {
    struct mg_shape *shape;
    const struct mg_names *names;
    struct mg_arena *arena;
    struct mg_buf literal; // JSON text since the last placeholder
    struct mg_str *error, *path;
};

static struct mg_shape_part *add(struct build *build)
{
    struct mg_shape *shape = build->shape;
    if (shape->count == shape->cap) {
        unsigned cap = shape->cap ? shape->cap * 2 : 8;
        struct mg_shape_part *parts = mg_arena_zero(build->arena, cap, sizeof *parts);
        if (!parts)
            return NULL;
        if (shape->count)
            memcpy(parts, shape->parts, shape->count * sizeof *parts);
        shape->parts = parts;
        shape->cap = cap;
    }
    return &shape->parts[shape->count++];
}

static bool flush(struct build *build)
{
    if (build->literal.failed != MG_OK)
        return false;
    if (!build->literal.len)
        return true;
    struct mg_shape_part *part = add(build);
    if (!part)
        return false;
    part->kind = MG_SHAPE_LITERAL;
    part->literal = mg_arena_copy(build->arena, mg_buf_str(&build->literal));
    mg_buf_clear(&build->literal);
    return part->literal.data != NULL;
}

static bool parse_string(struct build *build, struct mg_str value)
{
    struct mg_str text = mg_json_text_in(value, build->arena);
    struct mg_template template;
    if (!text.data || !mg_template_parse(&template, text, build->names, build->arena, build->error))
        return false;
    bool plain = true;
    for (unsigned i = 0; i < template.count; i++)
        plain = plain && template.pieces[i].literal;
    if (plain) {
        struct mg_buf joined = {0};
        for (unsigned i = 0; i < template.count; i++)
            mg_buf_put(&joined, template.pieces[i].text);
        mg_json_put_string(&build->literal, mg_buf_str(&joined));
        bool ok = joined.failed == MG_OK;
        mg_buf_fini(&joined);
        return ok;
    }
    if (!flush(build))
        return false;
    struct mg_shape_part *part = add(build);
    if (!part)
        return false;
    part->kind = mg_template_single(&template) ? MG_SHAPE_VALUE : MG_SHAPE_STRING;
    part->template = template;
    return true;
}

static void prefix_path(struct build *build, const struct mg_json_iter *iter, size_t index)
{
    struct mg_str path = *build->path;
    const char *dot = path.len && path.data[0] != '[' ? "." : "";
    if (!iter->object) {
        *build->path =
            mg_arena_printf(build->arena, "[%zu]%s%.*s", index, dot, (int)path.len, path.data);
        return;
    }
    struct mg_str key = mg_json_text_in(iter->key, build->arena);
    *build->path = mg_arena_printf(build->arena, "%.*s%s%.*s", (int)key.len, key.data, dot,
                                   (int)path.len, path.data);
}

// Depth is bounded: the text was validated with MG_JSON_DEPTH_MOST.
static bool parse_value(struct build *build, struct mg_str value)
{
    enum mg_json_type type = mg_json_type(value);
    if (type == MG_JSON_STRING)
        return parse_string(build, value);
    if (type != MG_JSON_OBJECT && type != MG_JSON_ARRAY)
        return mg_buf_put(&build->literal, mg_json_trim(value));
    bool object = type == MG_JSON_OBJECT;
    struct mg_json_iter iter;
    size_t index = 0;
    mg_buf_put_char(&build->literal, object ? '{' : '[');
    for (mg_json_begin(&iter, value); mg_json_next(&iter);) {
        if (index++)
            mg_buf_put_char(&build->literal, ',');
        if (object) {
            mg_buf_put(&build->literal, iter.key);
            mg_buf_put_char(&build->literal, ':');
        }
        if (!parse_value(build, iter.value)) {
            prefix_path(build, &iter, index);
            return false;
        }
    }
    return mg_buf_put_char(&build->literal, object ? '}' : ']');
}

bool mg_shape_parse(struct mg_shape *shape, struct mg_str json, const struct mg_names *names,
                    struct mg_arena *arena, struct mg_str *error, struct mg_str *path)
{
    struct build build = {shape, names, arena, {0}, error, path};
    *shape = (struct mg_shape){0};
    *error = MG_STR("out of memory");
    *path = (struct mg_str){0};
    bool ok = parse_value(&build, mg_json_trim(json)) && flush(&build);
    mg_buf_fini(&build.literal);
    return ok;
}

bool mg_template_visit(const struct mg_template *template, mg_reference_visit_fn *visit,
                       void *owner)
{
    for (unsigned i = 0; i < template->count; i++)
        if (!template->pieces[i].literal && !visit(&template->pieces[i].reference, owner))
            return false;
    return true;
}

bool mg_shape_visit(const struct mg_shape *shape, mg_reference_visit_fn *visit, void *owner)
{
    for (unsigned i = 0; i < shape->count; i++)
        if (shape->parts[i].kind != MG_SHAPE_LITERAL &&
            !mg_template_visit(&shape->parts[i].template, visit, owner))
            return false;
    return true;
}
