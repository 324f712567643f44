// JSON: shapes into text, for bodies of calls and for replies.
#include "plan/fill_parts.h"

#include "json/write.h"

// What a shape's placeholder becomes in JSON.
static enum mg_fill put_json_value(const struct mg_reference *reference, struct mg_scope *scope,
                                   bool strict, struct mg_buf *out, struct mg_str *spliced,
                                   struct mg_fill_fault *fault)
{
    struct mg_value value = mg_scope_value(scope, reference);
    *spliced = MG_STR("null");
    if (value.kind == MG_VALUE_JSON)
        *spliced = value.bytes;
    else if (value.kind == MG_VALUE_MISSING && strict && !value.optional)
        return mg_fill_fault_of(reference, &value, scope, fault);
    else if (value.kind == MG_VALUE_TEXT) {
        mg_buf_clear(out);
        if (!mg_json_put_string(out, value.bytes))
            return MG_FILL_MEMORY;
        *spliced = mg_arena_copy(scope->arena, mg_buf_str(out));
        return spliced->data ? MG_FILL_OK : MG_FILL_MEMORY;
    }
    return MG_FILL_OK;
}

static enum mg_fill put_json_string(const struct mg_template *template, struct mg_scope *scope,
                                    bool strict, struct mg_str *spliced,
                                    struct mg_fill_fault *fault)
{
    struct mg_buf text = {0}, json = {0};
    bool absent;
    enum mg_fill fill = mg_fill_text(template, scope, &text, &absent, fault);
    *spliced = MG_STR("null");
    if (fill == MG_FILL_OK && !absent) {
        mg_json_put_string(&json, mg_buf_str(&text));
        *spliced = mg_arena_copy(scope->arena, mg_buf_str(&json));
        if (json.failed != MG_OK || !spliced->data)
            fill = MG_FILL_MEMORY;
    } else if (!strict && fill != MG_FILL_MEMORY) {
        fill = MG_FILL_OK;
    }
    mg_buf_fini(&text);
    mg_buf_fini(&json);
    return fill;
}

static enum mg_fill fill_shape(const struct mg_shape *shape, struct mg_scope *scope, bool strict,
                               struct mg_str **pieces, unsigned *count, struct mg_fill_fault *fault)
{
    char room[256];
    struct mg_buf scratch = MG_BUF_IN(room);
    enum mg_fill fill = MG_FILL_OK;
    *count = shape->count;
    *pieces = mg_arena_alloc(scope->arena, (shape->count + 1) * sizeof **pieces);
    if (!*pieces)
        return MG_FILL_MEMORY;
    for (unsigned i = 0; fill == MG_FILL_OK && i < shape->count; i++) {
        const struct mg_shape_part *part = &shape->parts[i];
        struct mg_str *piece = &(*pieces)[i];
        if (part->kind == MG_SHAPE_LITERAL)
            *piece = part->literal;
        else if (part->kind == MG_SHAPE_VALUE)
            fill = put_json_value(mg_template_single(&part->template), scope, strict, &scratch,
                                  piece, fault);
        else
            fill = put_json_string(&part->template, scope, strict, piece, fault);
    }
    mg_buf_fini(&scratch);
    return fill;
}

enum mg_fill mg_fill_json(const struct mg_shape *shape, struct mg_scope *scope, bool strict,
                          struct mg_str *json, struct mg_fill_fault *fault)
{
    struct mg_str *pieces;
    unsigned count;
    size_t len = 0;
    enum mg_fill fill = fill_shape(shape, scope, strict, &pieces, &count, fault);
    if (fill != MG_FILL_OK)
        return fill;
    for (unsigned i = 0; i < count; i++)
        len += pieces[i].len;
    char *out = mg_arena_alloc(scope->arena, len + 1);
    if (!out)
        return MG_FILL_MEMORY;
    *json = (struct mg_str){out, len};
    for (unsigned i = 0; i < count; i++) {
        memcpy(out, pieces[i].data, pieces[i].len);
        out += pieces[i].len;
    }
    return MG_FILL_OK;
}

bool mg_fill_reply(const struct mg_shape *shape, struct mg_scope *scope, struct mg_str **pieces,
                   unsigned *count)
{
    struct mg_fill_fault fault;
    return fill_shape(shape, scope, false, pieces, count, &fault) == MG_FILL_OK;
}

bool mg_fill_merged(const struct mg_plan *plan, struct mg_scope *scope, struct mg_str **pieces,
                    unsigned *count)
{
    char room[256];
    struct mg_buf text = MG_BUF_IN(room);
    *pieces = mg_arena_alloc(scope->arena, (2 * plan->count + 2) * sizeof **pieces);
    *count = 0;
    if (!*pieces)
        return false;
    for (unsigned i = 0; i < plan->count; i++) {
        struct mg_value value = mg_result_value(&scope->calls[i]->result);
        mg_buf_clear(&text);
        mg_buf_put_char(&text, i ? ',' : '{');
        mg_json_put_string(&text, plan->calls[i].name);
        mg_buf_put_char(&text, ':');
        if (value.kind == MG_VALUE_TEXT)
            mg_json_put_string(&text, value.bytes);
        else if (value.kind == MG_VALUE_MISSING)
            mg_buf_put(&text, MG_STR("null"));
        struct mg_str copy = mg_arena_copy(scope->arena, mg_buf_str(&text));
        if (text.failed != MG_OK || !copy.data) {
            mg_buf_fini(&text);
            return false;
        }
        (*pieces)[(*count)++] = copy;
        if (value.kind == MG_VALUE_JSON)
            (*pieces)[(*count)++] = value.bytes;
    }
    (*pieces)[(*count)++] = plan->count ? MG_STR("}") : MG_STR("{}");
    mg_buf_fini(&text);
    return true;
}
