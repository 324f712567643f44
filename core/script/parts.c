// Parts of a request and of results, made into Lua values when a script first touches them.
#include <lauxlib.h>

#include "plan/input.h"
#include "script/json.h"
#include "script/state.h"

static void l_push_str(lua_State *L, struct mg_str text)
{
    lua_pushlstring(L, text.data ? text.data : "", text.len);
}

// Fields of one name, by their places counted from 1; 0: none. So a table costs what it holds.
struct same {
    unsigned next, last; // `last`: of the first of them only
};

// Pushes a table of lower-case names, each with the place of its first field.
static void l_push_names(lua_State *L, const struct mg_headers *headers, struct same *same,
                         struct mg_arena *arena)
{
    lua_createtable(L, 0, (int)headers->count);
    for (unsigned i = 1; i <= headers->count; i++) {
        struct mg_str name = mg_arena_copy(arena, headers->items[i - 1].name);
        for (size_t at = 0; at < name.len; at++)
            ((char *)name.data)[at] = mg_lower(name.data[at]);
        l_push_str(L, name);
        lua_pushvalue(L, -1);
        lua_rawget(L, -3);
        unsigned first = (unsigned)lua_tointeger(L, -1); // nil: 0
        lua_pop(L, 1);
        if (first) {
            same[same[first].last].next = i;
            same[first].last = i;
            lua_pop(L, 1);
        } else {
            same[i].last = i;
            lua_pushinteger(L, (lua_Integer)i);
            lua_rawset(L, -3);
        }
    }
}

static void l_push_list(lua_State *L, const struct mg_headers *headers, const struct same *same,
                        unsigned at)
{
    lua_newtable(L);
    for (int n = 1; at; at = same[at].next, n++) {
        l_push_str(L, headers->items[at - 1].value);
        lua_rawseti(L, -2, n);
    }
}

static void l_push_joined(lua_State *L, const struct mg_headers *headers, const struct same *same,
                          unsigned at)
{
    luaL_Buffer joined;
    luaL_buffinit(L, &joined);
    for (; at; at = same[at].next) {
        struct mg_str value = headers->items[at - 1].value;
        luaL_addlstring(&joined, value.data ? value.data : "", value.len);
        if (same[at].next)
            luaL_addlstring(&joined, ", ", 2);
    }
    luaL_pushresult(&joined);
}

// Field names in lower case, repeated ones joined; Set-Cookie is a list (it cannot be joined).
static void l_push_headers(lua_State *L, const struct mg_headers *headers, struct mg_arena *arena)
{
    struct same *same = mg_arena_zero(arena, headers->count + 1, sizeof *same);
    if (!same)
        luaL_error(L, "out of memory");
    l_push_names(L, headers, same, arena);
    for (lua_pushnil(L); lua_next(L, -2);) {
        unsigned first = (unsigned)lua_tointeger(L, -1);
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        if (mg_str_is(l_str(L, -1), "set-cookie"))
            l_push_list(L, headers, same, first);
        else if (same[first].next)
            l_push_joined(L, headers, same, first);
        else
            l_push_str(L, headers->items[first - 1].value);
        lua_rawset(L, -4);
    }
}

// What `input` declares, checked and converted, defaults included.
static void l_add_declared(lua_State *L, struct mg_scope *scope, const char *place)
{
    struct mg_str name, json;
    for (unsigned i = 0; mg_input_field(scope->input, scope, place, i, &name, &json); i++) {
        if (!json.len)
            continue;
        l_push_str(L, name);
        l_json_push(L, json);
        lua_rawset(L, -3);
    }
}

static void l_push_fields(lua_State *L, struct mg_scope *scope, const struct mg_fields *fields,
                          const char *place)
{
    lua_createtable(L, 0, (int)fields->count);
    for (unsigned i = fields->count; i-- > 0;) { // backwards, so that the first of a name stays
        l_push_str(L, fields->items[i].name);
        l_push_str(L, fields->items[i].value);
        lua_rawset(L, -3);
    }
    if (place)
        l_add_declared(L, scope, place);
}

static void l_push_params(lua_State *L, struct mg_scope *scope)
{
    const struct mg_request *request = scope->request;
    lua_createtable(L, 0, (int)request->param_count);
    for (unsigned i = 0; i < request->param_count; i++) {
        l_push_str(L, request->params[i].name);
        l_push_str(L, request->params[i].value);
        lua_rawset(L, -3);
    }
    l_add_declared(L, scope, "params");
}

