#include "script/engine.h"

#include <lauxlib.h>
#include <luajit.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "json/scan.h"
#include "script/budget.h"
#include "script/json.h"
#include "script/state.h"

enum {
    look_every = 10000,   // instructions between two looks at whether to stop; interpreted ones
    kept_most = 64 << 20, // bytes that a state may hold on to from one job to the next
    depth_most = MG_JSON_DEPTH_MOST,
};

struct engine {
    struct mg_engine base;
    struct mg_arena arena;
    struct mg_sources sources; // the modules alone
    struct mg_str gateway;
};

// One job, as l_job gets it.
struct job {
    struct mg_vm *vm;
    const struct mg_compute_ask *ask;
    struct mg_buf *out, *why;
    bool ok;
};

// Whether the state holds more than it may, garbage not counted.
static bool is_full(lua_State *L, const struct mg_vm *vm)
{
    if (mg_budget_held(L) > vm->limits.state)
        lua_gc(L, LUA_GCCOLLECT, 0);
    return mg_budget_held(L) > vm->limits.state;
}

// What is to end is told again with each instruction: a pcall around a loop does not keep it.
static void look(lua_State *L, lua_Debug *unused)
{
    struct mg_vm *vm = mg_vm_of(L);
    bool stopped = vm->stop && atomic_load_explicit(vm->stop, memory_order_relaxed);
    if (!stopped && !vm->full && !(vm->full = is_full(L, vm)))
        return;
    lua_sethook(L, look, LUA_MASKCOUNT, 1);
    luaL_error(L, stopped ? "its request has ended" : "it needs too much memory (limits.state)");
}

static int l_start(lua_State *L)
{
    struct mg_vm *vm = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "moongate.compute");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    vm->compute = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, -1, "begin");
    lua_call(L, 0, 0);
    // The library stays interpreted, see l_load_library: what is compiled is the gateway's.
    vm->compiles = true;
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
    return 0;
}

static void take_limits(struct mg_vm *vm, struct mg_str config)
{
    struct mg_str limits, value;
    int64_t state;
    if (mg_json_member(config, MG_STR("limits"), &limits) &&
        mg_json_member(limits, MG_STR("state"), &value) && mg_json_int(value, &state))
        vm->limits.state = (uint64_t)state;
}

// gateway.lua was right when the edition was loaded; here it is read for its names, its secrets and
// what a state may hold.
static bool configure(struct mg_vm *vm, struct mg_str gateway)
{
    struct mg_buf json = {0};
    struct mg_faults faults = {0};
    bool ok = mg_vm_config(vm, gateway, &json, &faults);
    if (ok)
        take_limits(vm, mg_buf_str(&json));
    else
        mg_log(MG_LOG_ERROR, "gate.compute: gateway.lua: %.*s",
               faults.count ? (int)faults.items[0].message.len : 0,
               faults.count ? faults.items[0].message.data : "");
    mg_faults_fini(&faults);
    mg_buf_fini(&json);
    return ok;
}

static void *open_state(struct mg_engine *base)
{
    struct engine *engine = MG_OWNER(base, struct engine, base);
    struct mg_vm *vm = mg_vm_new(&engine->sources);
    if (vm && configure(vm, engine->gateway)) {
        bool ok = lua_cpcall(vm->L, l_start, vm) == 0;
        if (!ok)
            mg_log(MG_LOG_ERROR, "gate.compute: %s", lua_tostring(vm->L, -1));
        lua_settop(vm->L, 0);
        if (ok)
            return vm;
    }
    mg_vm_free(vm);
    return NULL;
}

static void close_state(void *state)
{
    mg_vm_free(state);
}

// main returned true and the value, or false and what was raised.
static int l_job(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    const struct mg_compute_ask *ask = job->ask;
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->vm->compute);
    lua_pushlstring(L, ask->module.data, ask->module.len);
    lua_pushlstring(L, ask->function.data, ask->function.len);
    l_json_push(L, ask->args);
    lua_call(L, 3, 2);
    if (!lua_toboolean(L, -2)) {
        mg_buf_put(job->why, l_str(L, -1));
        return 0;
    }
    l_json_append(L, -1, job->out, "result");
    job->ok = true;
    return 0;
}

static void tidy(struct mg_vm *vm, bool ended)
{
    lua_settop(vm->L, 0);
    if (ended)
        mg_vm_ended(vm);
    if (vm->full || mg_budget_held(vm->L) > kept_most)
        lua_gc(vm->L, LUA_GCCOLLECT, 0);
    vm->full = is_full(vm->L, vm); // by what its modules keep
}

static bool is_state_full(const void *state)
{
    const struct mg_vm *vm = state;
    return vm->full;
}

static enum mg_status run(void *state, const struct mg_compute_ask *ask, const _Atomic bool *stop,
                          struct mg_buf *out, struct mg_buf *why)
{
    struct mg_vm *vm = state;
    struct job job = {.vm = vm, .ask = ask, .out = out, .why = why};
    if (!mg_json_valid(ask->args, depth_most, NULL)) {
        mg_buf_put(why, MG_STR("the arguments are nested too deep"));
        return MG_MALFORMED;
    }
    vm->stop = stop;
    lua_sethook(vm->L, look, LUA_MASKCOUNT, look_every);
    int wrong = lua_cpcall(vm->L, l_job, &job);
    lua_sethook(vm->L, NULL, 0, 0);
    vm->stop = NULL;
    if (wrong && wrong != LUA_ERRMEM && lua_isstring(vm->L, -1) && out->failed == MG_OK)
        mg_buf_put(why, l_str(vm->L, -1));
    if (wrong == LUA_ERRMEM)
        return MG_NO_MEMORY;
    tidy(vm, vm->full || atomic_load(stop));
    if (out->failed == MG_TOO_LARGE)
        mg_buf_printf(why, "the result has more than %zu bytes", out->limit);
    return out->failed != MG_OK ? out->failed : job.ok ? MG_OK : MG_LUA;
}

static void free_engine(struct mg_engine *base)
{
    struct engine *engine = MG_OWNER(base, struct engine, base);
    mg_arena_fini(&engine->arena);
    free(engine);
}

static bool copy_modules(struct engine *engine, const struct mg_sources *sources)
{
    struct mg_arena *arena = &engine->arena;
    engine->sources.items = mg_arena_zero(arena, sources->count + 1, sizeof *sources->items);
    for (unsigned i = 0; engine->sources.items && i < sources->count; i++) {
        const struct mg_source *source = &sources->items[i];
        if (source->route)
            continue;
        struct mg_source *copy = &engine->sources.items[engine->sources.count++];
        copy->name = mg_arena_copy(arena, source->name);
        copy->text = mg_arena_copy(arena, source->text);
        if (!copy->name.data || !copy->text.data)
            return false;
    }
    return engine->sources.items != NULL;
}

struct mg_engine *mg_engine_new(struct mg_str gateway, const struct mg_sources *sources)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->base = (struct mg_engine){open_state, close_state, run, is_state_full, free_engine};
    engine->gateway = mg_arena_copy(&engine->arena, gateway);
    if (engine->gateway.data && copy_modules(engine, sources))
        return &engine->base;
    free_engine(&engine->base);
    return NULL;
}
