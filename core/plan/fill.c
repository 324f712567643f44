#include "plan/fill.h"

#include "base/percent.h"
#include "json/write.h"

#define MG_USER_AGENT "Moongate/" MG_VERSION

// A value is missing, or cannot stand where it must.
static enum mg_fill fault_of(const struct mg_reference *reference, const struct mg_value *value,
                             struct mg_scope *scope, struct mg_fill_fault *fault)
{
    static const char *const roots[] = {"", "query.", "headers.", "cookies.", "body",
                                        "", "",       "",         ""};
    struct mg_buf what = {0};
    mg_buf_put(&what, mg_str_of(roots[reference->root]));
    mg_buf_put(&what, reference->name);
    for (unsigned i = 0; i < reference->step_count; i++) {
        if (reference->steps[i].kind == MG_JSON_INDEX)
            mg_buf_printf(&what, "[%zu]", reference->steps[i].index);
        else
            mg_buf_printf(&what, ".%.*s", (int)reference->steps[i].key.len,
                          reference->steps[i].key.data);
    }
    fault->what = mg_arena_copy(scope->arena, mg_buf_str(&what));
    mg_buf_fini(&what);
    fault->why = value->kind == MG_VALUE_MISSING ? "is missing" : "is no text that can stand there";
    return mg_reference_is_result(reference) || reference->root == MG_ROOT_LOCAL ? MG_FILL_MISSING
                                                                                 : MG_FILL_CLIENT;
}

static enum mg_fill text_of(const struct mg_reference *reference, struct mg_scope *scope,
                            struct mg_str *text, bool *absent, struct mg_fill_fault *fault)
{
    struct mg_value value = mg_scope_value(scope, reference);
    *absent = value.kind == MG_VALUE_MISSING && value.optional;
    if (*absent) {
        *text = (struct mg_str){0};
        return MG_FILL_OK;
    }
    return mg_value_text(&value, scope->arena, text) ? MG_FILL_OK
                                                     : fault_of(reference, &value, scope, fault);
}

// A path is written segment by segment, so that what values make of one can be judged.
struct path_writer {
    struct mg_buf *out;
    size_t segment; // where the segment in progress begins
    bool filled;    // it holds a value
    bool query;     // behind the "?"
};

static bool segment_sound(const struct path_writer *writer)
{
    struct mg_str segment = mg_str_cut(mg_buf_str(writer->out), writer->segment, writer->out->len);
    return writer->query || !writer->filled ||
           (segment.len && !mg_str_is(segment, ".") && !mg_str_is(segment, ".."));
}

static bool put_path_literal(struct path_writer *writer, struct mg_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool boundary = !writer->query && (c == '/' || c == '?');
        if (boundary && !segment_sound(writer))
            return false;
        writer->query = writer->query || c == '?';
        mg_buf_put_char(writer->out, c);
        if (boundary) {
            writer->segment = writer->out->len;
            writer->filled = false;
        }
    }
    return true;
}

// A rest parameter keeps its slashes; its segments are judged one by one, an empty last one (a
// trailing slash) is allowed.
static bool put_path_rest(struct path_writer *writer, struct mg_str value)
{
    for (size_t from = 0; from <= value.len;) {
        size_t end = mg_str_find(value, '/', from);
        mg_percent_encode(writer->out, mg_str_cut(value, from, end));
        writer->filled = end < value.len || from < value.len;
        if (end < value.len && !put_path_literal(writer, MG_STR("/")))
            return false;
        from = end + 1;
    }
    return true;
}

static bool put_path_value(struct path_writer *writer, const struct mg_reference *reference,
                           struct mg_str value)
{
    if (reference->rest && !writer->query)
        return put_path_rest(writer, value);
    writer->filled = true;
    return mg_percent_encode(writer->out, value);
}

enum mg_fill mg_fill_path(const struct mg_template *path, struct mg_scope *scope,
                          struct mg_buf *out, struct mg_fill_fault *fault)
{
    struct path_writer writer = {.out = out, .segment = out->len};
    const struct mg_reference *last = NULL;
    bool sound = true;
    for (unsigned i = 0; sound && i < path->count; i++) {
        const struct mg_piece *piece = &path->pieces[i];
        if (piece->literal) {
            sound = put_path_literal(&writer, piece->text);
            continue;
        }
        struct mg_str text;
        bool absent;
        last = &piece->reference;
        enum mg_fill fill = text_of(last, scope, &text, &absent, fault);
        if (fill != MG_FILL_OK)
            return fill;
        sound = put_path_value(&writer, last, text);
    }
    if (out->failed != MG_OK)
        return MG_FILL_MEMORY;
    if (sound && segment_sound(&writer))
        return MG_FILL_OK;
    struct mg_value value = {.kind = MG_VALUE_TEXT};
    enum mg_fill fill = fault_of(last, &value, scope, fault);
    fault->why = "makes a path segment that is empty, \".\" or \"..\"";
    return fill;
}

