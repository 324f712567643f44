// What a Lua state holds, counted in front of its allocator. Nothing is ever refused: this LuaJIT
// crashes when an allocation fails. Beyond a bound an alarm is raised instead, and what runs is
// ended by the hook of its budget.
#ifndef MG_SCRIPT_MEMORY_H
#define MG_SCRIPT_MEMORY_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

struct mg_memory {
    lua_Alloc inner;
    void *owner;  // of `inner`
    size_t held;  // bytes now, garbage that was not collected yet among them
    size_t alarm; // of `held`: beyond, mg_budget_alarm is called, once. SIZE_MAX: none
    size_t given; // what C has put there of a request and its results, whose sizes have bounds
};

// Begins to count; `memory` must stay until mg_memory_leave, which comes before lua_close.
void mg_memory_watch(struct mg_memory *memory, lua_State *L);
void mg_memory_leave(struct mg_memory *memory, lua_State *L);

#endif
