#include "script/run.h"

#include <lauxlib.h>
#include <string.h>

#include "script/state.h"

// One visit to the main thread's stack, under lua_cpcall: making and ending a run may raise there.
static int l_begin(lua_State *L)
{
    struct mg_run *run = lua_touserdata(L, 1);
    struct mg_vm *vm = run->vm;
    struct mg_run **handle = lua_newuserdata(L, sizeof *handle);
    *handle = run;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->handle_type);
    lua_setmetatable(L, -2);
    run->handle_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    run->handle = handle;
    if (vm->thread_count) {
        run->thread_ref = vm->threads[--vm->thread_count];
        lua_rawgeti(L, LUA_REGISTRYINDEX, run->thread_ref);
        run->thread = lua_tothread(L, -1);
        return 0;
    }
    run->thread = lua_newthread(L);
    run->thread_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

bool mg_run_init(struct mg_run *run, struct mg_vm *vm, const struct mg_script_host *host,
                 void *exchange, struct mg_scope *scope)
{
    *run = (struct mg_run){.vm = vm,
                           .host = host,
                           .exchange = exchange,
                           .scope = scope,
                           .thread_ref = LUA_NOREF,
                           .handle_ref = LUA_NOREF};
    bool ok = lua_cpcall(vm->L, l_begin, run) == 0;
    lua_settop(vm->L, 0);
    return ok;
}

static struct mg_str keep(struct mg_run *run, lua_State *co, int index)
{
    struct mg_str text = l_str(co, index);
    return text.data ? mg_arena_copy(run->scope->arena, text) : text;
}

static enum mg_run_state fail_plainly(struct mg_run *run, const char *log)
{
    run->failure = (struct mg_run_failure){
        .status = 500,
        .detail = MG_STR("an error in the route's script"),
        .log = log ? mg_arena_copy(run->scope->arena, mg_str_of(log)) : MG_STR("no message"),
    };
    return MG_RUN_FAILED;
}

// A flat list { name, value, name, value } at `index` into the reply's headers.
static bool take_headers(struct mg_run *run, lua_State *co, int index)
{
    int count = lua_istable(co, index) ? (int)lua_objlen(co, index) : 0;
    for (int i = 1; i < count; i += 2) {
        lua_rawgeti(co, index, i);
        lua_rawgeti(co, index, i + 1);
        struct mg_str name = keep(run, co, -2), value = keep(run, co, -1);
        lua_pop(co, 2);
        if (!name.data || !value.data ||
            !mg_headers_add(&run->reply.headers, run->scope->arena, name, value))
            return false;
    }
    return true;
}

// main returned: status, headers, body.
static enum mg_run_state take_reply(struct mg_run *run, lua_State *co)
{
    run->reply.status = (int)lua_tointeger(co, 1);
    struct mg_str body = keep(run, co, 3);
    run->reply.pieces = MG_ARENA_NEW(run->scope->arena, struct mg_str);
    if (!take_headers(run, co, 2) || !run->reply.pieces || !body.data)
        return fail_plainly(run, "out of memory");
    *run->reply.pieces = body;
    run->reply.piece_count = 1;
    return MG_RUN_DONE;
}

// main returned: false, headers, status, title, detail, calls, members, log.
static enum mg_run_state take_failure(struct mg_run *run, lua_State *co)
{
    run->failure = (struct mg_run_failure){
        .status = (int)lua_tointeger(co, 3),
        .title = keep(run, co, 4),
        .detail = keep(run, co, 5),
        .calls = keep(run, co, 6),
        .members = keep(run, co, 7),
        .log = keep(run, co, 8),
    };
    if (!take_headers(run, co, 2))
        return fail_plainly(run, "out of memory");
    return MG_RUN_FAILED;
}

static enum mg_run_state fail_of_calls(struct mg_run *run)
{
    struct mg_str detail = MG_STR("the request makes more calls than it may (limits.calls)");
    enum mg_run_state state = fail_plainly(run, detail.data);
    run->failure.detail = detail;
    return state;
}