// A text outside paths; *absent when it is nothing but an optional value that is not there.
static enum mg_fill fill_text(const struct mg_template *template, struct mg_scope *scope,
                              struct mg_buf *out, bool *absent, struct mg_fill_fault *fault)
{
    *absent = false;
    for (unsigned i = 0; i < template->count; i++) {
        const struct mg_piece *piece = &template->pieces[i];
        struct mg_str text = piece->text;
        bool gone = false;
        if (!piece->literal) {
            enum mg_fill fill = text_of(&piece->reference, scope, &text, &gone, fault);
            if (fill != MG_FILL_OK)
                return fill;
        }
        *absent = *absent || gone;
        mg_buf_put(out, text);
    }
    return out->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}

static bool put_query_field(struct mg_buf *out, bool *has_query, struct mg_str name,
                            struct mg_str value)
{
    mg_buf_put_char(out, *has_query ? '&' : '?');
    *has_query = true;
    mg_percent_encode(out, name);
    mg_buf_put_char(out, '=');
    return mg_percent_encode(out, value);
}

// A field whose value is a JSON list is written once per element.
static enum mg_fill put_query_list(const struct mg_named_template *item, struct mg_str list,
                                   struct mg_scope *scope, struct mg_buf *out, bool *has_query,
                                   struct mg_fill_fault *fault)
{
    struct mg_json_iter iter;
    for (mg_json_begin(&iter, list); mg_json_next(&iter);) {
        struct mg_value value = {MG_VALUE_JSON, iter.value, false, false};
        struct mg_str text;
        if (!mg_value_text(&value, scope->arena, &text))
            return fault_of(mg_template_single(&item->template), &value, scope, fault);
        put_query_field(out, has_query, item->name, text);
    }
    return out->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}

// Query fields or a form: name=value&name=value. `has_query` false starts with "?" (a form clears
// the buffer's first byte afterwards).
static enum mg_fill put_fields(const struct mg_named_template *items, unsigned count,
                               struct mg_scope *scope, struct mg_buf *out, bool *has_query,
                               struct mg_fill_fault *fault)
{
    struct mg_buf text = {0};
    enum mg_fill fill = MG_FILL_OK;
    for (unsigned i = 0; fill == MG_FILL_OK && i < count; i++) {
        const struct mg_reference *single = mg_template_single(&items[i].template);
        struct mg_value value = single ? mg_scope_value(scope, single) : (struct mg_value){0};
        if (value.kind == MG_VALUE_JSON && mg_json_type(value.bytes) == MG_JSON_ARRAY) {
            fill = put_query_list(&items[i], value.bytes, scope, out, has_query, fault);
            continue;
        }
        bool absent;
        mg_buf_clear(&text);
        fill = fill_text(&items[i].template, scope, &text, &absent, fault);
        if (fill == MG_FILL_OK && !absent)
            put_query_field(out, has_query, items[i].name, mg_buf_str(&text));
    }
    mg_buf_fini(&text);
    return fill == MG_FILL_OK && out->failed != MG_OK ? MG_FILL_MEMORY : fill;
}

static bool forwards(const struct mg_str *names, unsigned count, struct mg_str name)
{
    for (unsigned i = 0; i < count; i++)
        if (mg_str_eq_nocase(names[i], name))
            return true;
    return false;
}

enum mg_fill mg_fill_forward_query(const struct mg_forward *forward, struct mg_scope *scope,
                                   struct mg_buf *path, bool *has_query)
{
    if (!forward->all_query && !forward->query_count)
        return MG_FILL_OK;
    if (!mg_scope_query(scope))
        return MG_FILL_CLIENT;
    for (unsigned i = 0; i < scope->query.count; i++) {
        const struct mg_field *field = &scope->query.items[i];
        if (forward->all_query || forwards(forward->query, forward->query_count, field->name))
            put_query_field(path, has_query, field->name, field->value);
    }
    return path->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}

