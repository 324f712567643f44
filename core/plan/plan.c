// A route, compiled: what its calls wait for, and the form of its reply.
#include "plan/compile.h"

// The references of a call, each turned into what it must wait for.
struct wait_for {
    struct mg_compile *compile;
    struct mg_plan_call *call;
    bool required; // it fails when the value is missing,
    bool tolerant; // and may fail
};

static bool note_need(const struct mg_reference *reference, void *owner)
{
    struct wait_for *wait = owner;
    struct mg_compile *c = wait->compile;
    if (!mg_reference_is_result(reference))
        return true;
    const struct mg_plan_call *other = &c->plan->calls[reference->index];
    wait->call->needs |= UINT64_C(1) << reference->index;
    bool missing = other->when || (other->contract.optional && !other->contract.has_fallback);
    if (!wait->required || wait->tolerant || !missing)
        return true;
    struct mg_str why = mg_arena_printf(
        c->arena, "\"%.*s\" is required but names \"%.*s\", which %s make this optional too",
        (int)wait->call->name.len, wait->call->name.data, (int)other->name.len, other->name.data,
        other->when ? "has a when and may be skipped: give this a when, or"
                    : "is optional: give that a fallback, or");
    return mg_compile_fail(c, why, "");
}

static bool note_named(struct wait_for *wait, const struct mg_named_template *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!mg_template_visit(&list[i].template, note_need, wait))
            return false;
    return true;
}

static bool note_commands(struct wait_for *wait)
{
    const struct mg_plan_call *call = wait->call;
    bool ok = true;
    for (unsigned i = 0; i < call->command_count; i++)
        for (unsigned k = 0; ok && k < call->commands[i].count; k++)
            ok = mg_template_visit(&call->commands[i].words[k], note_need, wait);
    return ok;
}

// As deep as one each: there is none in another.
static bool note_needs(struct mg_compile *c, struct mg_plan_call *call, bool tolerant)
{
    tolerant = tolerant || call->contract.optional || call->contract.has_fallback || call->when;
    struct wait_for wait = {c, call, true, tolerant};
    bool ok = mg_template_visit(&call->path, note_need, &wait) && note_commands(&wait) &&
              note_named(&wait, call->query, call->query_count) &&
              note_named(&wait, call->headers, call->header_count) &&
              note_named(&wait, call->form, call->form_count) &&
              mg_shape_visit(&call->json, note_need, &wait) &&
              mg_template_visit(&call->text, note_need, &wait);
    for (unsigned s = 0; ok && s < call->statement_count; s++)
        for (unsigned i = 0; ok && i < call->statements[s].arg_count; i++)
            ok = mg_shape_visit(&call->statements[s].args[i], note_need, &wait);
    if (ok && call->each) {
        ok = mg_template_visit(&call->each->list, note_need, &wait) &&
             note_needs(c, &call->each->call, tolerant);
        call->needs |= call->each->call.needs;
    }
    wait.required = false;
    return ok && (!call->fallback || mg_shape_visit(call->fallback, note_need, &wait));
}

static bool compile_needs(struct mg_compile *c, struct mg_str json, struct mg_plan_call *call)
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
        return mg_compile_fail(c, why, "needs");
    }
    return true;
}

// Takes away calls whose needs are all met until none is left; what is left then waits in a circle.
static bool check_cycles(struct mg_compile *c)
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
    return mg_compile_fail(c,
                           mg_arena_printf(c->arena,
                                           "a cycle: what waits for itself never starts: %.*s",
                                           (int)names.len, names.data),
                           "");
}

// What has landed when a call can start, and so what its `when` may see. No needs go in a circle.
static void note_sees(struct mg_plan *plan)
{
    for (unsigned i = 0; i < plan->count; i++) {
        plan->calls[i].sees = plan->calls[i].needs;
        plan->asks = plan->asks || plan->calls[i].when;
    }
    for (bool grown = plan->asks; grown;) {
        grown = false;
        for (unsigned i = 0; i < plan->count; i++) {
            struct mg_plan_call *call = &plan->calls[i];
            uint64_t before = call->sees;
            for (unsigned k = 0; k < plan->count; k++)
                if (before >> k & 1)
                    call->sees |= plan->calls[k].needs;
            grown = grown || call->sees != before;
        }
    }
}

