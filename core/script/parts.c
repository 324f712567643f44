// Parts of a request and of results, made into Lua values when a script first touches them.
#include <lauxlib.h>

#include "plan/input.h"
#include "script/budget.h"
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

static const char *const part_names[MG_PARTS] = {
    [MG_PART_BODY] = "body", [MG_PART_TEXT] = "text",       [MG_PART_HEADERS] = "headers",
    [MG_PART_OK] = "ok",     [MG_PART_STATUS] = "status",   [MG_PART_MS] = "ms",
    [MG_PART_NAME] = "name", [MG_PART_PARAMS] = "params",   [MG_PART_QUERY] = "query",
    [MG_PART_ID] = "id",     [MG_PART_METHOD] = "method",   [MG_PART_PATH] = "path",
    [MG_PART_HOST] = "host", [MG_PART_IP] = "ip",           [MG_PART_COOKIES] = "cookies",
    [MG_PART_FORM] = "form", [MG_PART_CONTEXT] = "context",
};

void l_parts_open(lua_State *L, struct mg_vm *vm)
{
    for (int i = 0; i < MG_PARTS; i++) {
        lua_pushstring(L, part_names[i]);
        vm->parts[i] = lua_tostring(L, -1);
        luaL_ref(L, LUA_REGISTRYINDEX); // for good
    }
}

// The part that the string at `index` names.
static enum mg_part part_at(lua_State *L, const struct mg_vm *vm, int index)
{
    const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;
    enum mg_part part = MG_PART_BODY;
    while (part < MG_PARTS && vm->parts[part] != name)
        part++;
    return part;
}

// Places of requests and results that are the gateway's own: the run's serial and, of a result, the
// call's id. Behind them is what a result keeps when the run is over.
enum { AT_RUN = 1, AT_ID, AT_OK, AT_STATUS, AT_MS, AT_NAME, AT_COUNT };

// The run that the request or result at 1 belongs to: the one under way.
static struct mg_run *l_run_of(lua_State *L, const struct mg_vm *vm)
{
    lua_rawgeti(L, 1, AT_RUN);
    if (vm->current && lua_tonumber(L, -1) == vm->current->serial) {
        lua_pop(L, 1);
        return vm->current;
    }
    if (lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "elements 1 and 2 of a request or result are the gateway's own");
    luaL_error(L, "the request has ended: copy what is needed of it before");
    return NULL;
}

// Stores the value on top under the key at 2, so that it is read once, and returns it.
static int l_remember(lua_State *L)
{
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

// Gives the table on top the metatable of headers, which is the reader's second upvalue.
static void l_any_case(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setmetatable(L, -2);
}

// The JSON body, or false and why there is none: "none", "type", "bad" or "wide".
static bool l_push_body(lua_State *L, struct mg_scope *scope, const char **why)
{
    static const char *const faults[] = {"", "none", "bad", "type", "wide"};
    enum mg_scope_fault fault = mg_scope_body(scope);
    if (fault != MG_SCOPE_SOUND) {
        *why = faults[fault];
        return false;
    }
    l_json_push(L, scope->body);
    if (lua_istable(L, -1) && mg_json_type(scope->body) == MG_JSON_OBJECT)
        l_add_declared(L, scope, "body");
    return true;
}

static bool l_push_form(lua_State *L, struct mg_scope *scope)
{
    struct mg_fields form;
    if (!mg_fields_form(&form, mg_buf_str(&scope->request->body), scope->fields_most, scope->arena))
        return false;
    l_push_fields(L, scope, &form, NULL);
    return true;
}

static bool l_push_query(lua_State *L, struct mg_scope *scope)
{
    if (!mg_scope_query(scope))
        return false;
    l_push_fields(L, scope, &scope->query, "query");
    return true;
}

static bool l_push_cookies(lua_State *L, struct mg_scope *scope)
{
    if (!mg_scope_cookies(scope))
        return false;
    l_push_fields(L, scope, &scope->cookies, NULL);
    return true;
}

// Pushes a part of the request; false when the client sent none that can be read.
static bool l_push_part(lua_State *L, struct mg_scope *scope, enum mg_part part, const char **why)
{
    const struct mg_request *request = scope->request;
    switch (part) {
    case MG_PART_BODY:
        return l_push_body(L, scope, why);
    case MG_PART_FORM:
        return l_push_form(L, scope);
    case MG_PART_QUERY:
        return l_push_query(L, scope);
    case MG_PART_COOKIES:
        return l_push_cookies(L, scope);
    case MG_PART_PARAMS:
        l_push_params(L, scope);
        return true;
    case MG_PART_HEADERS:
        l_push_headers(L, &request->headers, scope->arena);
        l_add_declared(L, scope, "headers");
        l_any_case(L);
        return true;
    case MG_PART_CONTEXT:
        lua_newtable(L);
        return true;
    case MG_PART_METHOD:
        lua_pushstring(L, mg_method_word(request->method));
        return true;
    default:
        l_push_str(L, part == MG_PART_ID     ? request->id
                      : part == MG_PART_PATH ? request->path
                      : part == MG_PART_HOST ? request->host
                      : part == MG_PART_IP   ? request->ip
                                             : mg_buf_str(&request->body));
        return true;
    }
}

enum { large = 64 << 10 };

// What is read of a body is as large as limits of requests and results let it be: that is not what
// the function adds. Small ones are not worth the question.
static size_t held_before(lua_State *L, size_t bytes)
{
    return bytes < large ? 0 : mg_budget_held(L);
}

static void give_since(lua_State *L, size_t before)
{
    size_t held = before ? mg_budget_held(L) : 0;
    if (held > before)
        mg_budget_give(held - before);
}

// (request, key) -> what is read of it. Upvalues: the vm, the metatable of headers, and a function
// (key, why) that raises.
static int l_request_index(lua_State *L)
{
    struct mg_vm *vm = l_vm(L);
    enum mg_part part = part_at(L, vm, 2);
    const char *why = NULL;
    if (part == MG_PARTS || (part >= MG_PART_OK && part <= MG_PART_NAME))
        return 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    struct mg_scope *scope = l_run_of(L, vm)->scope;
    size_t held = held_before(L, scope->request->body.len);
    vm->reads = true;
    if (l_push_part(L, scope, part, &why)) {
        give_since(L, held);
        return l_remember(L);
    }
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_pushvalue(L, 2);
    lua_pushstring(L, why);
    lua_call(L, 2, 0);
    return 0;
}

int l_request_reader(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_pushcclosure(L, l_request_index, 3);
    return 1;
}

void l_request_push(lua_State *L, struct mg_run *run)
{
    if (run->request_ref > 0) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, run->request_ref);
        return;
    }
    lua_createtable(L, AT_RUN, run->vm->reads);
    lua_pushnumber(L, run->serial);
    lua_rawseti(L, -2, AT_RUN);
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->vm->request_type);
    lua_setmetatable(L, -2);
    if (run->keeps_request) {
        lua_pushvalue(L, -1);
        run->request_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}

