#include "plan/plan.h"

// What compiling a route needs in hand.
struct compile {
    struct mg_plan *plan;
    struct mg_names names;
    const struct mg_plan_backend *backends;
    unsigned backend_count;
    struct mg_arena *arena;
    struct mg_plan_error *error;
    struct mg_str at; // key path of what is being compiled, such as "calls.profile"
};

static struct mg_str get_text(struct mg_str object, const char *name, struct mg_arena *arena)
{
    struct mg_str value;
    if (!mg_json_member(object, mg_str_of(name), &value) || mg_json_type(value) != MG_JSON_STRING)
        return (struct mg_str){0};
    return mg_json_text_in(value, arena);
}

static int64_t get_int(struct mg_str object, const char *name)
{
    struct mg_str value;
    int64_t number = 0;
    if (mg_json_member(object, mg_str_of(name), &value))
        mg_json_int(value, &number);
    return number;
}

static bool get_flag(struct mg_str object, const char *name)
{
    struct mg_str value;
    return mg_json_member(object, mg_str_of(name), &value) && mg_json_type(value) == MG_JSON_TRUE;
}

static unsigned count_of(struct mg_str container)
{
    struct mg_json_iter iter;
    unsigned count = 0;
    for (mg_json_begin(&iter, container); mg_json_next(&iter);)
        count++;
    return count;
}

static bool fail(struct compile *c, struct mg_str message, const char *key)
{
    c->error->message = message.data ? message : MG_STR("out of memory");
    const char *dot = c->at.len && *key ? "." : "";
    c->error->path = mg_arena_printf(c->arena, "%.*s%s%s", (int)c->at.len, c->at.data, dot, key);
    return false;
}

static bool no_memory(struct compile *c)
{
    return fail(c, MG_STR("out of memory"), "");
}

static bool compile_template(struct compile *c, struct mg_template *template, struct mg_str text,
                             const char *key)
{
    struct mg_str why;
    return mg_template_parse(template, text, &c->names, c->arena, &why) || fail(c, why, key);
}

static bool compile_shape(struct compile *c, struct mg_shape *shape, struct mg_str json,
                          const char *key)
{
    struct mg_str why, inner;
    if (mg_shape_parse(shape, json, &c->names, c->arena, &why, &inner))
        return true;
    const char *dot = inner.len && inner.data[0] != '[' ? "." : "";
    struct mg_str path =
        mg_arena_printf(c->arena, "%s%s%.*s", key, dot, (int)inner.len, inner.data);
    return fail(c, why, path.data ? path.data : key);
}

// An object of named templates: query, headers, form. A list gives its name once per element.
static bool compile_named(struct compile *c, struct mg_str call, const char *key,
                          struct mg_named_template **list, unsigned *count)
{
    struct mg_str object;
    struct mg_json_iter iter, inner;
    unsigned most = 0;
    if (!mg_json_member(call, mg_str_of(key), &object))
        return true;
    for (mg_json_begin(&iter, object); mg_json_next(&iter);)
        most += mg_json_type(iter.value) == MG_JSON_ARRAY ? count_of(iter.value) : 1;
    *list = mg_arena_zero(c->arena, most + 1, sizeof **list);
    if (!*list)
        return no_memory(c);
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
                return no_memory(c);
            if (!compile_template(c, &item->template, text, path.data))
                return false;
        }
    }
    return true;
}

static bool compile_statuses(struct compile *c, struct mg_str call, const char *key,
                             const uint16_t **list, unsigned *count)
{
    struct mg_str array;
    struct mg_json_iter iter;
    if (!mg_json_member(call, mg_str_of(key), &array))
        return true;
    uint16_t *statuses = mg_arena_zero(c->arena, count_of(array) + 1, sizeof *statuses);
    if (!statuses)
        return no_memory(c);
    for (mg_json_begin(&iter, array); mg_json_next(&iter);) {
        int64_t status = 0;
        mg_json_int(iter.value, &status);
        statuses[(*count)++] = (uint16_t)status;
    }
    *list = statuses;
    return true;
}

