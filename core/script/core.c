// The module `moongate.core`: what the Lua library asks of C. It is not visible to route files.
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>

#include "base/log.h"
#include "script/json.h"
#include "script/json_state.h"
#include "script/state.h"

struct mg_run *l_run_check(lua_State *L, int index)
{
    struct mg_run **handle = lua_touserdata(L, index);
    if (!handle || mg_json_type_of(L, index) != mg_vm_of(L)->handles)
        luaL_error(L, "elements 1 and 2 of a request or result are the gateway's own");
    if (!*handle)
        luaL_error(L, "the request has ended: copy what is needed of it before");
    return *handle;
}

static struct mg_run *l_current(lua_State *L)
{
    struct mg_run *run = mg_vm_of(L)->current;
    if (!run)
        luaL_error(L, "this can only be done while a request is answered");
    return run;
}

// (text, chunk name, environment) -> function, or nil and the message
static int l_load(lua_State *L)
{
    struct mg_str text = {0};
    text.data = luaL_checklstring(L, 1, &text.len);
    if (luaL_loadbufferx(L, text.data, text.len, luaL_checkstring(L, 2), "t") != 0) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    lua_pushvalue(L, 3);
    lua_setfenv(L, -2);
    // Interpreted, so that a count hook can end an endless loop: hooks never fire in compiled code.
    luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF);
    return 1;
}

// (name) -> text of a file of the gateway, or nil
static int l_source(lua_State *L)
{
    const struct mg_sources *sources = mg_vm_of(L)->sources;
    luaL_checkstring(L, 1);
    for (unsigned i = 0; i < sources->count; i++) {
        if (mg_str_eq(sources->items[i].name, l_str(L, 1))) {
            lua_pushlstring(L, sources->items[i].text.data, sources->items[i].text.len);
            return 1;
        }
    }
    return 0;
}

// () -> names of the gateway's files
static int l_names(lua_State *L)
{
    const struct mg_sources *sources = mg_vm_of(L)->sources;
    lua_createtable(L, (int)sources->count, 0);
    for (unsigned i = 0; i < sources->count; i++) {
        lua_pushlstring(L, sources->items[i].name.data, sources->items[i].name.len);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static int l_log(lua_State *L)
{
    mg_log(MG_LOG_INFO, "%s", luaL_checkstring(L, 1));
    return 0;
}

// (call, name) -> id of the call, which has been started; nil when the request may make no more;
// nil, at, detail when the client owes what the call needs
static int l_start(lua_State *L)
{
    struct mg_run *run = l_current(L);
    struct mg_asked *asked = l_call_read(L, 1, run, mg_vm_of(L));
    if (lua_isstring(L, 2))
        asked->name = mg_arena_copy(run->scope->arena, l_str(L, 2));
    if (asked->owed.what.len) {
        lua_pushnil(L);
        lua_pushlstring(L, asked->owed.what.data, asked->owed.what.len);
        lua_pushstring(L, asked->owed.why);
        return 3;
    }
    int id = run->host->start(run->exchange, asked);
    if (id < 0)
        return 0;
    lua_pushinteger(L, id);
    return 1;
}

static const struct mg_asked *l_asked(lua_State *L, struct mg_run *run, int index)
{
    const struct mg_asked *asked =
        run->host->asked(run->exchange, (unsigned)luaL_checkinteger(L, index));
    if (!asked)
        luaL_error(L, "no such call");
    return asked;
}

// (id) -> whether it has landed
static int l_landed(lua_State *L)
{
    lua_pushboolean(L, l_asked(L, l_current(L), 1)->call.result.landed);
    return 1;
}

// (id) -> result, verdict ("ok", "partial", "relay", "failed"), what a client may be told of it
static int l_result(lua_State *L)
{
    static const char *const words[] = {"ok", "partial", "partial", "relay", "failed"};
    struct mg_run *run = l_current(L);
    const struct mg_asked *asked = l_asked(L, run, 1);
    l_result_push(L, run, asked, (unsigned)lua_tointeger(L, 1));
    lua_pushstring(L, words[asked->verdict]);
    struct mg_str told = mg_call_told(&asked->call);
    lua_pushlstring(L, told.len ? told.data : "", told.len);
    return 3;
}

static int l_cancel(lua_State *L)
{
    struct mg_run *run = l_current(L);
    run->host->cancel(run->exchange, (unsigned)luaL_checkinteger(L, 1));
    return 0;
}

static int l_left(lua_State *L)
{
    struct mg_run *run = l_current(L);
    lua_pushnumber(L, (lua_Number)run->host->left(run->exchange));
    return 1;
}

// (kind) -> HTTP status, reason: for what a failed call makes of the request
static int l_status(lua_State *L)
{
    struct mg_str kind = l_str(L, 1);
    int status = (int)lua_tointeger(L, 1);
    for (int i = 0; i <= MG_INVALID && kind.data && !lua_isnumber(L, 1); i++)
        if (mg_str_is(kind, mg_status_word((enum mg_status)i)))
            status = mg_status_http((enum mg_status)i);
    lua_pushinteger(L, status);
    lua_pushstring(L, mg_reply_reason(status));
    return 2;
}

int luaopen_moongate_core(lua_State *L)
{
    static const struct luaL_Reg functions[] = {
        {"encode", l_json_encode},
        {"decode", l_json_decode},
        {"list", l_json_list},
        {"is_list", l_json_is_list},
        {"raw", l_json_raw},
        {"load", l_load},
        {"source", l_source},
        {"names", l_names},
        {"log", l_log},
        {"start", l_start},
        {"landed", l_landed},
        {"result", l_result},
        {"cancel", l_cancel},
        {"left", l_left},
        {"status", l_status},
        {"request_part", l_request_part},
        {"result_part", l_result_part},
        {NULL, NULL},
    };
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    l_json_push_null(L);
    lua_setfield(L, -2, "null");
    return 1;
}
