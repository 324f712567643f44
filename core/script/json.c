// What Lua sees of JSON.
#include "script/json.h"

#include <lauxlib.h>

#include "json/scan.h"
#include "script/json_state.h"

// Into memory of the state's, which is used again.
static struct mg_str l_write(lua_State *L, struct mg_json_state *state, int index, const char *root)
{
    mg_buf_clear(&state->text);
    state->text.limit = MG_LUA_JSON_MOST;
    l_json_append_in(L, state, index, &state->text, root);
    return mg_buf_str(&state->text);
}

struct mg_str l_json_text_in(lua_State *L, int index, struct mg_arena *arena, const char *root)
{
    return l_json_text_of(L, mg_json_state(L), index, arena, root);
}

struct mg_str l_json_text_of(lua_State *L, struct mg_json_state *state, int index,
                             struct mg_arena *arena, const char *root)
{
    struct mg_str text = mg_arena_copy(arena, l_write(L, state, index, root));
    mg_json_state_trim(state);
    return text;
}

int l_json_encode(lua_State *L)
{
    struct mg_json_state *state = mg_json_state(L);
    luaL_checkany(L, 1);
    struct mg_str text = l_write(L, state, 1, luaL_optstring(L, 2, "value"));
    lua_pushlstring(L, text.data, text.len);
    mg_json_state_trim(state);
    return 1;
}

// The text argument; when it is no JSON, two values are left to return and data is NULL.
static struct mg_str check_text(lua_State *L)
{
    struct mg_str text;
    size_t error_at;
    luaL_checktype(L, 1, LUA_TSTRING);
    text.data = lua_tolstring(L, 1, &text.len);
    if (mg_json_valid(text, MG_JSON_DEPTH_MOST, &error_at))
        return text;
    lua_pushnil(L);
    if (error_at == text.len)
        lua_pushfstring(L, "not JSON: cut short after byte %d", (int)error_at);
    else
        lua_pushfstring(L, "not JSON: byte %d", (int)error_at + 1);
    return (struct mg_str){0};
}

int l_json_decode(lua_State *L)
{
    struct mg_str text = check_text(L);
    if (!text.data)
        return 2;
    l_json_push(L, text);
    return 1;
}

int l_json_raw(lua_State *L)
{
    struct mg_str text = check_text(L);
    if (!text.data)
        return luaL_argerror(L, 1, lua_tostring(L, -1));
    l_json_push_raw(L, mg_json_trim(text));
    return 1;
}

int l_json_list(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    l_json_mark_list(L, 1);
    lua_settop(L, 1);
    return 1;
}

int l_json_is_decoded(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, mg_json_state(L)->decoded);
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    lua_pushboolean(L, lua_toboolean(L, -1));
    return 1;
}

int l_json_is_list(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, mg_lua_json_is_list(L, 1));
    return 1;
}

int luaopen_moongate_json(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"encode", l_json_encode}, {"decode", l_json_decode},   {"raw", l_json_raw},
        {"list", l_json_list},     {"is_list", l_json_is_list}, {NULL, NULL},
    };
    if (!mg_lua_json_open(L))
        return luaL_error(L, "not enough memory");
    lua_newtable(L);
    for (const luaL_Reg *function = functions; function->name; function++) {
        lua_pushcfunction(L, function->func);
        lua_setfield(L, -2, function->name);
    }
    l_json_push_null(L);
    lua_setfield(L, -2, "null");
    return 1;
}
