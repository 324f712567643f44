// What a function may use up: CPU time of a request, or of loading, and memory. What is beyond is
// ended where it stands, whatever it does to go on: the hook that ends it raises before every
// instruction, until the coroutine is dead.
//
// While a function is within its budget nothing is counted and no hook is set. Each thread that
// runs scripts has a timer over its own CPU time; each of its ticks is charged to what runs then,
// and has its memory looked at. No allocation is ever refused: this LuaJIT crashes when one fails.
#ifndef MG_SCRIPT_BUDGET_H
#define MG_SCRIPT_BUDGET_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "script/sight.h"

enum { MG_BUDGET_TICK_MS = 10 };

enum mg_budget_end {
    MG_BUDGET_KEPT,
    MG_BUDGET_TIME,
    MG_BUDGET_MEMORY,
};

struct mg_budget {
    uint32_t most_ms;       // CPU time, of all entries that share `used_ms`; 0: no bound
    uint32_t slice_ms;      // CPU time of one entry from which on its place is noted; 0: none
    uint32_t *used_ms;      // charged by a signal handler
    size_t most_bytes;      // that the state may grow by in one entry; 0: no bound
    struct mg_sight *sight; // told with each tick where the author's code stands; NULL: nobody
};

// One stay of a thread in a Lua state: on the C stack of whoever calls into Lua. They may be
// nested.
struct mg_budget_entry {
    struct mg_budget_entry *outer;
    lua_State *L;
    struct mg_budget budget;
    volatile uint32_t slice_used_ms;
    volatile bool settling; // the hook is being taken away: the handler must not set it meanwhile
    size_t began_bytes;     // what the state held then, and what was given to it since
    uint32_t sighted_ms;    // of slice_used_ms, when the sight was told last
    int64_t clock;          // of the thread's CPU in ns: only where there is no timer
    enum mg_budget_end end; // how it went
    char file[128];         // the author's code that was ended, or was slow; "" when none is known
    int line;
};

// Around every call into Lua that runs an author's code. `leave` says how it went: unless KEPT, the
// coroutine is dead, or what it did at last counts for nothing.
void mg_budget_enter(struct mg_budget_entry *entry, lua_State *L, const struct mg_budget *budget);
enum mg_budget_end mg_budget_leave(struct mg_budget_entry *entry);

// For C code that may take long: raises when the innermost entry's time is used up, or without an
// entry what the state's hook has to raise.
void l_budget_check(lua_State *L);

// C has put there what came with a request or its results, whose sizes have limits of their own.
void mg_budget_give(size_t bytes);

// Bytes in the state, garbage that was not collected among them.
size_t mg_budget_held(lua_State *L);

#endif
