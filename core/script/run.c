#include "script/run.h"

#include <lauxlib.h>
#include <string.h>

#include "script/budget.h"
#include "script/state.h"

// Under lua_cpcall: making a coroutine may raise.
static int l_new_thread(lua_State *L)
{
    struct mg_run *run = lua_touserdata(L, 1);
    run->thread = lua_newthread(L);
    run->thread_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

// A state is collected when it has grown to this many times what it held, in percent. All that it
// holds is looked at each time, its library and routes among it: a small state does so less often,
// since what it grows by is small, too.
static void pace_collector(struct mg_vm *vm)
{
    enum { usual = 200, seldom = 400, small = 8 << 10 }; // small: KiB
    lua_gc(vm->L, LUA_GCSETPAUSE, lua_gc(vm->L, LUA_GCCOUNT, 0) < small ? seldom : usual);
}

// A coroutine for the run: a used one, or a new one.
static bool take_thread(struct mg_run *run)
{
    struct mg_vm *vm = run->vm;
    if (vm->thread_count) {
        const struct mg_vm_thread *thread = &vm->threads[--vm->thread_count];
        run->thread = thread->L;
        run->thread_ref = thread->ref;
        return true;
    }
    bool ok = lua_cpcall(vm->L, l_new_thread, run) == 0;
    lua_settop(vm->L, 0);
    return ok;
}

bool mg_run_init(struct mg_run *run, struct mg_vm *vm, const struct mg_script_host *host,
                 void *exchange, struct mg_scope *scope)
{
    *run = (struct mg_run){.vm = vm,
                           .host = host,
                           .exchange = exchange,
                           .scope = scope,
                           .serial = ++vm->runs,
                           .thread_ref = LUA_NOREF};
    if ((uint64_t)run->serial % 64 == 1)
        pace_collector(vm);
    return take_thread(run);
}

static bool is_clean(const struct mg_run *run)
{
    lua_State *co = run->thread;
    return co && lua_status(co) == 0 && lua_gettop(co) == 0;
}

static int l_drop_thread(lua_State *L)
{
    const struct mg_run *run = lua_touserdata(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, run->thread_ref);
    return 0;
}

// A coroutine that can be started: that of the run, or a new one if it raised or waits.
static bool renew(struct mg_run *run)
{
    if (is_clean(run))
        return true;
    lua_cpcall(run->vm->L, l_drop_thread, run);
    lua_settop(run->vm->L, 0);
    run->thread = NULL;
    run->thread_ref = LUA_NOREF;
    return take_thread(run);
}

static struct mg_str keep(struct mg_run *run, lua_State *co, int index)
{
    struct mg_str text = l_str(co, index);
    return text.data ? mg_arena_copy(run->scope->arena, text) : text;
}

static enum mg_run_state fail_plainly(struct mg_run *run, const char *log)
{
    if (run->phase == MG_RUN_AFTER)
        run->reply.headers.count = 0; // they were those of the reply that failed
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

// main returned: status, headers, body; or true, when core.take has filled the reply.
static enum mg_run_state take_reply(struct mg_run *run, lua_State *co)
{
    if (lua_isboolean(co, 1))
        return MG_RUN_DONE;
    run->reply.status = (int)lua_tointeger(co, 1);
    struct mg_str body = keep(run, co, 3);
    run->reply.pieces = MG_ARENA_NEW(run->scope->arena, struct mg_str);
    if (!take_headers(run, co, 2) || !run->reply.pieces || !body.data)
        return fail_plainly(run, "out of memory");
    *run->reply.pieces = body;
    run->reply.piece_count = 1;
    return MG_RUN_DONE;
}

// main returned: false, headers, status, title, detail, calls, members, log, trace.
static enum mg_run_state take_failure(struct mg_run *run, lua_State *co)
{
    if (run->phase == MG_RUN_AFTER)
        run->reply.headers.count = 0;
    run->failure = (struct mg_run_failure){
        .status = (int)lua_tointeger(co, 3),
        .title = keep(run, co, 4),
        .detail = keep(run, co, 5),
        .calls = keep(run, co, 6),
        .members = keep(run, co, 7),
        .log = keep(run, co, 8),
        .trace = keep(run, co, 9),
    };
    if (!take_headers(run, co, 2))
        return fail_plainly(run, "out of memory");
    return MG_RUN_FAILED;
}

// around.after returned: status, headers, and the body if it is another one.
static enum mg_run_state take_changes(struct mg_run *run, lua_State *co)
{
    struct mg_arena *arena = run->scope->arena;
    run->reply.status = (int)lua_tointeger(co, 1);
    run->reply.headers.count = 0;
    if (!take_headers(run, co, 2))
        return fail_plainly(run, "out of memory");
    if (!lua_isstring(co, 3))
        return MG_RUN_DONE;
    run->reply.pieces = MG_ARENA_NEW(arena, struct mg_str);
    struct mg_str body = keep(run, co, 3);
    if (!run->reply.pieces || !body.data)
        return fail_plainly(run, "out of memory");
    *run->reply.pieces = body;
    run->reply.piece_count = 1;
    return MG_RUN_DONE;
}

// What a run returned that did not fail.
static enum mg_run_state take_outcome(struct mg_run *run, lua_State *co)
{
    if (run->phase == MG_RUN_WHEN) {
        run->yes = lua_toboolean(co, 2); // run.main returned true and what was said
        return MG_RUN_DONE;
    }
    if (run->phase == MG_RUN_AFTER)
        return take_changes(run, co);
    if (run->phase == MG_RUN_CHORE) {
        run->made = keep(run, co, 2);
        return MG_RUN_DONE;
    }
    if (run->phase == MG_RUN_REPLY || !lua_isnil(co, 1))
        return take_reply(run, co);
    run->context = keep(run, co, 2); // around.before returned nil and the context
    return MG_RUN_DONE;
}

static enum mg_run_state fail_of_calls(struct mg_run *run)
{
    struct mg_str detail = MG_STR("the request makes more calls than it may (limits.calls)");
    enum mg_run_state state = fail_plainly(run, detail.data);
    run->failure.detail = detail;
    return state;
}

// It yielded: mode, list of ids, ms; or "started", when the wait is known; or "over".
static enum mg_run_state take_wait(struct mg_run *run, lua_State *co)
{
    enum { within_most = 1 << 30 }; // no request has as long as that
    struct mg_str mode = l_str(co, 1);
    if (mg_str_is(mode, "started")) {
        lua_settop(co, 0);
        return MG_RUN_WAITS;
    }
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

static enum mg_run_state fail_of_budget(struct mg_run *run, const struct mg_budget_entry *entry)
{
    enum { after_ms = 50 }; // left for what runs after it
    mg_vm_ended(run->vm);
    struct mg_arena *arena = run->scope->arena;
    struct mg_str place =
        entry->file[0] ? mg_arena_printf(arena, "%s:%d: ", entry->file, entry->line) : MG_STR("");
    enum mg_run_state state = fail_plainly(run, NULL);
    if (entry->end == MG_BUDGET_TIME) {
        run->failure.detail = MG_STR("the route's script took too long");
        run->failure.log = mg_arena_printf(
            arena, "%.*sits functions have used more than %ums of CPU time (limits.script)",
            (int)place.len, place.data, (unsigned)run->most_ms);
    } else {
        run->failure.detail = MG_STR("the route's script needs too much memory");
        run->failure.log = mg_arena_printf(
            arena, "%.*sits functions have added more than %zu KiB in one go (limits.memory)",
            (int)place.len, place.data, run->most_bytes / 1024);
    }
    run->reply.headers.count = 0; // they came too late
    if (run->most_bytes && mg_budget_held(run->vm->L) > entry->began_bytes + run->most_bytes)
        run->vm->sweep = true;
    run->used_ms = run->most_ms > after_ms ? run->most_ms - after_ms : 0;
    return state;
}

static void note_slow(struct mg_run *run, const struct mg_budget_entry *entry)
{
    run->slice_ms = entry->slice_used_ms;
    run->slow = (struct mg_str){0};
    if (entry->end == MG_BUDGET_KEPT && entry->file[0])
        run->slow = mg_arena_printf(run->scope->arena, "%s:%d", entry->file, entry->line);
}

static enum mg_run_state resume(struct mg_run *run)
{
    lua_State *co = run->thread;
    struct mg_vm *vm = run->vm;
    struct mg_run *outer = vm->current;
    const struct mg_plan *before = vm->sight ? mg_sight_begin(vm->sight, run->plan) : NULL;
    struct mg_budget_entry entry;
    vm->current = run;
    run->touched = false; // what was read before it waited explains nothing that comes now
    mg_budget_enter(&entry, co,
                    &(struct mg_budget){.most_ms = run->most_ms,
                                        .slice_ms = (uint32_t)vm->limits.slice,
                                        .used_ms = &run->used_ms,
                                        .most_bytes = run->most_bytes,
                                        .sight = vm->sight});
    int outcome = lua_resume(co, 0);
    enum mg_budget_end end = mg_budget_leave(&entry);
    vm->current = outer;
    if (vm->sight)
        mg_sight_end(vm->sight, before);
    note_slow(run, &entry);
    if (end != MG_BUDGET_KEPT)
        return fail_of_budget(run, &entry);
    if (outcome == LUA_YIELD)
        return take_wait(run, co);
    if (outcome != 0)
        return fail_plainly(run, lua_tostring(co, -1));
    bool failed = lua_isboolean(co, 1) && !lua_toboolean(co, 1);
    enum mg_run_state state = failed ? take_failure(run, co) : take_outcome(run, co);
    lua_settop(co, 0);
    return state;
}

// One of the library's functions, which finds in the run what it is to do.
static enum mg_run_state start(struct mg_run *run, int ref)
{
    if (!renew(run))
        return fail_plainly(run, "out of memory");
    lua_rawgeti(run->thread, LUA_REGISTRYINDEX, ref);
    return resume(run);
}

static enum mg_run_state start_main(struct mg_run *run, int function,
                                    const struct mg_asked *const *results, unsigned count)
{
    run->function = function;
    run->results = results;
    run->count = count;
    return start(run, run->vm->main);
}

enum mg_run_state mg_run_start(struct mg_run *run, int function,
                               const struct mg_asked *const *results, unsigned count)
{
    run->phase = MG_RUN_REPLY;
    run->sees = UINT64_MAX;
    return start_main(run, function, results, count);
}

// What would wait is refused where it is said, in Lua.
enum mg_run_state mg_run_when(struct mg_run *run, int function,
                              const struct mg_asked *const *results, unsigned count, uint64_t sees)
{
    run->phase = MG_RUN_WHEN;
    run->sees = sees;
    return start_main(run, function, results, count);
}

enum mg_run_state mg_run_before(struct mg_run *run, const int *functions, unsigned count,
                                bool wants_context)
{
    run->phase = MG_RUN_BEFORE;
    run->around = functions;
    run->around_count = count;
    run->wants_context = wants_context;
    return start(run, run->vm->before);
}

enum mg_run_state mg_run_after(struct mg_run *run, const int *functions, unsigned count,
                               const struct mg_reply *reply, bool passed)
{
    run->phase = MG_RUN_AFTER;
    run->around = functions;
    run->around_count = count;
    run->reply = *reply;
    run->passed = passed;
    return start(run, run->vm->after);
}

enum mg_run_state mg_run_finally(struct mg_run *run, int status)
{
    run->phase = MG_RUN_FINALLY;
    run->status = status;
    run->reply = (struct mg_reply){0}; // the request's is being sent
    run->failure = (struct mg_run_failure){0};
    run->used_ms = 0;
    run->final_count--; // whatever becomes of it: it is not tried again
    return start(run, run->vm->finally);
}

enum mg_run_state mg_run_chore(struct mg_run *run, const struct mg_run_chore *chore)
{
    run->phase = MG_RUN_CHORE;
    run->chore = chore;
    return start(run, run->vm->chore);
}

enum mg_run_state mg_run_resume(struct mg_run *run)
{
    if (run->phase == MG_RUN_CHORE) // it may take its time, as long as others have theirs
        run->used_ms = 0;
    return resume(run);
}

static int l_drop_kept(lua_State *L)
{
    const struct mg_run *run = lua_touserdata(L, 1);
    if (run->request_ref > 0)
        luaL_unref(L, LUA_REGISTRYINDEX, run->request_ref);
    if (run->finals_ref > 0)
        luaL_unref(L, LUA_REGISTRYINDEX, run->finals_ref);
    return 0;
}

// A coroutine that returned can be used again; one that raised or waits is left to the collector.
void mg_run_fini(struct mg_run *run)
{
    struct mg_vm *vm = run->vm;
    if (!vm)
        return;
    if (run->request_ref > 0 || run->finals_ref > 0)
        lua_cpcall(vm->L, l_drop_kept, run);
    if (is_clean(run) && vm->thread_count < MG_VM_THREADS_MOST)
        vm->threads[vm->thread_count++] = (struct mg_vm_thread){run->thread, run->thread_ref};
    else
        lua_cpcall(vm->L, l_drop_thread, run);
    if (vm->sweep)
        lua_gc(vm->L, LUA_GCCOLLECT, 0);
    vm->sweep = false;
    lua_settop(vm->L, 0);
    *run = (struct mg_run){0};
}
