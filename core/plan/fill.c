#include "plan/fill_parts.h"

#include "json/utf8.h"

// Characters that no XML document may have, however they are written: control characters but tab,
// LF and CR, U+FFFE and U+FFFF, and what is no UTF-8 (XML 1.0 §2.2).
static bool xml_ok(struct mg_str text)
{
    const char *end = text.data + text.len;
    for (const char *at = text.data; at < end;) {
        size_t len = mg_utf8_length(at, end);
        bool control = (unsigned char)*at < 0x20 && *at != '\t' && *at != '\n' && *at != '\r';
        bool none =
            len == 3 && (memcmp(at, "\xEF\xBF\xBE", 3) == 0 || memcmp(at, "\xEF\xBF\xBF", 3) == 0);
        if (len == 0 || control || none)
            return false;
        at += len;
    }
    return true;
}

static void put_escaped(struct mg_buf *out, struct mg_str text)
{
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
        enum mg_fill fill = mg_fill_value(&piece->reference, scope, &text, &absent, fault);
        if (fill != MG_FILL_OK)
            return fill;
        if (!xml_ok(text)) {
            const struct mg_value value = {.kind = MG_VALUE_TEXT};
            fill = mg_fill_fault_of(&piece->reference, &value, scope, fault);
            fault->why = "has a character that XML has not";
            return fill;
        }
        put_escaped(out, text);
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
        fill = mg_fill_json(&plan->json, scope, true, &ask->body, fault);
    } else {
        if (plan->body_kind == MG_PLAN_FORM)
            fill = mg_fill_fields(plan->form, plan->form_count, scope, &out, &has_query, fault);
        else
            fill = fill_xml(&plan->text, scope, &out, fault);
        if (plan->body_kind == MG_PLAN_FORM && out.len)
            mg_buf_drop(&out, 1);
        if (fill == MG_FILL_OK)
            ask->body = mg_arena_copy(scope->arena, mg_buf_str(&out));
        mg_buf_fini(&out);
    }
    ask->has_body = true;
    if (fill == MG_FILL_OK && mg_fill_header_absent(&ask->headers, MG_STR("content-type")) &&
        !mg_headers_add(&ask->headers, scope->arena, MG_STR("Content-Type"),
                        mg_str_of(types[plan->body_kind])))
        return MG_FILL_MEMORY;
    return fill;
}

