// Calls by key, as gate.all takes them: all started at once, and what has become of them.
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "script/json_state.h"
#include "script/state.h"

enum kind { NEITHER, CALL, FUTURE };

// What the table of calls has under one key.
struct mg_all {
    double number;
    struct mg_str text; // data is NULL when the key is none
    int type, at;       // of the key in the list of all; what it names comes next
    enum kind kind;
    unsigned id; // of the call in flight
};

// Numbers first, then names in byte order: an order that does not depend on the state.
static int by_key(const void *a, const void *b)
{
    const struct mg_all *one = a, *other = b;
    bool named = one->type != LUA_TNUMBER, other_named = other->type != LUA_TNUMBER;
    if (named != other_named)
        return named - other_named;
    if (one->type != other->type)
        return one->type - other->type;
    if (one->text.data)
        return mg_str_cmp(one->text, other->text);
    return (one->number > other->number) - (one->number < other->number);
}

enum { CALLS = 1, LIST }; // what lies where on the stack

// Whether the value on top is a call, or a future: one of this request's, else that is raised.
static enum kind l_kind(lua_State *L, struct mg_run *run, unsigned *id)
{
    const void *type = lua_istable(L, -1) ? mg_json_type_of(L, -1) : NULL;
    if (!type || type != run->vm->future_type_at)
        return type && type == run->vm->call_type_at ? CALL : NEITHER;
    lua_pushliteral(L, "id");
    lua_rawget(L, -2);
    l_asked_at(L, run, -1);
    *id = (unsigned)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return FUTURE;
}

// Makes room for as many entries again.
static struct mg_all *l_more_entries(lua_State *L, struct mg_arena *arena, struct mg_all *entries,
                                     unsigned cap)
{
    struct mg_all *more = mg_arena_alloc(arena, 2 * cap * sizeof *more);
    if (!more)
        luaL_error(L, "out of memory");
    memcpy(more, entries, cap * sizeof *more);
    return more;
}

// Puts all that the table of calls holds into the list and returns it sorted by its keys.
static struct mg_all *l_entries(lua_State *L, struct mg_run *run, unsigned *count)
{
    enum { at_first = 4 };
    struct mg_arena *arena = run->scope->arena;
    unsigned cap = at_first, n = 0;
    struct mg_all *entries = mg_arena_alloc(arena, cap * sizeof *entries);
    if (!entries)
        luaL_error(L, "out of memory");
    lua_createtable(L, 2 * at_first, 0);
    for (lua_pushnil(L); lua_next(L, CALLS); n++) {
        if (n == cap) {
            entries = l_more_entries(L, arena, entries, cap);
            cap *= 2;
        }
        struct mg_all *entry = &entries[n];
        *entry = (struct mg_all){.type = lua_type(L, -2), .at = 2 * (int)n + 1};
        if (entry->type == LUA_TSTRING)
            entry->text = l_str(L, -2); // borrowed: the list has it
        else
            entry->number = entry->type == LUA_TNUMBER ? lua_tonumber(L, -2) : lua_toboolean(L, -2);
        entry->kind = l_kind(L, run, &entry->id);
        lua_rawseti(L, LIST, entry->at + 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, LIST, entry->at);
    }
    if (n > 1)
        qsort(entries, n, sizeof *entries, by_key);
    *count = n;
    return entries;
}

static struct mg_str name_of(lua_State *L, const struct mg_all *entry, struct mg_arena *arena)
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

// Starts the calls of the table at CALLS and makes the list of all. The number of values that say
// why not, which are pushed: see l_start_all; -1: all are under way.
static int l_start_each(lua_State *L, struct mg_run *run, struct mg_all **all, unsigned *count)
{
    luaL_checktype(L, CALLS, LUA_TTABLE);
    lua_settop(L, CALLS);
    struct mg_all *entries = *all = l_entries(L, run, count);
    for (unsigned i = 0; i < *count; i++) { // before any is started
        if (entries[i].kind != NEITHER)
            continue;
        lua_pushnil(L);
        lua_rawgeti(L, LIST, entries[i].at);
        return 2;
    }
    for (unsigned i = 0; i < *count; i++) {
        if (entries[i].kind == FUTURE)
            continue;
        lua_rawgeti(L, LIST, entries[i].at + 1);
        struct mg_asked *asked = l_call_read(L, lua_gettop(L), run, run->vm);
        lua_settop(L, LIST);
        asked->name = name_of(L, &entries[i], run->scope->arena);
        int why_not = l_asked_start(L, run, asked, &entries[i].id);
        if (why_not >= 0)
            return why_not;
    }
    return -1;
}

int l_start_all(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    struct mg_all *entries;
    unsigned count;
    int failed = l_start_each(L, run, &entries, &count);
    if (failed >= 0)
        return failed;
    lua_createtable(L, (int)count, 0);
    lua_createtable(L, (int)count, 0);
    for (unsigned i = 0; i < count; i++) {
        lua_rawgeti(L, LIST, entries[i].at);
        lua_rawseti(L, LIST + 1, (int)i + 1);
        lua_pushinteger(L, (lua_Integer)entries[i].id);
        lua_rawseti(L, LIST + 2, (int)i + 1);
    }
    return 2;
}

int l_all_start(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    unsigned count;
    int failed = l_start_each(L, run, &run->all, &count);
    if (failed >= 0)
        return failed;
    unsigned *ids = mg_arena_alloc(run->scope->arena, (count + 1) * sizeof *ids);
    if (!ids)
        luaL_error(L, "out of memory");
    for (unsigned i = 0; i < count; i++)
        ids[i] = run->all[i].id;
    run->wait = (struct mg_wait){.mode = MG_WAIT_ALL, .ids = ids, .count = count};
    lua_pushinteger(L, (lua_Integer)count);
    return 2;
}

int l_all_finish(lua_State *L)
{
    enum { LANDED = 1, RESULTS }; // the list of all, what is made of it
    struct mg_run *run = l_run_current(L);
    const struct mg_asked *failed = NULL;
    unsigned count = run->wait.count, failed_id = 0;
    luaL_checktype(L, LANDED, LUA_TTABLE);
    lua_settop(L, LANDED);
    lua_createtable(L, 0, (int)count);
    for (unsigned i = 0; i < count; i++) {
        const struct mg_all *entry = &run->all[i];
        const struct mg_asked *asked = run->host->asked(run->exchange, entry->id);
        if (!asked->call.result.landed)
            continue;
        if (!failed &&
            (asked->verdict == MG_VERDICT_RELAY || asked->verdict == MG_VERDICT_FAILED)) {
            failed = asked;
            failed_id = entry->id;
        }
        lua_rawgeti(L, LANDED, entry->at);
        bool named = entry->kind == CALL && entry->type == LUA_TSTRING;
        l_result_push(L, run, asked, entry->id, named ? lua_gettop(L) : 0);
        lua_rawset(L, RESULTS);
    }
    if (!failed)
        return 1;
    for (unsigned i = 0; i < count; i++)
        run->host->cancel(run->exchange, run->all[i].id);
    lua_pushinteger(L, (lua_Integer)failed_id);
    return 2;
}
