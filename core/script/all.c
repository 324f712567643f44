// gate.all: what is started at once, and what has become of it.
#include <lauxlib.h>
#include <stdlib.h>

#include "script/json_state.h"
#include "script/state.h"

struct entry {
    double number;
    struct mg_str text; // data is NULL when the key is none
    int type, at;       // of the key in the list of all
};

// Numbers first, then names in byte order: an order that does not depend on the state.
static int by_key(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    bool named = one->type != LUA_TNUMBER, other_named = other->type != LUA_TNUMBER;
    if (named != other_named)
        return named - other_named;
    if (one->type != other->type)
        return one->type - other->type;
    if (one->text.data)
        return mg_str_cmp(one->text, other->text);
    return (one->number > other->number) - (one->number < other->number);
}

// Pushes the keys of the table at 1 as a list and returns them sorted.
static struct entry *l_entries(lua_State *L, struct mg_arena *arena, unsigned *count)
{
    unsigned most = 0, n = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        most++;
    struct entry *entries = mg_arena_zero(arena, most + 1, sizeof *entries);
    if (!entries)
        luaL_error(L, "out of memory");
    lua_createtable(L, (int)most, 0);
    int keys = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        struct entry *entry = &entries[n++];
        entry->at = (int)n;
        entry->type = lua_type(L, -2);
        entry->number = entry->type == LUA_TNUMBER ? lua_tonumber(L, -2) : lua_toboolean(L, -2);
        if (entry->type == LUA_TSTRING)
            entry->text = mg_arena_copy(arena, l_str(L, -2));
        lua_pushvalue(L, -2);
        lua_rawseti(L, keys, entry->at);
    }
    qsort(entries, n, sizeof *entries, by_key);
    *count = n;
    return entries;
}

enum { NO_MORE = -1, OWED = -2 };

// The id of the call or future on top. NO_MORE: the request may make no more calls. OWED: the
// client should have sent what the call needs; where and how is pushed.
static int l_id(lua_State *L, struct mg_run *run, const struct entry *entry)
{
    struct mg_vm *vm = run->vm;
    if (mg_json_type_of(L, -1) == vm->future_type_at) {
        lua_pushliteral(L, "id");
        lua_rawget(L, -2);
        int id = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
        return id;
    }
    struct mg_asked *asked = l_call_read(L, lua_gettop(L), run, vm);
    asked->name = entry->text;
    if (entry->type == LUA_TNUMBER)
        asked->name = mg_arena_printf(run->scope->arena, "%.14g", entry->number);
    else if (entry->type == LUA_TBOOLEAN)
        asked->name = entry->number ? MG_STR("true") : MG_STR("false");
    else if (!entry->text.data)
        asked->name = mg_str_of(lua_typename(L, entry->type));
    if (asked->owed.what.len) {
        lua_pushlstring(L, asked->owed.what.data, asked->owed.what.len);
        lua_pushstring(L, asked->owed.why);
        return OWED;
    }
    int id = run->host->start(run->exchange, asked);
    return id < 0 ? NO_MORE : id;
}

// Puts the sorted keys into the table at 3. False: the value of the key on top is no call.
static bool l_check_all(lua_State *L, struct mg_run *run, const struct entry *entries,
                        unsigned count)
{
    const struct mg_vm *vm = run->vm;
    for (unsigned i = 0; i < count; i++) {
        lua_rawgeti(L, 2, entries[i].at);
        lua_pushvalue(L, -1);
        lua_rawseti(L, 3, (int)i + 1);
        lua_pushvalue(L, -1);
        lua_rawget(L, 1);
        const void *type = lua_istable(L, -1) ? mg_json_type_of(L, -1) : NULL;
        if (type && type == vm->future_type_at) {
            lua_getfield(L, -1, "id");
            l_asked_at(L, run, -1); // raises when it is none of this request's
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
        if (!type || (type != vm->future_type_at && type != vm->call_type_at))
            return false;
        lua_pop(L, 1);
    }
    return true;
}

int l_start_all(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    unsigned count;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const struct entry *entries = l_entries(L, run->scope->arena, &count);
    lua_createtable(L, (int)count, 0);
    if (!l_check_all(L, run, entries, count)) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    lua_createtable(L, (int)count, 0);
    for (unsigned i = 0; i < count; i++) {
        lua_rawgeti(L, 3, (int)i + 1);
        lua_rawget(L, 1);
        int id = l_id(L, run, &entries[i]);
        if (id == NO_MORE)
            return 0;
        if (id == OWED) {
            lua_pushnil(L);
            lua_insert(L, -3);
            return 3;
        }
        lua_pop(L, 1);
        lua_pushinteger(L, id);
        lua_rawseti(L, 4, (int)i + 1);
    }
    return 2;
}

int l_finish_all(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    int count = (int)lua_objlen(L, 2), failed = 0;
    lua_settop(L, 2);
    lua_createtable(L, 0, count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, 2, i);
        const struct mg_asked *asked = l_asked_at(L, run, -1);
        unsigned id = (unsigned)lua_tointeger(L, -1);
        lua_pop(L, 1);
        if (!asked->call.result.landed)
            continue;
        if (!failed && (asked->verdict == MG_VERDICT_RELAY || asked->verdict == MG_VERDICT_FAILED))
            failed = i;
        lua_rawgeti(L, 1, i);
        l_result_push(L, run, asked, id);
        lua_rawset(L, 3);
    }
    if (!failed)
        return 1;
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, 2, i);
        run->host->cancel(run->exchange, (unsigned)lua_tointeger(L, -1));
        lua_pop(L, 1);
    }
    lua_rawgeti(L, 2, failed);
    return 2;
}