static enum mg_fill fill_http(const struct mg_plan_call *plan, struct mg_scope *scope,
                              struct mg_http_ask *ask, struct mg_fill_fault *fault)
{
    char room[256];
    struct mg_buf path = MG_BUF_IN(room);
    ask->method =
        plan->verb == MG_METHOD_COUNT ? scope->request->method : (enum mg_method)plan->verb;
    ask->redirects = plan->redirects;
    enum mg_fill fill = mg_fill_path(&plan->path, scope, &path, fault);
    bool has_query = mg_str_find(mg_buf_str(&path), '?', 0) < path.len;
    if (fill == MG_FILL_OK)
        fill = mg_fill_fields(plan->query, plan->query_count, scope, &path, &has_query, fault);
    if (fill == MG_FILL_OK)
        fill = mg_fill_forward_query(&plan->forward, scope, &path, &has_query, fault);
    if (fill == MG_FILL_OK) {
        ask->path = mg_arena_copy(scope->arena, mg_buf_str(&path));
        fill = mg_fill_header_list(plan->headers, plan->header_count, true, scope, &ask->headers,
                                   fault);
    }
    mg_buf_fini(&path);
    if (fill == MG_FILL_OK)
        fill = fill_body(plan, scope, ask, fault);
    return fill != MG_FILL_OK ? fill
                              : mg_fill_headers(plan->backend, &plan->forward, scope, ask, fault);
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
        arg->text = json;
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

static enum mg_fill fill_statement(const struct mg_plan_sql *plan, struct mg_scope *scope,
                                   struct mg_sql_ask *ask, struct mg_fill_fault *fault)
{
    struct mg_sql_arg *args = mg_arena_zero(scope->arena, plan->arg_count + 1, sizeof *args);
    if (!args)
        return MG_FILL_MEMORY;
    ask->verb = plan->verb;
    ask->sql = plan->sql;
    ask->args = args;
    ask->arg_count = plan->arg_count;
    for (unsigned i = 0; i < plan->arg_count; i++) {
        struct mg_str json;
        enum mg_fill fill = mg_fill_json(&plan->args[i], scope, true, &json, fault);
        if (fill != MG_FILL_OK)
            return fill;
        bind(&args[i], json, scope->arena);
    }
    return MG_FILL_OK;
}

static enum mg_fill fill_sql(const struct mg_plan_call *plan, struct mg_scope *scope,
                             struct mg_sql_ask *ask, struct mg_fill_fault *fault)
{
    if (plan->verb != MG_SQL_ATOMIC)
        return fill_statement(&plan->statements[0], scope, ask, fault);
    struct mg_sql_ask *parts = mg_arena_zero(scope->arena, plan->statement_count, sizeof *parts);
    enum mg_fill fill = parts ? MG_FILL_OK : MG_FILL_MEMORY;
    ask->verb = MG_SQL_ATOMIC;
    ask->parts = parts;
    ask->part_count = plan->statement_count;
    for (unsigned i = 0; i < plan->statement_count && fill == MG_FILL_OK; i++)
        fill = fill_statement(&plan->statements[i], scope, &parts[i], fault);
    return fill;
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

// What the client says of its body belongs to the body (RFC 9110 §8; §14.5 for a part of one).
static bool put_body_fields(const struct mg_request *request, struct mg_http_ask *ask,
                            struct mg_arena *arena)
{
    static const struct mg_str names[] = {{"Content-Type", 12},
                                          {"Content-Encoding", 16},
                                          {"Content-Language", 16},
                                          {"Content-Range", 13}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct mg_str value;
        if (mg_fill_header_absent(&ask->headers, names[i]) &&
            mg_headers_get(&request->headers, arena, names[i], &value) &&
            !mg_headers_add(&ask->headers, arena, names[i], value))
            return false;
    }
    return true;
}

static bool take_condition(struct mg_scope *scope, struct mg_str name, struct mg_str *value)
{
    unsigned index = 0;
    return !mg_headers_next(&scope->request->headers, name, &index) ||
           mg_headers_get(&scope->request->headers, scope->arena, name, value);
}

// What part of a file the client wants, if it has not got it already. A POST and the like get all.
static enum mg_fill fill_conditions(struct mg_scope *scope, struct mg_file_ask *ask)
{
    struct mg_conditions *its = MG_ARENA_NEW(scope->arena, struct mg_conditions);
    if (!its)
        return MG_FILL_MEMORY;
    its->method = scope->request->method;
    ask->conditions = its;
    bool ok = take_condition(scope, MG_STR("If-Match"), &its->if_match) &&
              take_condition(scope, MG_STR("If-None-Match"), &its->if_none_match) &&
              take_condition(scope, MG_STR("If-Modified-Since"), &its->if_modified_since) &&
              take_condition(scope, MG_STR("If-Unmodified-Since"), &its->if_unmodified_since) &&
              take_condition(scope, MG_STR("If-Range"), &its->if_range) &&
              take_condition(scope, MG_STR("Range"), &its->range);
    return ok ? MG_FILL_OK : MG_FILL_MEMORY;
}

enum mg_fill mg_fill_pass(const struct mg_plan_call *plan, struct mg_scope *scope,
                          struct mg_call *call, struct mg_fill_fault *fault)
{
    const struct mg_request *request = scope->request;
    enum mg_fill fill = mg_fill_call(plan, scope, call, fault);
    if (fill == MG_FILL_OK && plan->kind == MG_CALL_FILE)
        return fill_conditions(scope, &call->file);
    if (fill != MG_FILL_OK || plan->kind != MG_CALL_HTTP)
        return fill;
    if (call->http.method == MG_GET && request->method == MG_HEAD)
        call->http.method = MG_HEAD;
    call->http.has_body = request->has_body;
    return !request->has_body || put_body_fields(request, &call->http, scope->arena)
               ? MG_FILL_OK
               : MG_FILL_MEMORY;
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
    case MG_CALL_REDIS:
        return mg_fill_redis(plan, scope, &call->redis, fault);
    case MG_CALL_SQL:
        return fill_sql(plan, scope, &call->sql, fault);
    case MG_CALL_COMPUTE:
        call->compute.module = plan->path_text;
        call->compute.function = plan->function;
        return mg_fill_json(&plan->json, scope, true, &call->compute.args, fault);
    default:
        call->value.delay = plan->delay;
        return mg_fill_json(&plan->json, scope, true, &call->value.json, fault);
    }
}
