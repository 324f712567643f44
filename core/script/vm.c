#include "script/vm.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdlib.h>

#include "base/log.h"
#include "script/budget.h"
#include "script/json.h"
#include "script/json_state.h"
#include "script/library.h"
#include "script/state.h"
#include "script/text.h"

#ifdef MG_SANITIZED
// LuaJIT's own allocator hides its blocks from the sanitizers.
static void *allocate(void *unused, void *block, size_t old, size_t size)
{
    if (size)
        return realloc(block, size);
    free(block);
    return NULL;
}

lua_State *mg_vm_new_state(void)
{
    return lua_newstate(allocate, NULL);
}
#else
lua_State *mg_vm_new_state(void)
{
    return luaL_newstate();
}
#endif

struct mg_str l_str(lua_State *L, int index)
{
    struct mg_str text = {0};
    if (lua_type(L, index) == LUA_TSTRING)
        text.data = lua_tolstring(L, index, &text.len);
    return text;
}

static const char vm_key; // its address names the vm in the registry

struct mg_vm *mg_vm_of(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&vm_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    struct mg_vm *vm = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return vm;
}

static int l_load_library(lua_State *L)
{
    const struct mg_library *entry = lua_touserdata(L, lua_upvalueindex(1));
    char name[64];
    snprintf(name, sizeof name, "=%s", entry->module);
    if (luaL_loadbufferx(L, entry->text.data, entry->text.len, name, "t") != 0)
        return lua_error(L);
    // Also where the state compiles, see l_open.
    luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF);
    lua_pushstring(L, entry->module);
    lua_call(L, 1, 1);
    return 1;
}

void l_library_preload(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    for (const struct mg_library *entry = mg_library; entry->module; entry++) {
        lua_pushlightuserdata(L, (void *)entry);
        lua_pushcclosure(L, l_load_library, 1);
        lua_setfield(L, -2, entry->module);
    }
    lua_pushcfunction(L, luaopen_moongate_json);
    lua_setfield(L, -2, "moongate.json_core");
    lua_pushcfunction(L, luaopen_moongate_text);
    lua_setfield(L, -2, "moongate.text");
    lua_pop(L, 2);
}

static void l_preload(lua_State *L)
{
    l_library_preload(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_moongate_core);
    lua_setfield(L, -2, "moongate.core");
    lua_pop(L, 2);
}

static void l_require(lua_State *L, const char *module)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
}

// A reference to a field of the module on top.
static int l_keep(lua_State *L, const char *field)
{
    lua_getfield(L, -1, field);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

// The address of a metatable that the module on top has for good.
static const void *l_address(lua_State *L, const char *field)
{
    lua_getfield(L, -1, field);
    const void *address = lua_topointer(L, -1);
    lua_pop(L, 1);
    return address;
}

// A limit's default, from the module on top.
static uint64_t l_default(lua_State *L, const char *name)
{
    lua_getfield(L, -1, "by_name");
    lua_getfield(L, -1, name);
    lua_getfield(L, -1, "default");
    uint64_t value = (uint64_t)lua_tonumber(L, -1);
    lua_pop(L, 3);
    return value;
}

static int l_open(lua_State *L)
{
    struct mg_vm *vm = lua_touserdata(L, 1);
    luaL_openlibs(L);
    // This LuaJIT (2.1.0-beta3 of 2022) was seen to crash in compiled loops over pairs(), about
    // once in twenty runs of the library's specs and never with its compiler off. What is hot is in
    // C. The states of engine.c compile, but no such loops.
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    lua_pushlightuserdata(L, (void *)&vm_key);
    lua_pushlightuserdata(L, vm);
    lua_rawset(L, LUA_REGISTRYINDEX);
    if (!mg_lua_json_open(L))
        return luaL_error(L, "out of memory");
    vm->json = mg_json_state(L);
    l_parts_open(L, vm);
    l_call_fields_open(L, vm);
    l_preload(L);
    l_require(L, "moongate.boot");
    vm->boot = luaL_ref(L, LUA_REGISTRYINDEX);
    l_require(L, "moongate.limits");
    vm->limits.load = l_default(L, "load");
    vm->limits.state = l_default(L, "state");
    lua_pop(L, 1);
    l_require(L, "moongate.run");
    vm->main = l_keep(L, "main");
    vm->functions = l_keep(L, "functions");
    vm->ended = l_keep(L, "ended");
    l_require(L, "moongate.around");
    vm->before = l_keep(L, "before");
    vm->after = l_keep(L, "after");
    l_require(L, "moongate.finally");
    vm->finally = l_keep(L, "main");
    l_require(L, "moongate.chore");
    vm->chore = l_keep(L, "main");
    lua_pop(L, 3);
    vm->request_type = l_keep(L, "request_type");
    vm->result_type = l_keep(L, "result_type");
    vm->call_type = l_keep(L, "call_type");
    vm->reply_type = l_address(L, "reply_type");
    vm->call_type_at = l_address(L, "call_type");
    vm->future_type_at = l_address(L, "future_type");
    return 0;
}

struct mg_vm *mg_vm_new(const struct mg_sources *sources)
{
    struct mg_vm *vm = calloc(1, sizeof *vm);
    if (!vm)
        return NULL;
    vm->sources = sources;
    vm->L = mg_vm_new_state();
    if (vm->L && lua_cpcall(vm->L, l_open, vm) == 0)
        return vm;
    if (vm->L)
        mg_log(MG_LOG_ERROR, "the Lua library does not load: %s", lua_tostring(vm->L, -1));
    mg_vm_free(vm);
    return NULL;
}

void mg_vm_free(struct mg_vm *vm)
{
    if (!vm)
        return;
    if (vm->L)
        lua_close(vm->L);
    mg_buf_fini(&vm->asked);
    mg_buf_fini(&vm->answered);
    mg_paths_fini(vm->paths);
    mg_origins_fini(&vm->origins);
    mg_buf_fini(&vm->text);
    free(vm);
}

bool mg_vm_full(struct mg_vm *vm, uint64_t now)
{
    enum { again_ms = 1000 };
    if (mg_budget_held(vm->L) <= vm->limits.state) {
        vm->full = false;
    } else if (!vm->swept || now - vm->swept >= again_ms) {
        vm->swept = now;
        lua_gc(vm->L, LUA_GCCOLLECT, 0);
        vm->full = mg_budget_held(vm->L) > vm->limits.state;
    }
    return vm->full;
}

bool mg_vm_bursting(const struct mg_vm *vm)
{
    return vm->full && mg_budget_held(vm->L) / 2 > vm->limits.state;
}

void mg_vm_ended(struct mg_vm *vm)
{
    lua_rawgeti(vm->L, LUA_REGISTRYINDEX, vm->ended); // which does not raise
    lua_pcall(vm->L, 0, 0, 0);
    lua_settop(vm->L, 0);
}

void mg_vm_limit(struct mg_vm *vm, const struct mg_vm_limits *limits)
{
    vm->limits = *limits;
}

void mg_vm_sight(struct mg_vm *vm, struct mg_sight *sight)
{
    vm->sight = sight;
}

void mg_vm_backends(struct mg_vm *vm, const struct mg_plan_backend *backends, unsigned count)
{
    vm->backends = backends;
    vm->backend_count = count;
}
