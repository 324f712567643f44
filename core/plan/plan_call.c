// One call of a route, compiled: its contract, and what it asks of its backend.
#include "plan/compile.h"

static bool compile_statuses(struct mg_compile *c, struct mg_str call, const char *key,
                             const uint16_t **list, unsigned *count)
{
    struct mg_str array;
    struct mg_json_iter iter;
    if (!mg_json_member(call, mg_str_of(key), &array))
        return true;
    uint16_t *statuses = mg_arena_zero(c->arena, mg_compile_count(array) + 1, sizeof *statuses);
    if (!statuses)
        return mg_compile_no_memory(c);
    for (mg_json_begin(&iter, array); mg_json_next(&iter);) {
        int64_t status = 0;
        mg_json_int(iter.value, &status);
        statuses[(*count)++] = (uint16_t)status;
    }
    *list = statuses;
    return true;
}

static bool compile_names(struct mg_compile *c, struct mg_str json, struct mg_str **list,
                          unsigned *count, bool *all)
{
    struct mg_json_iter iter;
    *all = mg_json_type(json) == MG_JSON_STRING;
    if (*all)
        return true;
    *list = mg_arena_zero(c->arena, mg_compile_count(json) + 1, sizeof **list);
    if (!*list)
        return mg_compile_no_memory(c);
    for (mg_json_begin(&iter, json); mg_json_next(&iter);)
        (*list)[(*count)++] = mg_json_text_in(iter.value, c->arena);
    return true;
}

static bool compile_forward(struct mg_compile *c, struct mg_str call, struct mg_forward *forward)
{
    struct mg_str object, part;
    if (!mg_json_member(call, MG_STR("forward"), &object))
        return true;
    if (mg_json_member(object, MG_STR("headers"), &part) &&
        !compile_names(c, part, &forward->headers, &forward->header_count, &forward->all_headers))
        return false;
    return !mg_json_member(object, MG_STR("query"), &part) ||
           compile_names(c, part, &forward->query, &forward->query_count, &forward->all_query);
}

bool mg_compile_contract(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_contract *contract = &out->contract;
    struct mg_str fallback;
    contract->optional = mg_compile_flag(call, "optional");
    contract->within = (uint64_t)mg_compile_int(call, "within");
    out->when = (int)mg_compile_int(call, "when");
    if (mg_json_member(call, MG_STR("fallback"), &fallback)) {
        contract->has_fallback = true;
        out->fallback = MG_ARENA_NEW(c->arena, struct mg_shape);
        if (!out->fallback)
            return mg_compile_no_memory(c);
        if (!mg_compile_shape(c, out->fallback, fallback, "fallback"))
            return false;
        contract->fallback = mg_arena_copy(c->arena, fallback);
    }
    return compile_statuses(c, call, "accept", &contract->accept, &contract->accept_count) &&
           compile_statuses(c, call, "relay", &contract->relay, &contract->relay_count);
}

static bool compile_body(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str value;
    if (mg_json_member(call, MG_STR("json"), &value)) {
        out->body_kind = MG_PLAN_JSON;
        return mg_compile_shape(c, &out->json, value, "json");
    }
    if (mg_json_member(call, MG_STR("form"), &value)) {
        out->body_kind = MG_PLAN_FORM;
        return mg_compile_named(c, call, "form", &out->form, &out->form_count);
    }
    if (mg_json_member(call, MG_STR("xml"), &value)) {
        out->body_kind = MG_PLAN_XML;
        return mg_compile_line(c, &out->text, mg_json_text_in(value, c->arena), "xml");
    }
    if (mg_json_member(call, MG_STR("text"), &value)) { // takes no placeholders
        out->body_kind = MG_PLAN_TEXT;
        out->text = (struct mg_template){MG_ARENA_NEW(c->arena, struct mg_piece), 1};
        if (!out->text.pieces)
            return mg_compile_no_memory(c);
        out->text.pieces[0] =
            (struct mg_piece){.literal = true, .text = mg_json_text_in(value, c->arena)};
    }
    return true;
}

static bool compile_http(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out)
{
    enum mg_method method = MG_METHOD_COUNT; // "*": the request's own
    mg_method_of(mg_compile_text(call, "verb", c->arena), &method);
    out->verb = method;
    out->redirects = (unsigned)mg_compile_int(call, "redirects");
    out->path_text = mg_compile_text(call, "path", c->arena);
    return mg_compile_line(c, &out->path, out->path_text, "path") &&
           mg_compile_named(c, call, "query", &out->query, &out->query_count) &&
           mg_compile_named(c, call, "headers", &out->headers, &out->header_count) &&
           compile_body(c, call, out) && compile_forward(c, call, &out->forward);
}

// "?" marks and "$1" are the databases' own; a placeholder in the text would be pasting.
static bool check_sql_text(struct mg_compile *c, struct mg_str sql, const char *key)
{
    for (size_t at = 0; (at = mg_str_find(sql, '{', at)) < sql.len; at++) {
        size_t end = mg_str_find(sql, '}', at);
        struct mg_reference reference;
        struct mg_str why;
        if (end < sql.len &&
            mg_reference_parse(&reference, mg_str_cut(sql, at + 1, end), &c->names, c->arena, &why))
            return mg_compile_fail(
                c,
                mg_arena_printf(c->arena,
                                "{%.*s}: a placeholder inside SQL text: write ? (in PostgreSQL "
                                "$1) and give it as an argument",
                                (int)(end - at - 1), sql.data + at + 1),
                key);
    }
    return true;
}

