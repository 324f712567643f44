// What the core asks of the library while no request is in work: the doors of boot.lua.
#include <lauxlib.h>
#include <stdlib.h>

#include "script/budget.h"
#include "script/state.h"

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
