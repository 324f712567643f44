#include "script/memory.h"

#include "script/budget.h"

static void *allocate(void *owner, void *block, size_t old, size_t size)
{
    struct mg_memory *memory = owner;
    memory->held += size - old;
    if (memory->held > memory->alarm && size > old) {
        memory->alarm = SIZE_MAX;
        mg_budget_alarm();
    }
    return memory->inner(memory->owner, block, old, size);
}

void mg_memory_watch(struct mg_memory *memory, lua_State *L)
{
    enum { kib = 1024 };
    memory->inner = lua_getallocf(L, &memory->owner);
    memory->held = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * kib + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
    memory->alarm = SIZE_MAX;
    lua_setallocf(L, allocate, memory);
}

// LuaJIT's own allocator is freed as a whole by lua_close, if it is there then.
void mg_memory_leave(struct mg_memory *memory, lua_State *L)
{
    if (memory->inner)
        lua_setallocf(L, memory->inner, memory->owner);
}
