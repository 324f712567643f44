// A call that a running function describes, read from its table. Its strings are literal: only the
// path has {name}, filled from the call's own `params`.
#include <lauxlib.h>

#include "base/percent.h"
#include "plan/fill.h"
#include "script/json.h"
#include "script/path.h"
#include "script/reading.h"

// Whether the description has no options but params, as most have: each of the others would be
// looked for in vain.
static bool is_brief(const struct mg_reading *r)
{
    return r->end <= MG_FIELD_MORE;
}

static void l_forward(struct mg_reading *r, struct mg_forward *forward)
{
    if (!l_read_table(r, MG_FIELD_FORWARD))
        return;
    lua_getfield(r->L, -1, "headers");
    if (!lua_isnil(r->L, -1))
        forward->headers = l_read_names(r, &forward->header_count, &forward->all_headers);
    lua_pop(r->L, 1);
    lua_getfield(r->L, -1, "query");
    if (!lua_isnil(r->L, -1))
        forward->query = l_read_names(r, &forward->query_count, &forward->all_query);
    lua_pop(r->L, 2);
}

static void l_contract(struct mg_reading *r)
{
    struct mg_contract *contract = &r->asked->contract;
    contract->optional = l_read_flag(r, MG_FIELD_OPTIONAL);
    contract->within = l_read_number(r, MG_FIELD_WITHIN);
    contract->has_fallback = l_read_flag(r, MG_FIELD_HAS_FALLBACK);
    if (contract->has_fallback) {
        l_read_push(r, MG_FIELD_FALLBACK);
        contract->fallback = l_read_json(r, lua_gettop(r->L), "fallback");
        lua_pop(r->L, 1);
    }
    contract->accept = l_read_statuses(r, MG_FIELD_ACCEPT, &contract->accept_count);
    contract->relay = l_read_statuses(r, MG_FIELD_RELAY, &contract->relay_count);
}

// What the {name}s of a path stand for, looked up before anything is filled: borrowed from the
// table of params, which nothing touches meanwhile.
struct params {
    struct mg_field *items;
    unsigned count;
};

static bool find_param(void *owner, struct mg_str name, struct mg_str *value)
{
    const struct params *params = owner;
    for (unsigned i = 0; i < params->count; i++) {
        if (mg_str_eq(params->items[i].name, name)) {
            *value = params->items[i].value;
            return true;
        }
    }
    return false;
}

static void l_params(struct mg_reading *r, const struct mg_template *path, struct params *params)
{
    l_read_memory(r, params->items =
                         mg_arena_alloc(r->arena, (path->count + 1) * sizeof *params->items));
    if (!l_read_get(r, MG_FIELD_PARAMS))
        return;
    unsigned count = lua_istable(r->L, -1) ? path->count : 0;
    for (unsigned i = 0; i < count; i++) {
        const struct mg_piece *piece = &path->pieces[i];
        if (piece->literal)
            continue;
        struct mg_str name = piece->reference.name;
        lua_pushlstring(r->L, name.data, name.len);
        lua_rawget(r->L, -2);
        struct mg_str text = l_str(r->L, -1);
        if (!text.data && !lua_isnil(r->L, -1) && !mg_lua_json_is_null(r->L, -1))
            text = l_read_text(r, lua_gettop(r->L), "params");
        if (text.data)
            params->items[params->count++] = (struct mg_field){name, text};
        lua_pop(r->L, 1);
    }
    lua_pop(r->L, 1);
}

static void fail(struct mg_reading *r, enum mg_fill fill, const struct mg_fill_fault *fault)
{
    const char *broken = r->run->scope->broken;
    if (fill == MG_FILL_CLIENT) {
        r->asked->owed =
            broken ? (struct mg_fill_fault){mg_str_of(broken), "cannot be read"} : *fault;
        return;
    }
    mg_reading_fail(r, fill == MG_FILL_MEMORY ? MG_NO_MEMORY : MG_MISSING,
                    mg_arena_printf(r->arena, "%.*s %s", (int)fault->what.len, fault->what.data,
                                    fault->why ? fault->why : ""));
}

// "." or "..", also where a dot is written as %2e, which backends undo (RFC 3986 §6.2.2.2).
static bool is_dots(struct mg_str segment)
{
    size_t count = 0, at = 0;
    for (; at < segment.len; count++) {
        bool escaped = segment.len - at >= 3 &&
                       mg_str_eq_nocase(mg_str_cut(segment, at, at + 3), MG_STR("%2e"));
        if (!escaped && segment.data[at] != '.')
            return false;
        at += escaped ? 3 : 1;
    }
    return count == 1 || count == 2;
}