static bool compile_calls(struct mg_compile *c, struct mg_str calls)
{
    struct mg_json_iter iter;
    struct mg_plan *plan = c->plan;
    unsigned count = mg_compile_count(calls), i = 0;
    if (count > MG_PLAN_CALLS_MOST)
        return mg_compile_fail(c, MG_STR("a route has at most 64 calls"), "calls");
    plan->calls = mg_arena_zero(c->arena, count + 1, sizeof *plan->calls);
    struct mg_str *names = mg_arena_zero(c->arena, count + 1, sizeof *names);
    if (!plan->calls || !names)
        return mg_compile_no_memory(c);
    for (mg_json_begin(&iter, calls); mg_json_next(&iter); plan->count++)
        names[plan->count] = plan->calls[plan->count].name = mg_json_text_in(iter.key, c->arena);
    c->names.calls = names;
    c->names.call_count = count;
    for (mg_json_begin(&iter, calls); mg_json_next(&iter); i++) {
        struct mg_plan_call *call = &plan->calls[i];
        c->at = mg_arena_printf(c->arena, "calls.%.*s", (int)call->name.len, call->name.data);
        c->error->line = call->line = (int)mg_compile_int(iter.value, "line");
        if (!mg_compile_contract(c, iter.value, call) || !mg_compile_kind(c, iter.value, call) ||
            !compile_needs(c, iter.value, call))
            return false;
    }
    for (i = 0; i < count; i++) { // when the contracts of all are known
        c->at = mg_arena_printf(c->arena, "calls.%.*s", (int)names[i].len, names[i].data);
        c->error->line = plan->calls[i].line;
        if (!note_needs(c, &plan->calls[i], false))
            return false;
    }
    note_sees(plan);
    return check_cycles(c);
}

static bool note_body(const struct mg_reference *reference, void *owner)
{
    return reference->root != MG_ROOT_BODY;
}

static bool names_body(const struct mg_named_template *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!mg_template_visit(&list[i].template, note_body, NULL))
            return true;
    return false;
}

static bool values_name_body(const struct mg_plan_call *call)
{
    for (unsigned i = 0; i < call->statement_count; i++)
        for (unsigned arg = 0; arg < call->statements[i].arg_count; arg++)
            if (!mg_shape_visit(&call->statements[i].args[arg], note_body, NULL))
                return true;
    for (unsigned i = 0; i < call->command_count; i++)
        for (unsigned word = 0; word < call->commands[i].count; word++)
            if (!mg_template_visit(&call->commands[i].words[word], note_body, NULL))
                return true;
    return false;
}

static bool call_names_body(const struct mg_plan_call *call)
{
    return names_body(call->query, call->query_count) ||
           names_body(call->headers, call->header_count) ||
           names_body(call->form, call->form_count) ||
           (call->backend && names_body(call->backend->headers, call->backend->header_count)) ||
           !mg_template_visit(&call->path, note_body, NULL) ||
           !mg_template_visit(&call->text, note_body, NULL) ||
           !mg_shape_visit(&call->json, note_body, NULL) ||
           (call->fallback && !mg_shape_visit(call->fallback, note_body, NULL)) ||
           (call->each && (!mg_template_visit(&call->each->list, note_body, NULL) ||
                           call_names_body(&call->each->call))) ||
           values_name_body(call);
}

// A body that is passed on is read by nobody here.
static bool check_unread(struct mg_compile *c)
{
    for (unsigned i = 0; i <= c->plan->count; i++) {
        const struct mg_plan_call *call = i < c->plan->count ? &c->plan->calls[i] : c->plan->pass;
        if (!call_names_body(call))
            continue;
        c->error->line = call->line;
        c->at = mg_arena_printf(c->arena, call == c->plan->pass ? "%.*s" : "calls.%.*s",
                                (int)call->name.len, call->name.data);
        return mg_compile_fail(
            c, MG_STR("{body} cannot be had in a route with pass: the body goes through it unread"),
            "");
    }
    return true;
}

static bool compile_pass(struct mg_compile *c, struct mg_str json, struct mg_str pass)
{
    struct mg_plan_call *call = MG_ARENA_NEW(c->arena, struct mg_plan_call);
    if (!call)
        return mg_compile_no_memory(c);
    c->plan->pass = call;
    c->plan->reply_kind = MG_PLAN_REPLY_PASS;
    c->plan->idle = (uint64_t)mg_compile_int(json, "idle");
    c->at = call->name = MG_STR("pass");
    c->error->line = call->line = (int)mg_compile_int(pass, "line");
    if (!mg_compile_contract(c, pass, call) || !mg_compile_kind(c, pass, call) ||
        !compile_needs(c, pass, call) || !note_needs(c, call, false))
        return false;
    if (call->each)
        return mg_compile_fail(c, MG_STR("passes one call, not one for each element"), "");
    call->forward.unread = true;
    for (unsigned i = 0; i < c->plan->count; i++)
        call->needs |= UINT64_C(1) << i;
    return check_unread(c);
}

static bool compile_reply(struct mg_compile *c, struct mg_str json)
{
    struct mg_str reply, value;
    c->at = (struct mg_str){0};
    c->error->line = c->plan->line;
    if (mg_json_member(json, MG_STR("pass"), &value))
        return compile_pass(c, json, value);
    if (!mg_json_member(json, MG_STR("reply"), &reply))
        return true;
    if (mg_json_member(reply, MG_STR("fn"), &value)) {
        c->plan->reply_kind = MG_PLAN_REPLY_FUNCTION;
        c->plan->function = (int)mg_compile_int(reply, "fn");
        return true;
    }
    c->plan->reply_kind = MG_PLAN_REPLY_TEMPLATE;
    return !mg_json_member(reply, MG_STR("template"), &value) ||
           mg_compile_shape(c, &c->plan->reply, value, "reply");
}