static bool header_absent(const struct mg_headers *headers, struct mg_str name)
{
    unsigned index = 0;
    return mg_headers_next(headers, name, &index) == NULL;
}

// Says whose value cannot stand in a header: what the author wrote was checked at load.
static enum mg_fill control_byte(const struct mg_template *template, struct mg_scope *scope,
                                 struct mg_fill_fault *fault)
{
    enum mg_fill fill = MG_FILL_CLIENT;
    for (unsigned i = 0; i < template->count; i++) {
        const struct mg_piece *piece = &template->pieces[i];
        struct mg_value value = {.kind = MG_VALUE_TEXT};
        struct mg_str text;
        bool absent;
        if (piece->literal ||
            text_of(&piece->reference, scope, &text, &absent, fault) != MG_FILL_OK ||
            mg_headers_value_ok(text))
            continue;
        fill = fault_of(&piece->reference, &value, scope, fault);
        break;
    }
    fault->why = "has CR, LF, NUL or another control byte";
    return fill;
}

static enum mg_fill put_header_templates(const struct mg_named_template *items, unsigned count,
                                         bool replace, struct mg_scope *scope,
                                         struct mg_headers *headers, struct mg_fill_fault *fault)
{
    struct mg_buf text = {0};
    enum mg_fill fill = MG_FILL_OK;
    for (unsigned i = 0; fill == MG_FILL_OK && i < count; i++) {
        bool absent;
        if (!replace && !header_absent(headers, items[i].name))
            continue;
        mg_buf_clear(&text);
        fill = fill_text(&items[i].template, scope, &text, &absent, fault);
        if (fill != MG_FILL_OK || absent)
            continue;
        if (!mg_headers_value_ok(mg_buf_str(&text))) {
            fill = control_byte(&items[i].template, scope, fault);
            continue;
        }
        struct mg_str value = mg_arena_copy(scope->arena, mg_buf_str(&text));
        if (!value.data || !mg_headers_add(headers, scope->arena, items[i].name, value))
            fill = MG_FILL_MEMORY;
    }
    mg_buf_fini(&text);
    return fill;
}

// Fields that a backend gets from us alone, whatever is forwarded.
static bool own_field(struct mg_str name)
{
    static const char *const names[] = {"host",
                                        "content-length",
                                        "expect",
                                        "x-forwarded-for",
                                        "x-forwarded-host",
                                        "x-forwarded-proto",
                                        "x-request-id"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mg_str_eq_nocase(name, mg_str_of(names[i])))
            return true;
    return false;
}

static bool put_forwarded(const struct mg_forward *forward, struct mg_scope *scope,
                          struct mg_headers *headers)
{
    const struct mg_headers *from = &scope->request->headers;
    unsigned own = headers->count; // what the call set wins
    for (unsigned i = 0; i < from->count; i++) {
        const struct mg_header *header = &from->items[i];
        bool wanted = forward->all_headers
                          ? !mg_headers_hop_by_hop(from, header->name)
                          : forwards(forward->headers, forward->header_count, header->name);
        struct mg_headers set = {headers->items, own, own};
        if (wanted && !own_field(header->name) && header_absent(&set, header->name) &&
            !mg_headers_add(headers, scope->arena, header->name, header->value))
            return false;
    }
    return true;
}

static bool put_own(struct mg_headers *headers, struct mg_arena *arena, struct mg_str name,
                    struct mg_str value)
{
    return !value.len || !header_absent(headers, name) ||
           mg_headers_add(headers, arena, name, value);
}

enum mg_fill mg_fill_headers(const struct mg_plan_backend *backend,
                             const struct mg_forward *forward, struct mg_scope *scope,
                             struct mg_headers *headers, struct mg_fill_fault *fault)
{
    const struct mg_request *request = scope->request;
    struct mg_arena *arena = scope->arena;
    enum mg_fill fill =
        put_header_templates(backend->headers, backend->header_count, false, scope, headers, fault);
    if (fill != MG_FILL_OK)
        return fill;
    bool ok = put_forwarded(forward, scope, headers) &&
              put_own(headers, arena, MG_STR("User-Agent"), MG_STR(MG_USER_AGENT)) &&
              put_own(headers, arena, MG_STR("X-Forwarded-For"), request->forwarded_for) &&
              put_own(headers, arena, MG_STR("X-Forwarded-Host"), request->authority) &&
              put_own(headers, arena, MG_STR("X-Forwarded-Proto"), request->proto) &&
              put_own(headers, arena, MG_STR("X-Request-Id"), request->id);
    return ok ? MG_FILL_OK : MG_FILL_MEMORY;
}

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
        return fault_of(reference, &value, scope, fault);
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
    enum mg_fill fill = fill_text(template, scope, &text, &absent, fault);
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
    struct mg_buf scratch = {0};
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