static bool compile_names(struct compile *c, struct mg_str json, struct mg_str **list,
                          unsigned *count, bool *all)
{
    struct mg_json_iter iter;
    *all = mg_json_type(json) == MG_JSON_STRING;
    if (*all)
        return true;
    *list = mg_arena_zero(c->arena, count_of(json) + 1, sizeof **list);
    if (!*list)
        return no_memory(c);
    for (mg_json_begin(&iter, json); mg_json_next(&iter);)
        (*list)[(*count)++] = mg_json_text_in(iter.value, c->arena);
    return true;
}

static bool compile_forward(struct compile *c, struct mg_str call, struct mg_forward *forward)
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

static bool compile_contract(struct compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_contract *contract = &out->contract;
    struct mg_str fallback;
    contract->optional = get_flag(call, "optional");
    contract->within = (uint64_t)get_int(call, "within");
    if (mg_json_member(call, MG_STR("fallback"), &fallback)) {
        contract->has_fallback = true;
        out->fallback = MG_ARENA_NEW(c->arena, struct mg_shape);
        if (!out->fallback)
            return no_memory(c);
        if (!compile_shape(c, out->fallback, fallback, "fallback"))
            return false;
        contract->fallback = mg_arena_copy(c->arena, fallback);
    }
    return compile_statuses(c, call, "accept", &contract->accept, &contract->accept_count) &&
           compile_statuses(c, call, "relay", &contract->relay, &contract->relay_count);
}

static bool compile_body(struct compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str value;
    if (mg_json_member(call, MG_STR("json"), &value)) {
        out->body_kind = MG_PLAN_JSON;
        return compile_shape(c, &out->json, value, "json");
    }
    if (mg_json_member(call, MG_STR("form"), &value)) {
        out->body_kind = MG_PLAN_FORM;
        return compile_named(c, call, "form", &out->form, &out->form_count);
    }
    if (mg_json_member(call, MG_STR("xml"), &value)) {
        out->body_kind = MG_PLAN_XML;
        return compile_template(c, &out->text, mg_json_text_in(value, c->arena), "xml");
    }
    if (mg_json_member(call, MG_STR("text"), &value)) { // takes no placeholders
        out->body_kind = MG_PLAN_TEXT;
        out->text = (struct mg_template){MG_ARENA_NEW(c->arena, struct mg_piece), 1};
        if (!out->text.pieces)
            return no_memory(c);
        out->text.pieces[0] =
            (struct mg_piece){.literal = true, .text = mg_json_text_in(value, c->arena)};
    }
    return true;
}

static bool compile_http(struct compile *c, struct mg_str call, struct mg_plan_call *out)
{
    enum mg_method method = MG_METHOD_COUNT; // "*": the request's own
    mg_method_of(get_text(call, "verb", c->arena), &method);
    out->verb = method;
    out->redirects = (unsigned)get_int(call, "redirects");
    out->path_text = get_text(call, "path", c->arena);
    return compile_template(c, &out->path, out->path_text, "path") &&
           compile_named(c, call, "query", &out->query, &out->query_count) &&
           compile_named(c, call, "headers", &out->headers, &out->header_count) &&
           compile_body(c, call, out) && compile_forward(c, call, &out->forward);
}

// "?" marks and "$1" are the databases' own; a placeholder in the text would be pasting.
static bool check_sql_text(struct compile *c, struct mg_str sql)
{
    for (size_t at = 0; (at = mg_str_find(sql, '{', at)) < sql.len; at++) {
        size_t end = mg_str_find(sql, '}', at);
        struct mg_reference reference;
        struct mg_str why;
        if (end < sql.len &&
            mg_reference_parse(&reference, mg_str_cut(sql, at + 1, end), &c->names, c->arena, &why))
            return fail(c,
                        mg_arena_printf(c->arena,
                                        "{%.*s}: a placeholder inside SQL text: write ? and give "
                                        "it as an argument",
                                        (int)(end - at - 1), sql.data + at + 1),
                        "sql");
    }
    return true;
}