// Pushes a part of a result: its body, text or headers.
static int l_read_result(lua_State *L, struct mg_run *run, enum mg_part part)
{
    lua_rawgeti(L, 1, AT_ID);
    unsigned id = (unsigned)lua_tointeger(L, -1);
    const struct mg_asked *asked = run->host->asked(run->exchange, id);
    if (!asked || !asked->call.result.landed)
        return 0;
    const struct mg_result *result = &asked->call.result;
    struct mg_value value = mg_result_value(result);
    size_t held = held_before(L, value.bytes.len);
    if (part == MG_PART_HEADERS) {
        l_push_headers(L, &result->headers, run->scope->arena);
        l_any_case(L);
    } else if (value.kind == MG_VALUE_MISSING) {
        run->touched = result->error != MG_OK;
        run->touched_id = id;
        run->touched_part = part;
        return 0;
    } else if (value.kind == MG_VALUE_JSON && part == MG_PART_BODY) {
        l_json_push_in(L, run->vm->json, value.bytes);
    } else {
        l_push_str(L, value.bytes);
    }
    give_since(L, held);
    return l_remember(L);
}

// (result, key) -> what is read of it. Upvalues: the vm and the metatable of headers.
static int l_result_index(lua_State *L)
{
    const struct mg_vm *vm = l_vm(L);
    enum mg_part part = part_at(L, vm, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (part <= MG_PART_HEADERS)
        return l_read_result(L, l_run_of(L, vm), part);
    if (part > MG_PART_NAME)
        return 0;
    lua_rawgeti(L, 1, AT_OK + (int)(part - MG_PART_OK));
    return 1;
}

int l_result_reader(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_pushcclosure(L, l_result_index, 2);
    return 1;
}

static void l_push_error(lua_State *L, const struct mg_result *result)
{
    lua_createtable(L, 0, 2);
    lua_pushstring(L, mg_status_word(result->error));
    lua_setfield(L, -2, "kind");
    l_push_str(L, result->message);
    lua_setfield(L, -2, "message");
}

void l_result_push(lua_State *L, const struct mg_run *run, const struct mg_asked *asked,
                   unsigned id, int name)
{
    const struct mg_result *result = &asked->call.result;
    lua_createtable(L, AT_COUNT - 1, 1);
    lua_pushnumber(L, run->serial);
    lua_rawseti(L, -2, AT_RUN);
    lua_pushinteger(L, (lua_Integer)id);
    lua_rawseti(L, -2, AT_ID);
    lua_pushboolean(L, result->error == MG_OK);
    lua_rawseti(L, -2, AT_OK);
    if (result->status) {
        lua_pushinteger(L, result->status);
        lua_rawseti(L, -2, AT_STATUS);
    }
    lua_pushinteger(L, (lua_Integer)result->ms);
    lua_rawseti(L, -2, AT_MS);
    if (name)
        lua_pushvalue(L, name);
    else
        l_push_str(L, asked->name);
    lua_rawseti(L, -2, AT_NAME);
    if (result->error != MG_OK) {
        l_push_error(L, result);
        lua_setfield(L, -2, "error");
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->vm->result_type);
    lua_setmetatable(L, -2);
}
