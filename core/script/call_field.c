#include "script/call_field.h"

#include <lauxlib.h>

#include "script/state.h"

static const char *const names[MG_FIELDS] = {
    "kind",   "backend", "verb",      "path",    "params", "query",    "headers",      "json",
    "form",   "text",    "xml",       "forward", "within", "optional", "has_fallback", "fallback",
    "accept", "relay",   "redirects", "sql",     "args",   "calls",    "value",        "delay",
};

void l_call_fields_open(lua_State *L, struct mg_vm *vm)
{
    for (int i = 0; i < MG_FIELDS; i++) {
        lua_pushstring(L, names[i]);
        vm->fields[i] = lua_tostring(L, -1);
        vm->field_refs[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}

enum mg_call_field mg_call_field_at(lua_State *L, const struct mg_vm *vm, int index)
{
    const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;
    enum mg_call_field field = MG_FIELD_KIND;
    while (field < MG_FIELDS && vm->fields[field] != name)
        field++;
    return field;
}

const char *mg_call_field_name(enum mg_call_field field)
{
    return names[field];
}

// Puts the value on top into the call below it.
static void l_set(lua_State *L, const struct mg_vm *vm, int call, enum mg_call_field field)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->field_refs[field]);
    lua_insert(L, -2);
    lua_rawset(L, call);
}

// Takes the option on top, whose name lies below it, when nothing can be wrong with it.
static bool l_take_option(lua_State *L, const struct mg_vm *vm, int call, bool has_body)
{
    enum mg_call_field field = mg_call_field_at(L, vm, -2);
    bool plain = field == MG_FIELD_PARAMS     ? lua_istable(L, -1)
                 : field == MG_FIELD_OPTIONAL ? lua_isboolean(L, -1)
                 : field == MG_FIELD_JSON     ? has_body
                                              : field == MG_FIELD_FALLBACK;
    if (!plain)
        return false;
    if (field == MG_FIELD_FALLBACK) {
        lua_pushboolean(L, true);
        l_set(L, vm, call, MG_FIELD_HAS_FALLBACK);
    }
    if (field == MG_FIELD_OPTIONAL && !lua_toboolean(L, -1))
        lua_pop(L, 1);
    else
        l_set(L, vm, call, field);
    return true;
}

// Most calls of running code have few options and simple ones. Whatever else there is goes through
// the schemas of lua/moongate/options.lua, which can also say what is wrong.
int l_call_describe(lua_State *L)
{
    enum { KIND = 1, BACKEND, VERB, PATH, OPTIONS, CALL };
    const struct mg_vm *vm = l_vm(L);
    lua_settop(L, OPTIONS);
    struct mg_str verb = l_str(L, VERB);
    bool options = lua_istable(L, OPTIONS),
         has_body = !mg_str_is(verb, "GET") && !mg_str_is(verb, "HEAD");
    if (!verb.len || lua_type(L, BACKEND) != LUA_TSTRING || lua_type(L, PATH) != LUA_TSTRING ||
        (!options && !lua_isnil(L, OPTIONS)) || (options && lua_getmetatable(L, OPTIONS)))
        return 0;
    lua_createtable(L, 0, 8);
    for (int i = KIND; i <= PATH; i++) {
        lua_pushvalue(L, i);
        l_set(L, vm, CALL, (enum mg_call_field)(i - KIND));
    }
    if (options)
        for (lua_pushnil(L); lua_next(L, OPTIONS);)
            if (!l_take_option(L, vm, CALL, has_body))
                return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->call_type);
    lua_setmetatable(L, CALL);
    lua_settop(L, CALL);
    return 1;
}