static bool compile_sql(struct compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str args, verb = get_text(call, "verb", c->arena);
    struct mg_json_iter iter;
    out->verb = mg_str_is(verb, "one")   ? MG_SQL_ONE
                : mg_str_is(verb, "run") ? MG_SQL_RUN
                                         : MG_SQL_QUERY;
    out->sql = get_text(call, "sql", c->arena);
    if (!check_sql_text(c, out->sql))
        return false;
    if (!mg_json_member(call, MG_STR("args"), &args))
        return true;
    out->args = mg_arena_zero(c->arena, count_of(args) + 1, sizeof *out->args);
    if (!out->args)
        return no_memory(c);
    for (mg_json_begin(&iter, args); mg_json_next(&iter);)
        if (!compile_shape(c, &out->args[out->arg_count++], iter.value, "args"))
            return false;
    return true;
}

static bool compile_file(struct compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str verb = get_text(call, "verb", c->arena);
    out->verb = mg_str_is(verb, "json")   ? MG_FILE_JSON
                : mg_str_is(verb, "stat") ? MG_FILE_STAT
                : mg_str_is(verb, "list") ? MG_FILE_LIST
                                          : MG_FILE_READ;
    out->path_text = get_text(call, "path", c->arena);
    return compile_template(c, &out->path, out->path_text, "path");
}

static bool compile_kind(struct compile *c, struct mg_str call, struct mg_plan_call *out)
{
    static const char *const words[] = {"http", "file", "sql", "value"};
    struct mg_str kind = get_text(call, "kind", c->arena), value;
    for (unsigned i = 0; i < MG_CALL_KINDS; i++)
        if (mg_str_is(kind, words[i]))
            out->kind = (enum mg_call_kind)i;
    if (out->kind == MG_CALL_VALUE) {
        out->delay = (uint64_t)get_int(call, "delay");
        return !mg_json_member(call, MG_STR("value"), &value)
                   ? compile_shape(c, &out->json, MG_STR("null"), "value")
                   : compile_shape(c, &out->json, value, "value");
    }
    out->backend = mg_plan_backend_find(c->backends, c->backend_count, out->kind,
                                        get_text(call, "backend", c->arena));
    if (!out->backend)
        return fail(c, MG_STR("no backend of this name in gateway.lua"), "");
    mg_contract_bound(&out->contract, out->backend->within);
    if (out->kind == MG_CALL_HTTP)
        return compile_http(c, call, out);
    return out->kind == MG_CALL_SQL ? compile_sql(c, call, out) : compile_file(c, call, out);
}

// The references of a call, each turned into what it must wait for.
struct wait_for {
    struct compile *compile;
    struct mg_plan_call *call;
    bool required; // it fails when the value is missing
};

static bool note_need(const struct mg_reference *reference, void *owner)
{
    struct wait_for *wait = owner;
    struct compile *c = wait->compile;
    if (!mg_reference_is_result(reference))
        return true;
    const struct mg_plan_call *other = &c->plan->calls[reference->index];
    wait->call->needs |= UINT64_C(1) << reference->index;
    bool tolerant = wait->call->contract.optional || wait->call->contract.has_fallback;
    if (!wait->required || tolerant || !other->contract.optional || other->contract.has_fallback)
        return true;
    struct mg_str why = mg_arena_printf(
        c->arena,
        "\"%.*s\" is required but names \"%.*s\", which is optional: give that a fallback, or "
        "make this optional too",
        (int)wait->call->name.len, wait->call->name.data, (int)other->name.len, other->name.data);
    return fail(c, why, "");
}

static bool note_named(struct wait_for *wait, const struct mg_named_template *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!mg_template_visit(&list[i].template, note_need, wait))
            return false;
    return true;
}

static bool note_needs(struct compile *c, struct mg_plan_call *call)
{
    struct wait_for wait = {c, call, true};
    bool ok = mg_template_visit(&call->path, note_need, &wait) &&
              note_named(&wait, call->query, call->query_count) &&
              note_named(&wait, call->headers, call->header_count) &&
              note_named(&wait, call->form, call->form_count) &&
              mg_shape_visit(&call->json, note_need, &wait) &&
              mg_template_visit(&call->text, note_need, &wait);
    for (unsigned i = 0; ok && i < call->arg_count; i++)
        ok = mg_shape_visit(&call->args[i], note_need, &wait);
    wait.required = false;
    return ok && (!call->fallback || mg_shape_visit(call->fallback, note_need, &wait));
}