// True when a segment of the path is "." or "..": what follows the query is no path. Code that puts
// a path together out of data must get no further with it than a parameter would.
static bool has_dots(struct mg_str path)
{
    size_t end = mg_str_find(path, '?', 0);
    if (!memchr(path.data, '.', end) && !memchr(path.data, '%', end))
        return false;
    for (size_t from = 0; from <= end;) {
        size_t slash = mg_str_find(path, '/', from);
        struct mg_str segment = mg_str_cut(path, from, slash < end ? slash : end);
        if (is_dots(segment))
            return true;
        from += segment.len + 1;
    }
    return false;
}

static void put_fields(struct mg_buf *out, const struct mg_fields *fields, char first)
{
    for (unsigned i = 0; i < fields->count; i++) {
        if (first)
            mg_buf_put_char(out, first);
        first = '&';
        mg_percent_encode(out, fields->items[i].name);
        mg_buf_put_char(out, '=');
        mg_percent_encode(out, fields->items[i].value);
    }
}

static struct mg_str finish(struct mg_reading *r, struct mg_buf *out)
{
    struct mg_str text =
        out->failed == MG_OK ? mg_arena_copy(r->arena, mg_buf_str(out)) : (struct mg_str){0};
    mg_buf_fini(out);
    return text;
}

static void l_http_path(struct mg_reading *r, const struct mg_forward *forward)
{
    struct mg_scope *scope = r->run->scope;
    const struct mg_template *path = l_path_cut(r);
    struct params params = {0};
    l_params(r, path, &params);
    struct mg_fields query = {0};
    if (!is_brief(r))
        query = l_read_fields(r, MG_FIELD_QUERY);

    struct mg_buf *out = &r->vm->text;
    mg_buf_clear(out);
    struct mg_fill_fault fault = {0};
    scope->local = find_param;
    scope->owner = &params;
    enum mg_fill fill = mg_fill_path(path, scope, out, &fault);
    scope->local = NULL;
    bool has_query = mg_str_find(mg_buf_str(out), '?', 0) < out->len;
    if (fill == MG_FILL_OK) {
        put_fields(out, &query, has_query ? '&' : '?');
        has_query = has_query || query.count;
        fill = mg_fill_forward_query(forward, scope, out, &has_query, &fault);
    }
    struct mg_str filled = {0};
    if (out->failed == MG_OK)
        filled = r->asked->call.http.path = mg_arena_copy(r->arena, mg_buf_str(out));
    if (out->cap > MG_VM_TEXT_KEPT)
        mg_buf_fini(out);
    if (fill != MG_FILL_OK) {
        fail(r, fill, &fault);
        return;
    }
    l_read_memory(r, filled.data);
    if (has_dots(filled))
        mg_reading_fail(r, MG_MISSING, MG_STR("the path has a segment \".\" or \"..\""));
}

static void l_add_header(struct mg_reading *r, struct mg_str name, struct mg_str value)
{
    if (!mg_headers_name_ok(name))
        luaL_error(r->L, "headers: %s is no name of a header field", name.data);
    if (!mg_headers_value_ok(value))
        luaL_error(r->L, "headers.%s: CR, LF, NUL and other control bytes are refused", name.data);
    if (!mg_headers_add(&r->asked->call.http.headers, r->arena, name, value))
        l_read_memory(r, NULL);
}

static void l_body(struct mg_reading *r)
{
    struct mg_http_ask *ask = &r->asked->call.http;
    const char *type = NULL;
    if (l_read_get(r, MG_FIELD_JSON)) {
        ask->body = l_read_json(r, lua_gettop(r->L), "json");
        type = "application/json";
    } else if (l_read_get(r, MG_FIELD_FORM)) {
        struct mg_fields form = l_read_fields(r, MG_FIELD_FORM);
        struct mg_buf out = {0};
        put_fields(&out, &form, 0);
        ask->body = finish(r, &out);
        l_read_memory(r, ask->body.data);
        type = "application/x-www-form-urlencoded";
    } else if (l_read_get(r, MG_FIELD_TEXT)) {
        ask->body = l_read_keep(r, l_str(r->L, -1));
        type = "text/plain; charset=utf-8";
    } else if (l_read_get(r, MG_FIELD_XML)) {
        ask->body = l_read_keep(r, l_str(r->L, -1));
        type = "application/xml";
    } else {
        return;
    }
    lua_pop(r->L, 1);
    ask->has_body = true;
    unsigned index = 0;
    if (!mg_headers_next(&ask->headers, MG_STR("content-type"), &index))
        l_add_header(r, MG_STR("Content-Type"), mg_str_of(type));
}

