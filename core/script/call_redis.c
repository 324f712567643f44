// What a running function asks of Redis. Words are bytes: strings go out as they are.
#include <lauxlib.h>

#include "json/scan.h"
#include "script/json.h"
#include "script/reading.h"

enum { words_most = 1 << 20, commands_most = 1000 };

// The value on top. A nil or null is a value that is missing, and so the call fails.
static struct mg_str l_word(struct mg_reading *r, unsigned index)
{
    lua_State *L = r->L;
    if (lua_isnil(L, -1) || mg_lua_json_is_null(L, -1)) {
        mg_reading_fail(r, MG_MISSING, mg_arena_printf(r->arena, "argument %u is missing", index));
        return MG_STR("");
    }
    if (lua_type(L, -1) == LUA_TBOOLEAN)
        return lua_toboolean(L, -1) ? MG_STR("1") : MG_STR("0");
    if (lua_type(L, -1) == LUA_TSTRING)
        return l_read_keep(r, l_str(L, -1));
    if (lua_type(L, -1) == LUA_TNUMBER)
        return l_read_keep(r, l_read_text(r, lua_gettop(L), "args"));
    return l_read_json(r, lua_gettop(L), "args");
}

static void l_command(struct mg_reading *r, struct mg_redis_command *command)
{
    struct mg_str *words, name = l_read_string(r, MG_FIELD_VERB);
    lua_Number count = 0;
    bool has_args = l_read_table(r, MG_FIELD_ARGS);
    if (has_args) {
        lua_getfield(r->L, -1, "n");
        count = lua_tonumber(r->L, -1);
        lua_pop(r->L, 1);
    }
    if (!(count >= 0 && count <= words_most))
        luaL_error(r->L, "more arguments than a command may have");
    l_read_memory(r, words = mg_arena_zero(r->arena, (size_t)count + 1, sizeof *words));
    words[0] = name;
    for (unsigned i = 1; i <= (unsigned)count; i++) {
        lua_rawgeti(r->L, -1, (int)i);
        words[i] = l_word(r, i);
        lua_pop(r->L, 1);
    }
    *command = (struct mg_redis_command){words, (unsigned)count + 1};
    if (has_args)
        lua_pop(r->L, 1);
}

void l_read_redis(struct mg_reading *r)
{
    struct mg_redis_ask *ask = &r->asked->call.redis;
    struct mg_redis_command *commands;
    ask->atomic = l_read_table(r, MG_FIELD_CALLS);
    size_t count = ask->atomic ? lua_objlen(r->L, -1) : 1;
    if (count < 1 || count > commands_most)
        luaL_error(r->L, "an atomic call has 1 to %d calls", commands_most);
    l_read_memory(r, commands = mg_arena_zero(r->arena, count, sizeof *commands));
    for (unsigned i = 0; i < count && ask->atomic; i++) {
        int whole = l_read_element(r, i);
        l_command(r, &commands[i]);
        l_read_close(r, whole);
    }
    if (ask->atomic)
        lua_pop(r->L, 1);
    else
        l_command(r, commands);
    ask->commands = commands;
    ask->count = (unsigned)count;
}
