// gate.all: what is started at once, and what has become of it.
#include <lauxlib.h>
#include <stdlib.h>

#include "script/json_state.h"
#include "script/state.h"

struct entry {
    double number;
    struct mg_str text; // data is NULL when the key is none
    int type, at;       // of the key in the list of all; what it names comes next
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

enum { CALLS = 1, LIST, KEYS, IDS }; // what lies where on the stack

// Puts all that the table of calls holds into the list and returns it sorted by its keys.
static struct entry *l_entries(lua_State *L, struct mg_arena *arena, unsigned *count)
{
    unsigned most = 0, n = 0;
    for (lua_pushnil(L); lua_next(L, CALLS); lua_pop(L, 1))
        most++;
    struct entry *entries = mg_arena_alloc(arena, (most + 1) * sizeof *entries);
    if (!entries)
        luaL_error(L, "out of memory");
    lua_createtable(L, 2 * (int)most, 0);
    for (lua_pushnil(L); lua_next(L, CALLS); n++) {
        int type = lua_type(L, -2);
        entries[n] = (struct entry){.type = type, .at = 2 * (int)n + 1};
        if (type == LUA_TSTRING)
            entries[n].text = l_str(L, -2); // borrowed: the list has it
        else
            entries[n].number = type == LUA_TNUMBER ? lua_tonumber(L, -2) : lua_toboolean(L, -2);
        lua_rawseti(L, LIST, entries[n].at + 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, LIST, entries[n].at);
    }
    if (n > 1)
        qsort(entries, n, sizeof *entries, by_key);
    *count = n;
    return entries;
}

enum { NO_MORE = -1, OWED = -2 };

static struct mg_str name_of(lua_State *L, const struct entry *entry, struct mg_arena *arena)
{
    switch (entry->type) {
    case LUA_TSTRING:
        return mg_arena_copy(arena, entry->text);
    case LUA_TNUMBER:
        return mg_arena_printf(arena, "%.14g", entry->number);
    case LUA_TBOOLEAN:
        return entry->number ? MG_STR("true") : MG_STR("false");
    default:
        return mg_str_of(lua_typename(L, entry->type));
    }
}

// The id of the entry's call or future. NO_MORE: the request may make no more calls. OWED: the
// client should have sent what the call needs; where and how is pushed.
static int l_id(lua_State *L, struct mg_run *run, const struct entry *entry)
{
    struct mg_vm *vm = run->vm;
    lua_rawgeti(L, LIST, entry->at + 1);
    int top = lua_gettop(L);
    if (mg_json_type_of(L, top) == vm->future_type_at) {
        lua_pushliteral(L, "id");
        lua_rawget(L, top);
        int id = (int)lua_tointeger(L, -1);
        lua_settop(L, top - 1);
        return id;
    }
    struct mg_asked *asked = l_call_read(L, top, run, vm);
    asked->name = name_of(L, entry, run->scope->arena);
    lua_settop(L, top - 1);
    if (asked->owed.what.len) {
        lua_pushlstring(L, asked->owed.what.data, asked->owed.what.len);
        lua_pushstring(L, asked->owed.why);
        return OWED;
    }
    int id = run->host->start(run->exchange, asked);
    return id < 0 ? NO_MORE : id;
}

// Raises when the value on top is a future, but none of this request's. False: it is no call.
static bool l_check(lua_State *L, struct mg_run *run)
{
    const struct mg_vm *vm = run->vm;
    const void *type = lua_istable(L, -1) ? mg_json_type_of(L, -1) : NULL;
    if (type && type == vm->future_type_at) {
        lua_getfield(L, -1, "id");
        l_asked_at(L, run, -1);
        lua_pop(L, 1);
    }
    return type && (type == vm->future_type_at || type == vm->call_type_at);
}

int l_start_all(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    unsigned count;
    luaL_checktype(L, CALLS, LUA_TTABLE);
    lua_settop(L, CALLS);
    const struct entry *entries = l_entries(L, run->scope->arena, &count);
    lua_createtable(L, (int)count, 0);
    for (unsigned i = 0; i < count; i++) { // before any is started
        lua_rawgeti(L, LIST, entries[i].at);
        lua_rawgeti(L, LIST, entries[i].at + 1);
        bool fine = l_check(L, run);
        lua_pop(L, 1);
        if (!fine) {
            lua_pushnil(L);
            lua_insert(L, -2);
            return 2;
        }
        lua_rawseti(L, KEYS, (int)i + 1);
    }
    lua_createtable(L, (int)count, 0);
    for (unsigned i = 0; i < count; i++) {
        int id = l_id(L, run, &entries[i]);
        if (id == NO_MORE)
            return 0;
        if (id == OWED) {
            lua_pushnil(L);
            lua_insert(L, -3);
            return 3;
        }
        lua_pushinteger(L, id);
        lua_rawseti(L, IDS, (int)i + 1);
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