// The JSON body, or nil and why there is none: "none", "type" or "bad".
static int l_push_body(lua_State *L, struct mg_scope *scope)
{
    static const char *const faults[] = {"", "none", "bad", "type"};
    enum mg_scope_fault fault = mg_scope_body(scope);
    if (fault != MG_SCOPE_SOUND) {
        lua_pushnil(L);
        lua_pushstring(L, faults[fault]);
        return 2;
    }
    l_json_push(L, scope->body);
    if (lua_istable(L, -1) && mg_json_type(scope->body) == MG_JSON_OBJECT)
        l_add_declared(L, scope, "body");
    return 1;
}

static int l_push_form(lua_State *L, struct mg_scope *scope)
{
    struct mg_fields form;
    if (!mg_fields_form(&form, mg_buf_str(&scope->request->body), scope->fields_most, scope->arena))
        return 0;
    l_push_fields(L, scope, &form, NULL);
    return 1;
}

int l_request_part(lua_State *L)
{
    struct mg_scope *scope = l_run_check(L, 1)->scope;
    const struct mg_request *request = scope->request;
    struct mg_str part = l_str(L, 2);
    if (mg_str_is(part, "body"))
        return l_push_body(L, scope);
    if (mg_str_is(part, "form"))
        return l_push_form(L, scope);
    if (mg_str_is(part, "query") && mg_scope_query(scope))
        l_push_fields(L, scope, &scope->query, "query");
    else if (mg_str_is(part, "cookies") && mg_scope_cookies(scope))
        l_push_fields(L, scope, &scope->cookies, NULL);
    else if (mg_str_is(part, "headers")) {
        l_push_headers(L, &request->headers, scope->arena);
        l_add_declared(L, scope, "headers");
    } else if (mg_str_is(part, "params"))
        l_push_params(L, scope);
    else if (mg_str_is(part, "id"))
        l_push_str(L, request->id);
    else if (mg_str_is(part, "method"))
        lua_pushstring(L, mg_method_word(request->method));
    else if (mg_str_is(part, "path"))
        l_push_str(L, request->path);
    else if (mg_str_is(part, "host"))
        l_push_str(L, request->host);
    else if (mg_str_is(part, "ip"))
        l_push_str(L, request->ip);
    else if (mg_str_is(part, "text"))
        l_push_str(L, mg_buf_str(&request->body));
    else
        return 0;
    return 1;
}

int l_result_part(lua_State *L)
{
    struct mg_run *run = l_run_check(L, 1);
    const struct mg_asked *asked =
        run->host->asked(run->exchange, (unsigned)luaL_checkinteger(L, 2));
    if (!asked || !asked->call.result.landed)
        return 0;
    const struct mg_result *result = &asked->call.result;
    struct mg_str part = l_str(L, 3);
    if (mg_str_is(part, "headers")) {
        l_push_headers(L, &result->headers, run->scope->arena);
        return 1;
    }
    struct mg_value value = mg_result_value(result);
    if (value.kind == MG_VALUE_MISSING)
        return 0;
    if (value.kind == MG_VALUE_JSON && !mg_str_is(part, "text"))
        l_json_push(L, value.bytes);
    else
        l_push_str(L, value.bytes);
    return 1;
}

void l_result_push(lua_State *L, struct mg_run *run, const struct mg_asked *asked, unsigned id)
{
    const struct mg_result *result = &asked->call.result;
    lua_createtable(L, 2, 6);
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->handle_ref);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, (lua_Integer)id);
    lua_rawseti(L, -2, 2);
    lua_pushboolean(L, result->error == MG_OK);
    lua_setfield(L, -2, "ok");
    lua_pushinteger(L, (lua_Integer)result->ms);
    lua_setfield(L, -2, "ms");
    if (result->status) {
        lua_pushinteger(L, result->status);
        lua_setfield(L, -2, "status");
    }
    if (result->error != MG_OK) {
        lua_createtable(L, 0, 2);
        lua_pushstring(L, mg_status_word(result->error));
        lua_setfield(L, -2, "kind");
        l_push_str(L, result->message);
        lua_setfield(L, -2, "message");
        lua_setfield(L, -2, "error");
    }
    l_push_str(L, asked->name);
    lua_setfield(L, -2, "name");
}
