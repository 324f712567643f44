#include "script/origin.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "script/state.h"

int l_origin(lua_State *L)
{
    struct mg_origins *origins = &l_vm(L)->origins;
    struct mg_origin origin = {.any = true};
    luaL_checktype(L, 1, LUA_TSTRING);
    luaL_checktype(L, 2, LUA_TSTRING);
    if (origins->count == origins->cap) {
        unsigned cap = origins->cap ? origins->cap * 2 : 16;
        struct mg_origin *items = realloc(origins->items, cap * sizeof *items);
        if (!items)
            return luaL_error(L, "out of memory");
        origins->items = items;
        origins->cap = cap;
    }
    origin.name = mg_arena_copy(&origins->arena, l_str(L, 1));
    if (!origin.name.data)
        return luaL_error(L, "out of memory");
    origin.any = !mg_method_of(l_str(L, 2), &origin.method);
    origins->items[origins->count++] = origin;
    lua_pushinteger(L, (lua_Integer)origins->count);
    return 1;
}

// What the backends are is not known yet while route files say whom they ask.
const struct mg_origin *mg_origin_at(struct mg_vm *vm, double number)
{
    if (!(number >= 1 && number <= vm->origins.count))
        return NULL;
    struct mg_origin *origin = &vm->origins.items[(unsigned)number - 1];
    if (!origin->backend)
        origin->backend =
            mg_plan_backend_find(vm->backends, vm->backend_count, MG_CALL_HTTP, origin->name);
    return origin;
}

void mg_origins_fini(struct mg_origins *origins)
{
    free(origins->items);
    mg_arena_fini(&origins->arena);
    *origins = (struct mg_origins){0};
}
