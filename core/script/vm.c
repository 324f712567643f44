#include "script/vm.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdlib.h>

#include "base/log.h"
#include "script/budget.h"
#include "script/json.h"
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
    mg_buf_fini(&vm->text);
    free(vm);
}

// One visit to boot.lua: what is asked and where the answer goes.
struct visit {
    struct mg_vm *vm;
    const char *door;
    struct mg_str text, path;
    struct mg_str file;
    int line;
    struct mg_buf *out;
    struct mg_arena *arena;
    struct mg_script_routes *routes;
    struct mg_script_chores *chores;
    struct mg_faults *faults;
};

static void l_door(lua_State *L, const struct visit *visit)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, visit->vm->boot);
    lua_getfield(L, -1, visit->door);
    lua_remove(L, -2);
}

// Takes the list of faults at the top: array of { file, line, message }.
static void l_take_faults(lua_State *L, struct mg_faults *faults)
{
    for (int i = 1; i <= (int)lua_objlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        lua_getfield(L, -1, "file");
        lua_getfield(L, -2, "line");
        lua_getfield(L, -3, "message");
        mg_faults_add(faults, l_str(L, -3), (int)lua_tointeger(L, -2), l_str(L, -1));
        lua_pop(L, 4);
    }
}

static int l_getenv(lua_State *L)
{
    const char *value = getenv(luaL_checkstring(L, 1));
    lua_pushstring(L, value);
    return 1;
}

static int l_visit_config(lua_State *L)
{
    struct visit *visit = lua_touserdata(L, 1);
    l_door(L, visit);
    lua_pushlstring(L, visit->text.data, visit->text.len);
    lua_pushliteral(L, "gateway.lua");
    lua_pushcfunction(L, l_getenv);
    lua_call(L, 3, 2);
    if (lua_isstring(L, -2))
        mg_buf_put(visit->out, l_str(L, -2));
    else
        l_take_faults(L, visit->faults);
    return 0;
}

static int l_visit_routes(lua_State *L)
{
    struct visit *visit = lua_touserdata(L, 1);
    const struct mg_sources *sources = visit->vm->sources;
    l_door(L, visit);
    lua_newtable(L);
    for (unsigned i = 0, n = 0; i < sources->count; i++) {
        const struct mg_source *source = &sources->items[i];
        if (!source->route)
            continue;
        lua_createtable(L, 0, 2);
        lua_pushlstring(L, source->name.data, source->name.len);
        lua_setfield(L, -2, "name");
        lua_pushlstring(L, source->text.data, source->text.len);
        lua_setfield(L, -2, "text");
        lua_rawseti(L, -2, (int)++n);
    }
    lua_call(L, 1, 2);
    if (!lua_istable(L, -2)) {
        l_take_faults(L, visit->faults);
        return 0;
    }
    lua_pop(L, 1);
    unsigned count = (unsigned)lua_objlen(L, -1);
    struct mg_script_routes *routes = visit->routes;
    routes->items = mg_arena_zero(visit->arena, count + 1, sizeof *routes->items);
    if (!routes->items)
        return luaL_error(L, "out of memory");
    for (; routes->count < count; routes->count++) {
        struct mg_script_route *route = &routes->items[routes->count];
        lua_rawgeti(L, -1, (int)routes->count + 1);
        lua_getfield(L, -1, "json");
        lua_getfield(L, -2, "file");
        lua_getfield(L, -3, "line");
        route->json = mg_arena_copy(visit->arena, l_str(L, -3));
        route->file = mg_arena_copy(visit->arena, l_str(L, -2));
        route->line = (int)lua_tointeger(L, -1);
        lua_pop(L, 4);
    }
    return 0;
}

static uint64_t l_ms(lua_State *L, const char *field)
{
    lua_getfield(L, -1, field);
    uint64_t ms = (uint64_t)lua_tonumber(L, -1);
    lua_pop(L, 1);
    return ms;
}

static int l_visit_chores(lua_State *L)
{
    struct visit *visit = lua_touserdata(L, 1);
    struct mg_script_chores *chores = visit->chores;
    l_door(L, visit);
    unsigned count = (unsigned)lua_objlen(L, -1);
    chores->items = mg_arena_zero(visit->arena, count + 1, sizeof *chores->items);
    if (!chores->items)
        return luaL_error(L, "out of memory");
    for (; chores->count < count; chores->count++) {
        struct mg_script_chore *chore = &chores->items[chores->count];
        lua_rawgeti(L, -1, (int)chores->count + 1);
        lua_getfield(L, -1, "name");
        lua_getfield(L, -2, "called");
        chore->name = mg_arena_copy(visit->arena, l_str(L, -2));
        chore->called = mg_arena_copy(visit->arena, l_str(L, -1));
        lua_pop(L, 2);
        chore->every = l_ms(L, "every");
        chore->within = l_ms(L, "within");
        chore->function = (int)l_ms(L, "fn");
        lua_pop(L, 1);
    }
    return 0;
}

static int l_visit_locate(lua_State *L)
{
    struct visit *visit = lua_touserdata(L, 1);
    l_door(L, visit);
    lua_pushlstring(L, visit->file.data, visit->file.len);
    lua_pushinteger(L, visit->line);
    lua_pushlstring(L, visit->path.data, visit->path.len);
    lua_call(L, 3, 1);
    if (lua_isnumber(L, -1))
        visit->line = (int)lua_tointeger(L, -1);
    return 0;
}

