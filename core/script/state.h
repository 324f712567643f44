// What the files of script/ share of a state: its struct and the doors into it.
#ifndef MG_SCRIPT_STATE_H
#define MG_SCRIPT_STATE_H

#include <lua.h>

#include "script/run.h"

enum { MG_VM_THREADS_MOST = 256 }; // coroutines kept for reuse

struct mg_vm {
    lua_State *L;
    const struct mg_sources *sources;
    const struct mg_plan_backend *backends;
    unsigned backend_count;
    struct mg_run *current; // whose coroutine is running; NULL while loading
    struct mg_buf scratch;  // JSON being encoded: owned here, so that a raise leaves nothing behind
    const void *handles;    // the metatable that handles of runs have, as lua_topointer gives it
    int boot;               // registry references
    int main;
    int handle_type;
    int threads[MG_VM_THREADS_MOST];
    unsigned thread_count;
};

// The state's owner, from inside a C function.
struct mg_vm *mg_vm_of(lua_State *L);

int luaopen_moongate_core(lua_State *L);

// Pushes the result of a call as scripts see it; `run` may end before it does.
void l_result_push(lua_State *L, struct mg_run *run, const struct mg_asked *asked, unsigned id);

// Turns the call description at `index` into an asked call in the exchange's arena. Raises when it
// cannot be.
struct mg_asked *l_call_read(lua_State *L, int index, struct mg_run *run, struct mg_vm *vm);

// (handle, part) -> value: a part of the request, for lua/moongate/request.lua.
int l_request_part(lua_State *L);
// (handle, id, part) -> value: a part of a result, for lua/moongate/result.lua.
int l_result_part(lua_State *L);

// The run a handle at `index` stands for; raises when it has ended.
struct mg_run *l_run_check(lua_State *L, int index);

struct mg_str l_str(lua_State *L, int index); // borrowed from the string there; empty when none is

#endif