// It yielded: mode, list of ids, ms; or "over".
static enum mg_run_state take_wait(struct mg_run *run, lua_State *co)
{
    enum { within_most = 1 << 30 }; // no request has as long as that
    struct mg_str mode = l_str(co, 1);
    unsigned count = lua_istable(co, 2) ? (unsigned)lua_objlen(co, 2) : 0;
    unsigned *ids = mg_arena_alloc(run->scope->arena, (count + 1) * sizeof *ids);
    if (mg_str_is(mode, "over"))
        return fail_of_calls(run);
    if (!ids)
        return fail_plainly(run, "out of memory");
    for (unsigned i = 0; i < count; i++) {
        lua_rawgeti(co, 2, (int)i + 1);
        ids[i] = (unsigned)lua_tointeger(co, -1);
        lua_pop(co, 1);
        if (!run->host->asked(run->exchange, ids[i]))
            return fail_plainly(run, "it waits for a call that was never made");
    }
    double within = lua_tonumber(co, 3);
    run->wait = (struct mg_wait){
        .mode = mg_str_is(mode, "any") ? MG_WAIT_ANY : MG_WAIT_ALL,
        .ids = ids,
        .count = count,
        .within = within > 0 ? (uint64_t)(within < within_most ? within : within_most) : 0,
    };
    lua_settop(co, 0);
    return MG_RUN_WAITS;
}

static enum mg_run_state resume(struct mg_run *run, int args)
{
    lua_State *co = run->thread;
    struct mg_vm *vm = run->vm;
    struct mg_run *outer = vm->current;
    vm->current = run;
    int outcome = lua_resume(co, args);
    vm->current = outer;
    if (outcome == LUA_YIELD)
        return take_wait(run, co);
    if (outcome != 0)
        return fail_plainly(run, lua_tostring(co, -1));
    enum mg_run_state state = lua_isboolean(co, 1) ? take_failure(run, co) : take_reply(run, co);
    lua_settop(co, 0);
    return state;
}

// What start pushes onto the coroutine before it runs; under lua_cpcall of that coroutine.
struct start {
    struct mg_run *run;
    int function;
    const struct mg_asked *const *results;
    unsigned count;
};

static int l_push_start(lua_State *L)
{
    struct start *start = lua_touserdata(L, 1);
    struct mg_run *run = start->run;
    lua_State *co = run->thread;
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->vm->main);
    lua_pushinteger(L, start->function);
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->handle_ref);
    if (start->count) {
        lua_createtable(L, 0, (int)start->count);
        for (unsigned i = 0; i < start->count; i++) {
            const struct mg_asked *asked = start->results[i];
            lua_pushlstring(L, asked->name.data, asked->name.len);
            l_result_push(L, run, asked, i);
            lua_rawset(L, -3);
        }
    } else {
        lua_pushnil(L);
    }
    lua_xmove(L, co, 4);
    return 0;
}

enum mg_run_state mg_run_start(struct mg_run *run, int function,
                               const struct mg_asked *const *results, unsigned count)
{
    struct start start = {run, function, results, count};
    lua_State *L = run->vm->L;
    if (lua_cpcall(L, l_push_start, &start) != 0) {
        enum mg_run_state state = fail_plainly(run, lua_tostring(L, -1));
        lua_settop(L, 0);
        return state;
    }
    return resume(run, 3);
}

enum mg_run_state mg_run_resume(struct mg_run *run)
{
    return resume(run, 0);
}

// A coroutine that returned can be used again; one that raised or waits is left to the collector.
static int l_end(lua_State *L)
{
    struct mg_run *run = lua_touserdata(L, 1);
    struct mg_vm *vm = run->vm;
    lua_State *co = run->thread;
    luaL_unref(L, LUA_REGISTRYINDEX, run->handle_ref);
    bool reusable = co && lua_status(co) == 0 && lua_gettop(co) == 0;
    if (reusable && vm->thread_count < MG_VM_THREADS_MOST)
        vm->threads[vm->thread_count++] = run->thread_ref;
    else
        luaL_unref(L, LUA_REGISTRYINDEX, run->thread_ref);
    return 0;
}

void mg_run_fini(struct mg_run *run)
{
    if (!run->vm)
        return;
    if (run->handle)
        *run->handle = NULL; // what a script kept of the request says so from now on
    lua_cpcall(run->vm->L, l_end, run);
    lua_settop(run->vm->L, 0);
    *run = (struct mg_run){0};
}
