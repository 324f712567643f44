#include "script/call_field.h"

#include <lauxlib.h>

#include "script/state.h"

static const char *const names[MG_FIELDS] = {
    "kind",   "backend", "verb",      "path", "params", "optional", "has_fallback", "fallback",
    "json",   "query",   "headers",   "form", "text",   "xml",      "forward",      "within",
    "accept", "relay",   "redirects", "sql",  "args",   "calls",    "value",        "delay",
};

void l_call_fields_open(lua_State *L, struct mg_vm *vm)
{
    for (int i = 0; i < MG_FIELDS; i++) {
        lua_pushstring(L, names[i]);
        vm->fields[i] = lua_tostring(L, -1);
        luaL_ref(L, LUA_REGISTRYINDEX); // for good
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
        lua_rawseti(L, call, mg_call_field_place(MG_FIELD_HAS_FALLBACK));
    }
    lua_rawseti(L, call, mg_call_field_place(field));
    return true;
}

// Most calls of running code have few options and simple ones. Whatever else there is goes through
// the schemas of lua/moongate/options.lua, which can also say what is wrong.
int l_call_describe(lua_State *L)
{
    enum { ORIGIN = 1, PATH, OPTIONS, CALL };
    struct mg_vm *vm = l_vm(L);
    lua_settop(L, OPTIONS);
    const struct mg_origin *origin = mg_origin_at(vm, lua_tonumber(L, ORIGIN));
    bool options = lua_istable(L, OPTIONS);
    if (!origin || lua_type(L, PATH) != LUA_TSTRING || (!options && !lua_isnil(L, OPTIONS)) ||
        (options && lua_getmetatable(L, OPTIONS)))
        return 0;
    bool has_body = origin->any || (origin->method != MG_GET && origin->method != MG_HEAD);
    lua_createtable(L, mg_call_field_place(options ? MG_FIELDS_OF_LIST - 1 : MG_FIELD_PATH), 0);
    for (int i = ORIGIN; i <= PATH; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, CALL, i);
    }
    if (options) {
        lua_pushboolean(L, false);
        lua_rawseti(L, CALL, mg_call_field_place(MG_FIELD_MORE));
        for (lua_pushnil(L); lua_next(L, OPTIONS);)
            if (!l_take_option(L, vm, CALL, has_body))
                return 0;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->call_type);
    lua_setmetatable(L, CALL);
    lua_settop(L, CALL);
    return 1;
}