static int l_visit_limits(lua_State *L)
{
    struct visit *visit = lua_touserdata(L, 1);
    l_door(L, visit);
    lua_call(L, 0, 1);
    for (int i = 1; i <= (int)lua_objlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        lua_getfield(L, -1, "name");
        lua_getfield(L, -2, "value");
        lua_getfield(L, -3, "default");
        lua_getfield(L, -4, "what");
        const char *value = lua_tostring(L, -3), *usual = lua_tostring(L, -2);
        bool same = value && usual && strcmp(value, usual) == 0;
        mg_buf_printf(visit->out, "  %-16s %-10s%s %s\n", lua_tostring(L, -4), value ? value : "",
                      same ? " " : "*", lua_tostring(L, -1));
        lua_pop(L, 5);
    }
    return 0;
}

static int l_visit_redact(lua_State *L)
{
    struct visit *visit = lua_touserdata(L, 1);
    l_door(L, visit);
    lua_pushlstring(L, visit->text.data, visit->text.len);
    lua_call(L, 1, 1);
    struct mg_str redacted = l_str(L, -1);
    if (!mg_str_eq(redacted, visit->text))
        visit->text = mg_arena_copy(visit->arena, redacted);
    return 0;
}

// What the author's files do meanwhile is bounded, too: they may run for ever, on a thread that is
// waited for.
static bool enter_bounded(struct visit *visit, lua_CFunction door, bool *ended)
{
    struct mg_budget_entry entry;
    struct mg_vm *vm = visit->vm;
    uint32_t used_ms = 0, most_ms = (uint32_t)vm->limits.load;
    mg_budget_enter(&entry, vm->L,
                    &(struct mg_budget){
                        .most_ms = most_ms, .used_ms = &used_ms, .most_bytes = vm->limits.state});
    bool ok = lua_cpcall(visit->vm->L, door, visit) == 0;
    enum mg_budget_end end = mg_budget_leave(&entry);
    *ended = end != MG_BUDGET_KEPT;
    if (*ended) {
        char message[96];
        if (end == MG_BUDGET_TIME)
            snprintf(message, sizeof message, "still loading after %ums of CPU time (limits.load)",
                     most_ms);
        else
            snprintf(message, sizeof message, "loading needs more than %zu KiB (limits.state)",
                     (size_t)vm->limits.state / 1024);
        mg_faults_add(visit->faults, mg_str_of(entry.file), entry.line, mg_str_of(message));
    }
    return ok;
}

static bool enter(struct visit *visit, lua_CFunction door)
{
    lua_State *L = visit->vm->L;
    bool ended = false;
    bool ok = visit->faults ? enter_bounded(visit, door, &ended) : lua_cpcall(L, door, visit) == 0;
    if (!ok && !ended && visit->faults) {
        lua_pushstring(L, "");
        struct mg_str message = l_str(L, -2);
        mg_faults_add(visit->faults, MG_STR("gateway.lua"), 0,
                      message.len ? message : MG_STR("an error without a message"));
    }
    lua_settop(L, 0);
    return ok && (!visit->faults || !mg_faults_any(visit->faults));
}

bool mg_vm_config(struct mg_vm *vm, struct mg_str text, struct mg_buf *json,
                  struct mg_faults *faults)
{
    struct visit visit = {.vm = vm, .door = "config", .text = text, .out = json, .faults = faults};
    return enter(&visit, l_visit_config) && json->failed == MG_OK;
}

bool mg_vm_routes(struct mg_vm *vm, struct mg_arena *arena, struct mg_script_routes *routes,
                  struct mg_faults *faults)
{
    struct visit visit = {
        .vm = vm, .door = "routes", .arena = arena, .routes = routes, .faults = faults};
    *routes = (struct mg_script_routes){0};
    return enter(&visit, l_visit_routes);
}

bool mg_vm_chores(struct mg_vm *vm, struct mg_arena *arena, struct mg_script_chores *chores)
{
    struct visit visit = {.vm = vm, .door = "chores", .arena = arena, .chores = chores};
    *chores = (struct mg_script_chores){0};
    return enter(&visit, l_visit_chores);
}

int mg_vm_locate(struct mg_vm *vm, struct mg_str file, int line, struct mg_str path)
{
    struct visit visit = {.vm = vm, .door = "locate", .file = file, .line = line, .path = path};
    enter(&visit, l_visit_locate);
    return visit.line;
}

struct mg_str mg_vm_redact(struct mg_vm *vm, struct mg_str text, struct mg_arena *arena)
{
    struct visit visit = {.vm = vm, .door = "redact", .text = text, .arena = arena};
    if (!text.len)
        return text;
    return enter(&visit, l_visit_redact) && visit.text.data ? visit.text
                                                            : MG_STR("(cannot be shown)");
}

bool mg_vm_limits(struct mg_vm *vm, struct mg_buf *text)
{
    struct visit visit = {.vm = vm, .door = "limits", .out = text};
    return enter(&visit, l_visit_limits);
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
