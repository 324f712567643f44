#include "script/spec.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>

#include "script/json.h"
#include "script/state.h"

struct spec {
    const struct mg_spec_host *host;
    struct mg_stage *stage;
    const struct mg_spec_options *options;
    int code;
};

static struct spec *l_spec(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static unsigned l_number(lua_State *L, int index)
{
    return (unsigned)luaL_checkinteger(L, index);
}

static int l_push(lua_State *L, struct mg_str bytes)
{
    lua_pushlstring(L, bytes.data ? bytes.data : "", bytes.len);
    return 1;
}

// (bytes of a request) -> number of the run
static int l_drive(lua_State *L)
{
    struct spec *spec = l_spec(L);
    luaL_checktype(L, 1, LUA_TSTRING);
    unsigned run = spec->host->drive(spec->stage, l_str(L, 1));
    if (!run)
        return luaL_error(L, "no memory or descriptors for a request");
    lua_pushinteger(L, (lua_Integer)run);
    return 1;
}

// (ms)
static int l_tick(lua_State *L)
{
    struct spec *spec = l_spec(L);
    spec->host->tick(spec->stage, (uint64_t)luaL_checknumber(L, 1));
    return 0;
}

// Borrowed from the strings of a flat list of names and values.
static void l_headers(lua_State *L, int index, struct mg_headers *headers)
{
    int count = (int)lua_objlen(L, index) / 2;
    headers->items = lua_newuserdata(L, ((size_t)count + 1) * sizeof *headers->items);
    headers->cap = headers->count = (unsigned)count;
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, index, 2 * i + 1);
        lua_rawgeti(L, index, 2 * i + 2);
        headers->items[i] = (struct mg_header){l_str(L, -2), l_str(L, -1)};
        lua_pop(L, 2);
    }
}

// (id, status, flat headers, body, whether it is JSON) -> whether the call was open
static int l_answer(lua_State *L)
{
    struct spec *spec = l_spec(L);
    struct mg_result result = {.status = (int)luaL_checkinteger(L, 2)};
    luaL_checktype(L, 3, LUA_TTABLE);
    l_headers(L, 3, &result.headers);
    result.body = l_str(L, 4);
    result.form = lua_toboolean(L, 5) ? MG_BODY_JSON : MG_BODY_TEXT;
    lua_pushboolean(L, spec->host->answer(spec->stage, l_number(L, 1), &result));
    return 1;
}

// (id, kind as stage.kinds numbers it, message) -> whether the call was open
static int l_fail(lua_State *L)
{
    struct spec *spec = l_spec(L);
    struct mg_result result = {.error = (enum mg_status)luaL_checkinteger(L, 2)};
    result.message = l_str(L, 3);
    lua_pushboolean(L, spec->host->answer(spec->stage, l_number(L, 1), &result));
    return 1;
}

// (run)
static int l_leave(lua_State *L)
{
    struct spec *spec = l_spec(L);
    spec->host->leave(spec->stage, l_number(L, 1));
    return 0;
}

static int l_clear(lua_State *L)
{
    struct spec *spec = l_spec(L);
    spec->host->clear(spec->stage);
    return 0;
}

// () -> list of what has happened since
static int l_news(lua_State *L)
{
    struct spec *spec = l_spec(L);
    lua_pushliteral(L, "[");
    l_push(L, spec->host->news(spec->stage));
    lua_pushliteral(L, "]");
    lua_concat(L, 3);
    l_json_push(L, l_str(L, -1));
    return 1;
}

// (run) -> the bytes of its reply
static int l_reply(lua_State *L)
{
    struct spec *spec = l_spec(L);
    return l_push(L, spec->host->reply(spec->stage, l_number(L, 1)));
}

// (id) -> the bytes that this call sends
static int l_sent(lua_State *L)
{
    struct spec *spec = l_spec(L);
    return l_push(L, spec->host->sent(spec->stage, l_number(L, 1)));
}

// The ways in which a backend can fail.
static void l_push_kinds(lua_State *L)
{
    static const enum mg_status kinds[] = {MG_TIMEOUT, MG_REFUSED,   MG_RESET, MG_DNS,
                                           MG_TLS,     MG_MALFORMED, MG_BUSY,  MG_TOO_LARGE,
                                           MG_SQL,     MG_REDIS,     MG_FILE,  MG_LUA};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        lua_pushinteger(L, kinds[i]);
        lua_setfield(L, -2, mg_status_word(kinds[i]));
    }
}

static void l_push_stage(lua_State *L, struct spec *spec)
{
    static const luaL_Reg functions[] = {
        {"drive", l_drive}, {"tick", l_tick},   {"answer", l_answer}, {"fail", l_fail},
        {"leave", l_leave}, {"clear", l_clear}, {"news", l_news},     {"reply", l_reply},
        {"sent", l_sent},   {NULL, NULL},
    };
    lua_newtable(L);
    for (const luaL_Reg *function = functions; function->name; function++) {
        lua_pushlightuserdata(L, spec);
        lua_pushcclosure(L, function->func, 1);
        lua_setfield(L, -2, function->name);
    }
    l_push_kinds(L);
    lua_setfield(L, -2, "kinds");
    l_json_push(L, spec->options->routes);
    lua_setfield(L, -2, "routes");
}

static void l_push_options(lua_State *L, const struct mg_spec_options *options)
{
    lua_newtable(L);
    lua_pushstring(L, options->dir);
    lua_setfield(L, -2, "dir");
    lua_pushstring(L, options->filter);
    lua_setfield(L, -2, "filter");
    lua_pushboolean(L, options->json);
    lua_setfield(L, -2, "json");
    lua_pushboolean(L, options->colours);
    lua_setfield(L, -2, "colours");
}

static int l_run(lua_State *L)
{
    struct spec *spec = lua_touserdata(L, 1);
    luaL_openlibs(L);
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF); // as vm.c says
    if (!mg_lua_json_open(L))
        return luaL_error(L, "out of memory");
    l_library_preload(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "moongate.spec_runner");
    lua_call(L, 1, 1);
    l_push_stage(L, spec);
    l_push_options(L, spec->options);
    lua_call(L, 2, 1);
    spec->code = (int)lua_tointeger(L, -1);
    return 0;
}

int mg_spec_run(const struct mg_spec_host *host, struct mg_stage *stage,
                const struct mg_spec_options *options)
{
    struct spec spec = {host, stage, options, 1};
    lua_State *L = mg_vm_new_state();
    if (!L || lua_cpcall(L, l_run, &spec) != 0)
        fprintf(stderr, "moongate: %s\n", L ? lua_tostring(L, -1) : "out of memory");
    if (L)
        lua_close(L);
    return spec.code;
}
