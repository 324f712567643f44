#include "script/json_state.h"

#include <stdlib.h>

#include "script/json.h"

static const char registry_key; // its address is the key

struct mg_json_state *mg_json_state(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&registry_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    struct mg_json_state *state = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return state;
}

void mg_json_state_trim(struct mg_json_state *state)
{
    enum { kept = 64 << 10 };
    if (state->text.cap > kept)
        mg_buf_fini(&state->text);
    if (state->key_cap > kept / sizeof *state->keys) {
        free(state->keys);
        state->keys = NULL;
        state->key_cap = 0;
    }
}

static int l_collect(lua_State *L)
{
    struct mg_json_state *state = lua_touserdata(L, 1);
    mg_buf_fini(&state->text);
    free(state->keys);
    state->keys = NULL;
    state->key_cap = 0;
    return 0;
}

const void *mg_json_type_of(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return NULL;
    const void *type = lua_topointer(L, -1);
    lua_pop(L, 1);
    return type;
}

static void push_literal(lua_State *L, struct mg_str text, int type)
{
    struct mg_json_literal *literal = lua_newuserdata(L, sizeof *literal + text.len);
    literal->len = text.len;
    if (text.len)
        memcpy(literal->text, text.data, text.len);
    lua_rawgeti(L, LUA_REGISTRYINDEX, type);
    lua_setmetatable(L, -2);
}

void l_json_push_big(lua_State *L, struct mg_json_state *state, struct mg_str digits)
{
    luaL_checkstack(L, 6, "too many values");
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->bigs);
    lua_pushlstring(L, digits.data, digits.len);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        push_literal(L, digits, state->big);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
}

void l_json_push_raw(lua_State *L, struct mg_str valid)
{
    push_literal(L, valid, mg_json_state(L)->raw);
}

void l_json_push_null(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, mg_json_state(L)->null);
}

bool mg_lua_json_is_null(lua_State *L, int index)
{
    const void *value = lua_touserdata(L, index);
    return value && value == mg_json_state(L)->null_value;
}

bool mg_lua_json_is_list(lua_State *L, int index)
{
    return lua_istable(L, index) && mg_json_type_of(L, index) == mg_json_state(L)->list_type;
}

bool mg_lua_json_digits(lua_State *L, int index, struct mg_str *digits)
{
    if (lua_type(L, index) != LUA_TUSERDATA ||
        mg_json_type_of(L, index) != mg_json_state(L)->big_type)
        return false;
    *digits = mg_json_literal(L, index);
    return true;
}

void l_json_mark_list(lua_State *L, int index)
{
    struct mg_json_state *state = mg_json_state(L);
    const void *type = mg_json_type_of(L, index);
    if (type == state->list_type)
        return;
    if (type)
        luaL_error(L, "a table with a metatable of its own cannot be marked as a list");
    lua_pushvalue(L, index);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->list);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

static int l_literal_tostring(lua_State *L)
{
    struct mg_str text = mg_json_literal(L, 1);
    lua_pushlstring(L, text.data, text.len);
    return 1;
}

static int l_null_tostring(lua_State *L)
{
    lua_pushliteral(L, "null");
    return 1;
}

static int l_big_concat(lua_State *L)
{
    for (int i = 1; i <= 2; i++) {
        struct mg_str digits;
        if (mg_lua_json_digits(L, i, &digits))
            lua_pushlstring(L, digits.data, digits.len);
        else if (lua_isstring(L, i))
            lua_pushvalue(L, i);
        else
            luaL_error(L, "attempt to concatenate a %s value", luaL_typename(L, i));
    }
    lua_concat(L, 2);
    return 1;
}

static int l_big_refuse(lua_State *L)
{
    struct mg_str digits;
    if (!mg_lua_json_digits(L, 1, &digits) && !mg_lua_json_digits(L, 2, &digits))
        digits = MG_STR("?");
    lua_pushlstring(L, digits.data, digits.len > 40 ? 40 : digits.len);
    return luaL_error(L,
                      "%s%s is beyond 2^53: it keeps its digits, but cannot be calculated with or "
                      "compared by size (tostring gives the digits)",
                      lua_tostring(L, -1), digits.len > 40 ? "..." : "");
}

// Pushes a metatable that scripts can neither see nor replace.
static void push_metatable(lua_State *L, const luaL_Reg *methods)
{
    lua_newtable(L);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    for (; methods->name; methods++) {
        lua_pushcfunction(L, methods->func);
        lua_setfield(L, -2, methods->name);
    }
}

// Keeps the value on top for good; returns its reference and its address.
static int keep(lua_State *L, const void **address)
{
    *address = lua_topointer(L, -1);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

// A table that holds none of its keys, or values, for whoever has no other use for them.
static int make_weak(lua_State *L, const char *mode)
{
    const void *unused;
    lua_newtable(L);
    lua_newtable(L);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    return keep(L, &unused);
}

static void make_values(lua_State *L, struct mg_json_state *state)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg raw[] = {{"__tostring", l_literal_tostring}, {NULL, NULL}};
    static const luaL_Reg null[] = {{"__tostring", l_null_tostring}, {NULL, NULL}};
    static const luaL_Reg big[] = {
        {"__tostring", l_literal_tostring},
        {"__concat", l_big_concat},
        {"__add", l_big_refuse},
        {"__sub", l_big_refuse},
        {"__mul", l_big_refuse},
        {"__div", l_big_refuse},
        {"__mod", l_big_refuse},
        {"__pow", l_big_refuse},
        {"__unm", l_big_refuse},
        {"__lt", l_big_refuse},
        {"__le", l_big_refuse},
        {NULL, NULL},
    };
    push_metatable(L, none);
    state->list = keep(L, &state->list_type);
    push_metatable(L, raw);
    state->raw = keep(L, &state->raw_type);
    push_metatable(L, big);
    state->big = keep(L, &state->big_type);

    lua_newuserdata(L, 1);
    push_metatable(L, null);
    lua_newtable(L); // what is looked up in null is nil
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    state->null_value = lua_touserdata(L, -1);
    const void *unused;
    state->null = keep(L, &unused);

    state->bigs = make_weak(L, "v");
    state->decoded = make_weak(L, "k");
}

static int l_open(lua_State *L)
{
    static const luaL_Reg collect[] = {{"__gc", l_collect}, {NULL, NULL}};
    if (mg_json_state(L))
        return 0;
    lua_pushlightuserdata(L, (void *)&registry_key);
    struct mg_json_state *state = lua_newuserdata(L, sizeof *state);
    *state = (struct mg_json_state){0};
    push_metatable(L, collect);
    lua_setmetatable(L, -2);
    make_values(L, state);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return 0;
}

bool mg_lua_json_open(lua_State *L)
{
    if (lua_cpcall(L, l_open, NULL) == 0)
        return true;
    lua_pop(L, 1); // the message: there is only one reason
    return false;
}