// `key` is the place of its SQL below the call, `args_key` that of its values.
static bool compile_statement(struct mg_compile *c, struct mg_str json, struct mg_plan_sql *out,
                              const char *key, const char *args_key)
{
    struct mg_str args, verb = mg_compile_text(json, "verb", c->arena);
    struct mg_json_iter iter;
    out->verb = mg_str_is(verb, "one")   ? MG_SQL_ONE
                : mg_str_is(verb, "run") ? MG_SQL_RUN
                                         : MG_SQL_QUERY;
    out->sql = mg_compile_text(json, "sql", c->arena);
    if (!check_sql_text(c, out->sql, key))
        return false;
    if (!mg_json_member(json, MG_STR("args"), &args))
        return true;
    out->args = mg_arena_zero(c->arena, mg_compile_count(args) + 1, sizeof *out->args);
    if (!out->args)
        return mg_compile_no_memory(c);
    for (mg_json_begin(&iter, args); mg_json_next(&iter);)
        if (!mg_compile_shape(c, &out->args[out->arg_count++], iter.value, args_key))
            return false;
    return true;
}

// A transaction: the statements of its list, each with a verb of its own.
static bool compile_atomic(struct mg_compile *c, struct mg_str calls, struct mg_plan_call *out)
{
    struct mg_json_iter iter;
    out->verb = MG_SQL_ATOMIC;
    out->statements = mg_arena_zero(c->arena, mg_compile_count(calls) + 1, sizeof *out->statements);
    if (!out->statements)
        return mg_compile_no_memory(c);
    const struct mg_str at = c->at;
    for (mg_json_begin(&iter, calls); mg_json_next(&iter);) {
        struct mg_plan_sql *statement = &out->statements[out->statement_count++];
        c->at = mg_arena_printf(c->arena, "%.*s[%u]", (int)at.len, at.data, out->statement_count);
        if (!compile_statement(c, iter.value, statement, "", ""))
            return false;
    }
    c->at = at;
    return true;
}

static bool compile_sql(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str calls;
    if (mg_str_is(mg_compile_text(call, "verb", c->arena), "atomic"))
        return mg_json_member(call, MG_STR("calls"), &calls) ? compile_atomic(c, calls, out)
                                                             : mg_compile_no_memory(c);
    out->statements = MG_ARENA_NEW(c->arena, struct mg_plan_sql);
    if (!out->statements)
        return mg_compile_no_memory(c);
    out->statement_count = 1;
    bool ok = compile_statement(c, call, out->statements, "sql", "args");
    out->verb = out->statements->verb;
    return ok;
}

static bool compile_file(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str verb = mg_compile_text(call, "verb", c->arena);
    out->verb = mg_str_is(verb, "json")   ? MG_FILE_JSON
                : mg_str_is(verb, "stat") ? MG_FILE_STAT
                : mg_str_is(verb, "list") ? MG_FILE_LIST
                                          : MG_FILE_READ;
    out->path_text = mg_compile_text(call, "path", c->arena);
    return mg_compile_line(c, &out->path, out->path_text, "path");
}

// Its arguments are one shape: a list.
static bool compile_compute(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str args = MG_STR("[]");
    out->path_text = mg_compile_text(call, "path", c->arena);
    out->function = mg_compile_text(call, "verb", c->arena);
    mg_json_member(call, MG_STR("json"), &args);
    return mg_compile_shape(c, &out->json, args, "args");
}

bool mg_compile_kind(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str kind = mg_compile_text(call, "kind", c->arena), value;
    if (mg_str_is(kind, "each"))
        return mg_compile_each(c, call, out);
    for (enum mg_call_kind k = 0; k < MG_CALL_TICKET; k++)
        if (mg_str_is(kind, mg_call_kind_word(k)))
            out->kind = k;
    if (out->kind == MG_CALL_VALUE) {
        out->delay = (uint64_t)mg_compile_int(call, "delay");
        return !mg_json_member(call, MG_STR("value"), &value)
                   ? mg_compile_shape(c, &out->json, MG_STR("null"), "value")
                   : mg_compile_shape(c, &out->json, value, "value");
    }
    if (out->kind == MG_CALL_COMPUTE)
        return compile_compute(c, call, out);
    out->backend = mg_plan_backend_find(c->gateway->backends, c->gateway->backend_count, out->kind,
                                        mg_compile_text(call, "backend", c->arena));
    if (!out->backend)
        return mg_compile_fail(c, MG_STR("no backend of this name in gateway.lua"), "");
    mg_contract_bound(&out->contract, out->backend->within);
    if (out->kind == MG_CALL_HTTP)
        return compile_http(c, call, out);
    if (out->kind == MG_CALL_REDIS)
        return mg_compile_redis(c, call, out);
    return out->kind == MG_CALL_SQL ? compile_sql(c, call, out) : compile_file(c, call, out);
}