static bool compile_around(struct mg_compile *c, struct mg_str json, const char *key,
                           int **functions, unsigned *count)
{
    struct mg_str list;
    struct mg_json_iter iter;
    int64_t number;
    if (!mg_json_member(json, mg_str_of(key), &list))
        return true;
    *functions = mg_arena_zero(c->arena, mg_compile_count(list) + 1, sizeof **functions);
    if (!*functions)
        return mg_compile_no_memory(c);
    for (mg_json_begin(&iter, list); mg_json_next(&iter);)
        if (mg_json_int(iter.value, &number))
            (*functions)[(*count)++] = (int)number;
    return true;
}

static void compile_limits(struct mg_compile *c, struct mg_str json)
{
    struct mg_plan_limits *limits = &c->plan->limits;
    struct mg_str set, value;
    int64_t number;
    *limits = c->gateway->limits;
    if (!mg_json_member(json, MG_STR("limits"), &set))
        return;
#define MG_PLAN_LIMIT_READ(name)                                                                   \
    if (mg_json_member(set, MG_STR(#name), &value) && mg_json_int(value, &number))                 \
        limits->name = (uint64_t)number;
    MG_PLAN_LIMITS(MG_PLAN_LIMIT_READ)
#undef MG_PLAN_LIMIT_READ
}

static bool compile_input(struct mg_compile *c, struct mg_str json)
{
    const struct mg_plan_limits *limits = &c->plan->limits;
    const struct mg_rule_limits its = {limits->match, limits->match_text, limits->match_memory};
    struct mg_input_error error;
    c->plan->input =
        mg_input_compile(json, c->names.params, c->names.param_count, &its, c->arena, &error);
    c->names.input = c->plan->input;
    return c->plan->input || mg_compile_fail(c, error.message, error.at.data);
}

static bool compile_route(struct mg_compile *c, struct mg_str json)
{
    struct mg_plan *plan = c->plan;
    struct mg_str input, calls, method = mg_compile_text(json, "method", c->arena);
    plan->file = mg_compile_text(json, "file", c->arena);
    plan->path = mg_compile_text(json, "path", c->arena);
    plan->host = mg_compile_text(json, "host", c->arena);
    plan->line = c->error->line = (int)mg_compile_int(json, "line");
    plan->within = (uint64_t)mg_compile_int(json, "within");
    compile_limits(c, json);
    c->names.rest = plan->path.len > 4 &&
                    mg_str_is(mg_str_cut(plan->path, plan->path.len - 4, plan->path.len), "...}");
    plan->any_method = mg_str_is(method, "*");
    mg_method_of(method, &plan->method);
    if (mg_json_member(json, MG_STR("input"), &input) && !compile_input(c, input))
        return false;
    if (!compile_around(c, json, "before", &plan->before, &plan->before_count) ||
        !compile_around(c, json, "after", &plan->after, &plan->after_count))
        return false;
    c->names.context = plan->before_count ? &plan->context : NULL;
    if (mg_json_member(json, MG_STR("calls"), &calls) && !compile_calls(c, calls))
        return false;
    return compile_reply(c, json);
}

struct mg_plan *mg_plan_compile(struct mg_str json, const struct mg_str *params,
                                unsigned param_count, const struct mg_plan_gateway *gateway,
                                struct mg_arena *arena, struct mg_plan_error *error)
{
    *error = (struct mg_plan_error){MG_STR("out of memory"), 0, {0}};
    struct mg_plan *plan = MG_ARENA_NEW(arena, struct mg_plan);
    struct mg_str kept = mg_arena_copy(arena, json);
    if (!plan || !kept.data)
        return NULL;
    struct mg_compile compile = {
        .plan = plan,
        .names = {.params = params, .param_count = param_count},
        .gateway = gateway,
        .arena = arena,
        .error = error,
    };
    return compile_route(&compile, kept) ? plan : NULL;
}

bool mg_plan_headers(struct mg_str json, struct mg_named_template **headers, unsigned *count,
                     struct mg_arena *arena, struct mg_plan_error *error)
{
    struct mg_compile compile = {.arena = arena, .error = error};
    struct mg_str wrapped = mg_arena_printf(arena, "{\"headers\":%.*s}", (int)json.len, json.data);
    *error = (struct mg_plan_error){.message = MG_STR("out of memory")};
    *headers = NULL;
    *count = 0;
    return wrapped.data && mg_compile_named(&compile, wrapped, "headers", headers, count);
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