static enum mg_fill join_shape(const struct mg_shape *shape, struct mg_scope *scope, bool strict,
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
    struct mg_buf text = {0};
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

// XML: "<", ">", "&" and quotes of values are escaped (XML 1.0 §2.4).
static enum mg_fill fill_xml(const struct mg_template *template, struct mg_scope *scope,
                             struct mg_buf *out, struct mg_fill_fault *fault)
{
    for (unsigned i = 0; i < template->count; i++) {
        const struct mg_piece *piece = &template->pieces[i];
        struct mg_str text = piece->text;
        bool absent;
        if (piece->literal) {
            mg_buf_put(out, text);
            continue;
        }
        enum mg_fill fill = text_of(&piece->reference, scope, &text, &absent, fault);
        if (fill != MG_FILL_OK)
            return fill;
        for (size_t at = 0; at < text.len; at++) {
            char c = text.data[at];
            const char *escaped = c == '<'    ? "&lt;"
                                  : c == '>'  ? "&gt;"
                                  : c == '&'  ? "&amp;"
                                  : c == '"'  ? "&quot;"
                                  : c == '\'' ? "&apos;"
                                              : NULL;
            mg_buf_put(out, escaped ? mg_str_of(escaped) : mg_str_cut(text, at, at + 1));
        }
    }
    return out->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}

static enum mg_fill fill_body(const struct mg_plan_call *plan, struct mg_scope *scope,
                              struct mg_http_ask *ask, struct mg_fill_fault *fault)
{
    static const char *const types[] = {"", "application/json", "application/x-www-form-urlencoded",
                                        "text/plain; charset=utf-8", "application/xml"};
    struct mg_buf out = {0};
    enum mg_fill fill = MG_FILL_OK;
    bool has_query = false;
    if (plan->body_kind == MG_PLAN_NO_BODY)
        return MG_FILL_OK;
    if (plan->body_kind == MG_PLAN_JSON) {
        fill = join_shape(&plan->json, scope, true, &ask->body, fault);
    } else {
        if (plan->body_kind == MG_PLAN_FORM)
            fill = put_fields(plan->form, plan->form_count, scope, &out, &has_query, fault);
        else
            fill = fill_xml(&plan->text, scope, &out, fault);
        if (plan->body_kind == MG_PLAN_FORM && out.len)
            mg_buf_drop(&out, 1);
        if (fill == MG_FILL_OK)
            ask->body = mg_arena_copy(scope->arena, mg_buf_str(&out));
        mg_buf_fini(&out);
    }
    ask->has_body = true;
    if (fill == MG_FILL_OK && header_absent(&ask->headers, MG_STR("content-type")) &&
        !mg_headers_add(&ask->headers, scope->arena, MG_STR("Content-Type"),
                        mg_str_of(types[plan->body_kind])))
        return MG_FILL_MEMORY;
    return fill;
}

static enum mg_fill fill_http(const struct mg_plan_call *plan, struct mg_scope *scope,
                              struct mg_http_ask *ask, struct mg_fill_fault *fault)
{
    struct mg_buf path = {0};
    ask->method =
        plan->verb == MG_METHOD_COUNT ? scope->request->method : (enum mg_method)plan->verb;
    ask->redirects = plan->redirects;
    enum mg_fill fill = mg_fill_path(&plan->path, scope, &path, fault);
    bool has_query = mg_str_find(mg_buf_str(&path), '?', 0) < path.len;
    if (fill == MG_FILL_OK)
        fill = put_fields(plan->query, plan->query_count, scope, &path, &has_query, fault);
    if (fill == MG_FILL_OK)
        fill = mg_fill_forward_query(&plan->forward, scope, &path, &has_query);
    if (fill == MG_FILL_OK) {
        ask->path = mg_arena_copy(scope->arena, mg_buf_str(&path));
        fill = put_header_templates(plan->headers, plan->header_count, true, scope, &ask->headers,
                                    fault);
    }
    mg_buf_fini(&path);
    if (fill == MG_FILL_OK)
        fill = fill_body(plan, scope, ask, fault);
    return fill != MG_FILL_OK
               ? fill
               : mg_fill_headers(plan->backend, &plan->forward, scope, &ask->headers, fault);
}

static void bind(struct mg_sql_arg *arg, struct mg_str json, struct mg_arena *arena)
{
    switch (mg_json_type(json)) {
    case MG_JSON_NULL:
        return;
    case MG_JSON_TRUE:
    case MG_JSON_FALSE:
        arg->type = MG_SQL_BOOL;
        arg->integer = mg_json_type(json) == MG_JSON_TRUE;
        return;
    case MG_JSON_NUMBER:
        arg->type = MG_SQL_INT;
        if (mg_json_int(json, &arg->integer))
            return;
        arg->type = MG_SQL_REAL;
        arg->real = mg_json_double(json);
        return;
    case MG_JSON_STRING:
        arg->type = MG_SQL_TEXT;
        arg->text = mg_json_text_in(json, arena);
        return;
    default: // arrays and objects are bound as their JSON text, which databases can read
        arg->type = MG_SQL_TEXT;
        arg->text = json;
    }
}

static enum mg_fill fill_sql(const struct mg_plan_call *plan, struct mg_scope *scope,
                             struct mg_sql_ask *ask, struct mg_fill_fault *fault)
{
    struct mg_sql_arg *args = mg_arena_zero(scope->arena, plan->arg_count + 1, sizeof *args);
    if (!args)
        return MG_FILL_MEMORY;
    *ask = (struct mg_sql_ask){(enum mg_sql_verb)plan->verb, plan->sql, args, plan->arg_count};
    for (unsigned i = 0; i < plan->arg_count; i++) {
        struct mg_str json;
        enum mg_fill fill = join_shape(&plan->args[i], scope, true, &json, fault);
        if (fill != MG_FILL_OK)
            return fill;
        bind(&args[i], json, scope->arena);
    }
    return MG_FILL_OK;
}

enum mg_fill mg_fill_file_path(const struct mg_template *path, struct mg_scope *scope,
                               struct mg_buf *out, struct mg_fill_fault *fault)
{
    for (unsigned i = 0; i < path->count; i++) {
        const struct mg_piece *piece = &path->pieces[i];
        const struct mg_reference *reference = &piece->reference;
        struct mg_str text = piece->text;
        bool absent;
        enum mg_fill fill =
            piece->literal ? MG_FILL_OK : text_of(reference, scope, &text, &absent, fault);
        if (fill != MG_FILL_OK)
            return fill;
        if (!piece->literal && !reference->rest &&
            (!text.len || mg_str_is(text, ".") || mg_str_is(text, "..") ||
             mg_str_find(text, '/', 0) < text.len)) {
            struct mg_value value = {.kind = MG_VALUE_TEXT};
            fill = fault_of(reference, &value, scope, fault);
            fault->why = "makes a path segment that is empty, \".\", \"..\" or two";
            return fill;
        }
        mg_buf_put(out, text);
    }
    return out->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}

static enum mg_fill fill_file(const struct mg_plan_call *plan, struct mg_scope *scope,
                              struct mg_file_ask *ask, struct mg_fill_fault *fault)
{
    struct mg_buf path = {0};
    ask->verb = (enum mg_file_verb)plan->verb;
    enum mg_fill fill = mg_fill_file_path(&plan->path, scope, &path, fault);
    if (fill == MG_FILL_OK)
        ask->path = mg_arena_copy(scope->arena, mg_buf_str(&path));
    mg_buf_fini(&path);
    return fill == MG_FILL_OK && !ask->path.data ? MG_FILL_MEMORY : fill;
}

enum mg_fill mg_fill_call(const struct mg_plan_call *plan, struct mg_scope *scope,
                          struct mg_call *call, struct mg_fill_fault *fault)
{
    call->kind = plan->kind;
    call->backend = plan->backend ? plan->backend->index : 0;
    call->arena = scope->arena;
    switch (plan->kind) {
    case MG_CALL_HTTP:
        return fill_http(plan, scope, &call->http, fault);
    case MG_CALL_FILE:
        return fill_file(plan, scope, &call->file, fault);
    case MG_CALL_SQL:
        return fill_sql(plan, scope, &call->sql, fault);
    default:
        call->value.delay = plan->delay;
        return join_shape(&plan->json, scope, true, &call->value.json, fault);
    }
}