static void l_http(struct mg_reading *r, const struct mg_plan_backend *backend)
{
    struct mg_http_ask *ask = &r->asked->call.http;
    struct mg_forward forward = {0};
    ask->method = r->run->scope->request->method; // of `request`, which keeps it
    if (!r->origin)
        mg_method_of(l_read_borrowed(r, MG_FIELD_VERB), &ask->method);
    else if (!r->origin->any)
        ask->method = r->origin->method;
    if (!is_brief(r)) {
        ask->redirects = (unsigned)l_read_number(r, MG_FIELD_REDIRECTS);
        l_forward(r, &forward);
    }
    l_http_path(r, &forward);
    if (!is_brief(r)) {
        struct mg_fields headers = l_read_fields(r, MG_FIELD_HEADERS);
        for (unsigned i = 0; i < headers.count; i++)
            l_add_header(r, headers.items[i].name, headers.items[i].value);
        l_body(r);
    }
    struct mg_fill_fault fault = {0};
    enum mg_fill fill = mg_fill_headers(backend, &forward, r->run->scope, ask, &fault);
    if (fill != MG_FILL_OK)
        fail(r, fill, &fault);
}

static void l_sql_arg(struct mg_reading *r, int index, struct mg_sql_arg *arg)
{
    lua_State *L = r->L;
    if (lua_isnil(L, index))
        return;
    if (lua_type(L, index) == LUA_TSTRING) {
        *arg = (struct mg_sql_arg){.type = MG_SQL_TEXT, .text = l_read_keep(r, l_str(L, index))};
        return;
    }
    struct mg_str json = l_read_json(r, index, "args");
    enum mg_json_type type = mg_json_type(json);
    if (type == MG_JSON_TRUE || type == MG_JSON_FALSE)
        *arg = (struct mg_sql_arg){.type = MG_SQL_BOOL, .integer = type == MG_JSON_TRUE};
    else if (type == MG_JSON_NUMBER && mg_json_int(json, &arg->integer))
        *arg = (struct mg_sql_arg){.type = MG_SQL_INT, .integer = arg->integer, .text = json};
    else if (type == MG_JSON_NUMBER)
        *arg = (struct mg_sql_arg){MG_SQL_REAL, .real = mg_json_double(json), .text = json};
    else if (type != MG_JSON_NULL) // lists and objects as their JSON text, which databases can read
        *arg = (struct mg_sql_arg){.type = MG_SQL_TEXT, .text = json};
}

// The statement that the fields describe.
static void l_statement(struct mg_reading *r, struct mg_sql_ask *ask)
{
    enum { args_most = 32766 }; // of SQLite
    struct mg_str verb = l_read_borrowed(r, MG_FIELD_VERB);
    struct mg_sql_arg *args;
    ask->verb = mg_str_is(verb, "one")   ? MG_SQL_ONE
                : mg_str_is(verb, "run") ? MG_SQL_RUN
                                         : MG_SQL_QUERY;
    ask->sql = l_read_string(r, MG_FIELD_SQL);
    if (!l_read_table(r, MG_FIELD_ARGS))
        return;
    lua_getfield(r->L, -1, "n");
    lua_Number count = lua_tonumber(r->L, -1);
    lua_pop(r->L, 1);
    if (!(count >= 0 && count <= args_most))
        luaL_error(r->L, "more values to bind than a statement may have");
    ask->arg_count = (unsigned)count;
    l_read_memory(r, args = mg_arena_zero(r->arena, ask->arg_count + 1, sizeof *args));
    for (unsigned i = 0; i < ask->arg_count; i++) {
        lua_rawgeti(r->L, -1, (int)i + 1);
        l_sql_arg(r, lua_gettop(r->L), &args[i]);
        lua_pop(r->L, 1);
    }
    ask->args = args;
    lua_pop(r->L, 1);
}

static void l_sql(struct mg_reading *r)
{
    struct mg_sql_ask *ask = &r->asked->call.sql, *parts;
    if (!mg_str_is(l_read_string(r, MG_FIELD_VERB), "atomic")) {
        l_statement(r, ask);
        return;
    }
    ask->verb = MG_SQL_ATOMIC;
    if (!l_read_table(r, MG_FIELD_CALLS))
        luaL_error(r->L, "atomic: a list of calls is wanted");
    ask->part_count = (unsigned)lua_objlen(r->L, -1);
    l_read_memory(r,
                  ask->parts = parts = mg_arena_zero(r->arena, ask->part_count + 1, sizeof *parts));
    for (unsigned i = 0; i < ask->part_count; i++) {
        int whole = l_read_element(r, i);
        l_statement(r, &parts[i]);
        l_read_close(r, whole);
    }
    lua_pop(r->L, 1);
}