static bool compile_needs(struct compile *c, struct mg_str json, struct mg_plan_call *call)
{
    struct mg_str needs;
    struct mg_json_iter iter;
    if (!mg_json_member(json, MG_STR("needs"), &needs))
        return true;
    for (mg_json_begin(&iter, needs); mg_json_next(&iter);) {
        bool found = false;
        for (unsigned i = 0; i < c->plan->count; i++) {
            if (mg_json_key_is(iter.value, c->plan->calls[i].name)) {
                call->needs |= UINT64_C(1) << i;
                found = true;
            }
        }
        if (found)
            continue;
        struct mg_str name = mg_json_text_in(iter.value, c->arena);
        const char **all = mg_arena_zero(c->arena, c->plan->count, sizeof *all);
        for (unsigned i = 0; all && i < c->plan->count; i++)
            all[i] = mg_arena_copy(c->arena, c->plan->calls[i].name).data;
        const char *nearest = all ? mg_str_nearest(name, all, c->plan->count) : NULL;
        struct mg_str why = mg_arena_printf(
            c->arena, "needs \"%.*s\": no call of this name%s%s%s", (int)name.len, name.data,
            nearest ? ": did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
        return fail(c, why, "needs");
    }
    return true;
}

// Takes away calls whose needs are all met until none is left; what is left then waits in a circle.
static bool check_cycles(struct compile *c)
{
    uint64_t met = 0;
    unsigned left = c->plan->count;
    for (bool moved = true; moved && left;) {
        moved = false;
        for (unsigned i = 0; i < c->plan->count; i++) {
            uint64_t bit = UINT64_C(1) << i;
            if (!(met & bit) && (c->plan->calls[i].needs & ~met) == 0) {
                met |= bit;
                left--;
                moved = true;
            }
        }
    }
    if (!left)
        return true;
    struct mg_str names = {0};
    for (unsigned i = 0; i < c->plan->count; i++) {
        const struct mg_plan_call *call = &c->plan->calls[i];
        if (met & (UINT64_C(1) << i))
            continue;
        if (!names.len) {
            c->error->line = call->line;
            c->at = mg_arena_printf(c->arena, "calls.%.*s", (int)call->name.len, call->name.data);
        }
        names =
            mg_arena_printf(c->arena, "%.*s%s%.*s", (int)names.len, names.data ? names.data : "",
                            names.len ? ", " : "", (int)call->name.len, call->name.data);
    }
    return fail(c,
                mg_arena_printf(c->arena, "a cycle: what waits for itself never starts: %.*s",
                                (int)names.len, names.data),
                "");
}

static bool compile_calls(struct compile *c, struct mg_str calls)
{
    struct mg_json_iter iter;
    struct mg_plan *plan = c->plan;
    unsigned count = count_of(calls), i = 0;
    if (count > MG_PLAN_CALLS_MOST)
        return fail(c, MG_STR("a route has at most 64 calls"), "calls");
    plan->calls = mg_arena_zero(c->arena, count + 1, sizeof *plan->calls);
    struct mg_str *names = mg_arena_zero(c->arena, count + 1, sizeof *names);
    if (!plan->calls || !names)
        return no_memory(c);
    for (mg_json_begin(&iter, calls); mg_json_next(&iter); plan->count++)
        names[plan->count] = plan->calls[plan->count].name = mg_json_text_in(iter.key, c->arena);
    c->names.calls = names;
    c->names.call_count = count;
    for (mg_json_begin(&iter, calls); mg_json_next(&iter); i++) {
        struct mg_plan_call *call = &plan->calls[i];
        c->at = mg_arena_printf(c->arena, "calls.%.*s", (int)call->name.len, call->name.data);
        c->error->line = call->line = (int)get_int(iter.value, "line");
        if (!compile_contract(c, iter.value, call) || !compile_kind(c, iter.value, call) ||
            !compile_needs(c, iter.value, call))
            return false;
    }
    for (i = 0; i < count; i++) { // when the contracts of all are known
        c->at = mg_arena_printf(c->arena, "calls.%.*s", (int)names[i].len, names[i].data);
        c->error->line = plan->calls[i].line;
        if (!note_needs(c, &plan->calls[i]))
            return false;
    }
    return check_cycles(c);
}

static bool compile_reply(struct compile *c, struct mg_str json)
{
    struct mg_str reply, value;
    c->at = (struct mg_str){0};
    c->error->line = c->plan->line;
    if (!mg_json_member(json, MG_STR("reply"), &reply))
        return true;
    if (mg_json_member(reply, MG_STR("fn"), &value)) {
        c->plan->reply_kind = MG_PLAN_REPLY_FUNCTION;
        c->plan->function = (int)get_int(reply, "fn");
        return true;
    }
    c->plan->reply_kind = MG_PLAN_REPLY_TEMPLATE;
    return !mg_json_member(reply, MG_STR("template"), &value) ||
           compile_shape(c, &c->plan->reply, value, "reply");
}

static bool compile_route(struct compile *c, struct mg_str json)
{
    struct mg_plan *plan = c->plan;
    struct mg_str input, calls, method = get_text(json, "method", c->arena), why;
    plan->file = get_text(json, "file", c->arena);
    plan->path = get_text(json, "path", c->arena);
    plan->line = c->error->line = (int)get_int(json, "line");
    plan->within = (uint64_t)get_int(json, "within");
    c->names.rest = plan->path.len > 4 &&
                    mg_str_is(mg_str_cut(plan->path, plan->path.len - 4, plan->path.len), "...}");
    plan->any_method = mg_str_is(method, "*");
    mg_method_of(method, &plan->method);
    if (mg_json_member(json, MG_STR("input"), &input)) {
        plan->input = mg_input_compile(input, plan->params, plan->param_count, c->arena, &why);
        if (!plan->input)
            return fail(c, why, "input");
        c->names.input = plan->input;
    }
    if (mg_json_member(json, MG_STR("calls"), &calls) && !compile_calls(c, calls))
        return false;
    return compile_reply(c, json);
}

struct mg_plan *mg_plan_compile(struct mg_str json, const struct mg_str *params,
                                unsigned param_count, const struct mg_plan_backend *backends,
                                unsigned backend_count, struct mg_arena *arena,
                                struct mg_plan_error *error)
{
    *error = (struct mg_plan_error){MG_STR("out of memory"), 0, {0}};
    struct mg_plan *plan = MG_ARENA_NEW(arena, struct mg_plan);
    struct mg_str kept = mg_arena_copy(arena, json);
    if (!plan || !kept.data)
        return NULL;
    plan->param_count = param_count;
    if (param_count)
        memcpy(plan->params, params, param_count * sizeof *params);
    struct compile compile = {
        .plan = plan,
        .names = {.params = plan->params, .param_count = param_count},
        .backends = backends,
        .backend_count = backend_count,
        .arena = arena,
        .error = error,
    };
    return compile_route(&compile, kept) ? plan : NULL;
}

bool mg_plan_headers(struct mg_str json, struct mg_named_template **headers, unsigned *count,
                     struct mg_arena *arena, struct mg_plan_error *error)
{
    struct compile compile = {.arena = arena, .error = error};
    struct mg_str wrapped = mg_arena_printf(arena, "{\"headers\":%.*s}", (int)json.len, json.data);
    *error = (struct mg_plan_error){.message = MG_STR("out of memory")};
    *headers = NULL;
    *count = 0;
    return wrapped.data && compile_named(&compile, wrapped, "headers", headers, count);
}

const struct mg_plan_backend *mg_plan_backend_find(const struct mg_plan_backend *backends,
                                                   unsigned count, enum mg_call_kind kind,
                                                   struct mg_str name)
{
    for (unsigned i = 0; i < count; i++)
        if (backends[i].kind == kind && mg_str_eq(backends[i].name, name))
            return &backends[i];
    return NULL;
}
