// What a running function asks of the keeper of tasks, as a call of its own.
#include <lauxlib.h>

#include "script/state.h"

void mg_vm_tickets(struct mg_vm *vm, unsigned home)
{
    vm->keeps_tickets = true;
    vm->home = home;
}

// Lua's own, which the table holds.
static struct mg_str l_text(lua_State *L, const char *field)
{
    lua_getfield(L, 2, field);
    struct mg_str text = l_str(L, -1);
    lua_pop(L, 1);
    return text;
}

static lua_Number l_number(lua_State *L, const char *field)
{
    lua_getfield(L, 2, field);
    lua_Number number = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return number;
}

// (verb, { task, id, owner, text, keep, tries, progress }) -> id of the call, which has been
// started; nil when the request may make no more
int l_ticket(lua_State *L)
{
    static const char *const verbs[] = {"add",      "get",   "result", "cancel",
                                        "progress", "write", NULL};
    struct mg_vm *vm = l_vm(L);
    struct mg_run *run = l_run_current(L);
    struct mg_arena *arena = run->scope->arena;
    struct mg_ticket_ask ask = {.verb = (enum mg_ticket_verb)luaL_checkoption(L, 1, NULL, verbs)};
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!vm->keeps_tickets)
        return luaL_error(L, "no tasks are kept here: no gateway runs");
    ask.task = l_text(L, "task");
    ask.id = l_text(L, "id");
    ask.owner = l_text(L, "owner");
    ask.text = l_text(L, "text");
    ask.keep = (uint64_t)l_number(L, "keep");
    ask.tries = (unsigned)l_number(L, "tries");
    ask.progress = l_number(L, "progress");
    ask.home = vm->home;
    struct mg_asked *asked = MG_ARENA_NEW(arena, struct mg_asked);
    struct mg_str name = mg_arena_copy(arena, ask.task.len ? ask.task : MG_STR("task"));
    if (!asked || !name.len)
        return luaL_error(L, "out of memory");
    asked->name = name;
    asked->call.kind = MG_CALL_TICKET;
    asked->call.arena = arena;
    asked->call.ticket = ask;
    // Whoever the call goes to has copied what it needs when this returns. A task that writes much
    // would otherwise hold all of it until it ends.
    int id = run->host->start(run->exchange, asked);
    asked->call.ticket = (struct mg_ticket_ask){.verb = ask.verb};
    if (id < 0)
        return 0;
    lua_pushinteger(L, id);
    return 1;
}

// () -> the request that is answered; nil when the run is about none
int l_request(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    if (run->chore)
        return 0;
    l_request_push(L, run);
    return 1;
}