static void l_file(struct mg_reading *r)
{
    struct mg_str verb = l_read_borrowed(r, MG_FIELD_VERB);
    struct mg_buf filled = {0};
    struct params params = {0};
    const struct mg_template *template = l_path_cut(r);
    r->asked->call.file.verb = mg_str_is(verb, "json")   ? MG_FILE_JSON
                               : mg_str_is(verb, "stat") ? MG_FILE_STAT
                               : mg_str_is(verb, "list") ? MG_FILE_LIST
                                                         : MG_FILE_READ;
    l_params(r, template, &params);
    r->run->scope->local = find_param;
    r->run->scope->owner = &params;
    struct mg_fill_fault fault = {0};
    enum mg_fill fill = mg_fill_file_path(template, r->run->scope, &filled, &fault);
    r->run->scope->local = NULL;
    r->asked->call.file.path = finish(r, &filled);
    if (fill != MG_FILL_OK)
        fail(r, fill, &fault);
}

static void l_value(struct mg_reading *r)
{
    struct mg_value_ask *ask = &r->asked->call.value;
    ask->delay = l_read_number(r, MG_FIELD_DELAY);
    ask->json = MG_STR("null");
    if (l_read_get(r, MG_FIELD_VALUE)) {
        ask->json = l_read_json(r, lua_gettop(r->L), "value");
        lua_pop(r->L, 1);
    }
}

static void l_compute(struct mg_reading *r)
{
    struct mg_compute_ask *ask = &r->asked->call.compute;
    ask->module = l_read_string(r, MG_FIELD_PATH);
    ask->function = l_read_string(r, MG_FIELD_VERB);
    ask->args = MG_STR("[]");
    if (l_read_get(r, MG_FIELD_JSON)) {
        ask->args = l_read_json(r, lua_gettop(r->L), "args");
        lua_pop(r->L, 1);
    }
}

// Whom a description that is no list asks; NULL where there is nobody to be named.
static const struct mg_plan_backend *l_backend(struct mg_reading *r)
{
    struct mg_str kind = l_read_borrowed(r, MG_FIELD_KIND),
                  name = l_read_borrowed(r, MG_FIELD_BACKEND);
    enum mg_call_kind k = 0;
    while (k < MG_CALL_TICKET && !mg_str_is(kind, mg_call_kind_word(k)))
        k++;
    if (k == MG_CALL_TICKET)
        luaL_error(r->L, "a call is wanted, as users:get(...) makes one");
    r->asked->call.kind = k;
    return mg_plan_backend_find(r->vm->backends, r->vm->backend_count, k, name);
}

struct mg_asked *l_call_read(lua_State *L, int index, struct mg_run *run, struct mg_vm *vm)
{
    struct mg_reading r = {.L = L, .run = run, .vm = vm, .arena = run->scope->arena};
    luaL_checktype(L, index, LUA_TTABLE);
    int top = lua_gettop(L);
    l_read_open(&r, index);
    l_read_memory(&r, r.asked = MG_ARENA_NEW(r.arena, struct mg_asked)); // zeroes: of HTTP
    const struct mg_plan_backend *backend = r.origin ? r.origin->backend : l_backend(&r);
    enum mg_call_kind k = r.asked->call.kind;
    r.asked->call.arena = r.arena;
    if (!is_brief(&r))
        l_contract(&r);
    if (!backend && k != MG_CALL_VALUE && k != MG_CALL_COMPUTE)
        luaL_error(L, "no backend of this name");
    r.asked->name = backend ? backend->name : mg_str_of(mg_call_kind_word(k));
    if (backend) {
        r.asked->call.backend = backend->index;
        mg_contract_bound(&r.asked->contract, backend->within);
    }
    if (k == MG_CALL_HTTP)
        l_http(&r, backend);
    else if (k == MG_CALL_REDIS)
        l_read_redis(&r);
    else if (k == MG_CALL_SQL)
        l_sql(&r);
    else if (k == MG_CALL_FILE)
        l_file(&r);
    else if (k == MG_CALL_COMPUTE)
        l_compute(&r);
    else
        l_value(&r);
    lua_settop(L, top);
    return r.asked;
}
