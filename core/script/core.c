// The module `moongate.core`: what the Lua library asks of C. It is not visible to route files.
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>

#include "base/log.h"
#include "script/crypto.h"
#include "script/json.h"
#include "script/json_state.h"
#include "script/state.h"

struct mg_run *l_run_current(lua_State *L)
{
    struct mg_run *run = l_vm(L)->current;
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
    if (!l_vm(L)->compiles)
        luaJIT_setmode(L, -1, LUAJIT_MODE_ALLFUNC | LUAJIT_MODE_OFF);
    return 1;
}

// (name) -> text of a file of the gateway, or nil
static int l_source(lua_State *L)
{
    const struct mg_sources *sources = l_vm(L)->sources;
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
    const struct mg_sources *sources = l_vm(L)->sources;
    lua_createtable(L, (int)sources->count, 0);
    for (unsigned i = 0; i < sources->count; i++) {
        lua_pushlstring(L, sources->items[i].name.data, sources->items[i].name.len);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

// next and pairs as functions of ours: a loop over them is never compiled, one over LuaJIT's own is
// and may crash (see vm.c).
static int l_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (lua_next(L, 1))
        return 2;
    lua_pushnil(L);
    return 1;
}

static int l_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushcfunction(L, l_next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int l_log(lua_State *L)
{
    mg_log(MG_LOG_INFO, "%s", luaL_checkstring(L, 1));
    return 0;
}

// () -> the function that the run was started with, the request, and the results of the plan's
// calls by name, or nil when it has none; of `when` also the names of those it cannot see
static int l_begin(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->vm->functions);
    lua_rawgeti(L, -1, run->function);
    l_request_push(L, run);
    if (run->count == 0)
        return 2;
    bool asks = run->phase == MG_RUN_WHEN;
    lua_createtable(L, 0, (int)run->count);
    if (asks)
        lua_newtable(L);
    for (unsigned i = 0; i < run->count; i++) {
        const struct mg_asked *asked = run->results[i];
        bool seen = run->sees >> i & 1;
        lua_pushlstring(L, asked->name.data, asked->name.len);
        if (seen)
            l_result_push(L, run, asked, i, lua_gettop(L));
        else
            lua_pushboolean(L, true);
        lua_rawset(L, asks && seen ? -4 : -3);
    }
    return asks ? 4 : 3;
}

// () -> the functions that the run was started with, in their order, and the request; of `before`
// whether the context is wanted; of `after` the reply: whether it is passed, status, headers (flat)
static int l_begin_around(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    const struct mg_headers *headers = &run->reply.headers;
    lua_createtable(L, (int)run->around_count, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->vm->functions);
    for (unsigned i = 0; i < run->around_count; i++) {
        lua_rawgeti(L, -1, run->around[i]);
        lua_rawseti(L, -3, (int)i + 1);
    }
    lua_pop(L, 1);
    l_request_push(L, run);
    lua_pushboolean(L, run->phase == MG_RUN_BEFORE ? run->wants_context : run->passed);
    if (run->phase == MG_RUN_BEFORE)
        return 3;
    lua_pushinteger(L, run->reply.status);
    lua_createtable(L, 2 * (int)headers->count, 0);
    for (unsigned i = 0; i < headers->count; i++) {
        const struct mg_header *field = &headers->items[i];
        lua_pushlstring(L, field->name.data, field->name.len);
        lua_rawseti(L, -2, 2 * (int)i + 1);
        lua_pushlstring(L, field->value.len ? field->value.data : "", field->value.len);
        lua_rawseti(L, -2, 2 * (int)i + 2);
    }
    return 5;
}

// (function, most) -> how many the run has now; nil: it has as many as it may, or is at them
static int l_finally(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (run->phase == MG_RUN_FINALLY || run->final_count >= (unsigned)lua_tointeger(L, 2))
        return 0;
    if (run->finals_ref <= 0) {
        lua_newtable(L);
        run->finals_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->finals_ref);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (int)run->final_count + 1);
    lua_pushinteger(L, (lua_Integer)++run->final_count);
    return 1;
}

// () -> the function that the run was started with; of a task also its id, which time it is begun
// (from 1), and its arguments
static int l_begin_chore(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    const struct mg_run_chore *chore = run->chore;
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->vm->functions);
    lua_rawgeti(L, -1, chore->function);
    if (!chore->ticket.len)
        return 1;
    lua_pushlstring(L, chore->ticket.data, chore->ticket.len);
    lua_pushinteger(L, (lua_Integer)chore->attempt);
    if (!chore->args.len)
        return 3;
    l_json_push(L, chore->args);
    return 4;
}

// () -> the function that was the newest gate.finally was given, and the status
static int l_begin_final(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    int last = (int)run->final_count + 1;
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->finals_ref);
    lua_rawgeti(L, -1, last);
    lua_pushnil(L);
    lua_rawseti(L, -3, last);
    lua_pushinteger(L, run->status);
    return 2;
}

// () -> the body of the reply that `after` may change
static int l_reply_text(lua_State *L)
{
    const struct mg_reply *reply = &l_run_current(L)->reply;
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (unsigned i = 0; i < reply->piece_count; i++)
        luaL_addlstring(&text, reply->pieces[i].len ? reply->pieces[i].data : "",
                        reply->pieces[i].len);
    luaL_pushresult(&text);
    return 1;
}

// (value) -> true when it is a reply as it stands, JSON or a text, which has been taken
static int l_take(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    struct mg_reply *reply = &run->reply;
    struct mg_arena *arena = run->scope->arena;
    struct mg_str type = MG_STR("application/json"), body;
    int kind = lua_type(L, 1);
    if (kind == LUA_TSTRING) {
        type = MG_STR("text/plain; charset=utf-8");
        body = mg_arena_copy(arena, l_str(L, 1));
    } else if (kind == LUA_TUSERDATA ||
               (kind == LUA_TTABLE && mg_json_type_of(L, 1) != run->vm->reply_type)) {
        body = l_json_text_of(L, run->vm->json, 1, arena, "reply");
    } else {
        return 0;
    }
    reply->pieces = MG_ARENA_NEW(arena, struct mg_str);
    if (!body.data || !reply->pieces ||
        !mg_headers_add(&reply->headers, arena, MG_STR("Content-Type"), type))
        return luaL_error(L, "out of memory");
    reply->status = 200;
    *reply->pieces = body;
    reply->piece_count = 1;
    lua_pushboolean(L, true);
    return 1;
}

int l_asked_start(lua_State *L, struct mg_run *run, struct mg_asked *asked, unsigned *id)
{
    if (asked->owed.what.len) {
        lua_pushnil(L);
        lua_pushlstring(L, asked->owed.what.data, asked->owed.what.len);
        lua_pushstring(L, asked->owed.why);
        return 3;
    }
    int its = run->host->start(run->exchange, asked);
    *id = (unsigned)its;
    return its < 0 ? 0 : -1;
}

// (call, name) -> id of the call, which has been started; nil when the request may make no more;
// nil, at, detail when the client owes what the call needs
static int l_start(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    struct mg_asked *asked = l_call_read(L, 1, run, l_vm(L));
    if (lua_isstring(L, 2))
        asked->name = mg_arena_copy(run->scope->arena, l_str(L, 2));
    unsigned id;
    int why_not = l_asked_start(L, run, asked, &id);
    if (why_not >= 0)
        return why_not;
    lua_pushinteger(L, id);
    return 1;
}

const struct mg_asked *l_asked_at(lua_State *L, struct mg_run *run, int index)
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
    lua_pushboolean(L, l_asked_at(L, l_run_current(L), 1)->call.result.landed);
    return 1;
}

// (id) -> result; of a call that ends its request also how ("relay", "failed") and what a client
// may be told of it
static int l_result(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    const struct mg_asked *asked = l_asked_at(L, run, 1);
    l_result_push(L, run, asked, (unsigned)lua_tointeger(L, 1), 0);
    if (asked->verdict != MG_VERDICT_RELAY && asked->verdict != MG_VERDICT_FAILED)
        return 1;
    lua_pushstring(L, asked->verdict == MG_VERDICT_RELAY ? "relay" : "failed");
    struct mg_str told = mg_call_told(&asked->call);
    lua_pushlstring(L, told.len ? told.data : "", told.len);
    return 3;
}

// () -> name, kind and message of the failed call whose missing part was read last, and that part;
// nil when there is none. It is told once.
static int l_touched(lua_State *L)
{
    static const char *const parts[] = {"body", "text"};
    struct mg_run *run = l_vm(L)->current;
    if (!run || !run->touched)
        return 0;
    const struct mg_asked *asked = run->host->asked(run->exchange, run->touched_id);
    run->touched = false;
    if (!asked)
        return 0;
    const struct mg_result *result = &asked->call.result;
    lua_pushlstring(L, asked->name.data ? asked->name.data : "", asked->name.len);
    lua_pushstring(L, mg_status_word(result->error));
    lua_pushlstring(L, result->message.data ? result->message.data : "", result->message.len);
    lua_pushstring(L, parts[run->touched_part]);
    return 4;
}

static int l_cancel(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
    run->host->cancel(run->exchange, (unsigned)luaL_checkinteger(L, 1));
    return 0;
}

static int l_left(lua_State *L)
{
    struct mg_run *run = l_run_current(L);
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
        {"is_decoded", l_json_is_decoded},
        {"raw", l_json_raw},
        {"sha256", l_crypto_sha256},
        {"hmac", l_crypto_hmac},
        {"equal", l_crypto_equal},
        {"code", l_crypto_code},
        {"uuid", l_crypto_uuid},
        {"bucket", l_crypto_bucket},
        {"load", l_load},
        {"source", l_source},
        {"names", l_names},
        {"next", l_next},
        {"pairs", l_pairs},
        {"log", l_log},
        {"begin", l_begin},
        {"begin_around", l_begin_around},
        {"finally", l_finally},
        {"begin_final", l_begin_final},
        {"begin_chore", l_begin_chore},
        {"reply_text", l_reply_text},
        {"take", l_take},
        {"origin", l_origin},
        {"describe", l_call_describe},
        {"start", l_start},
        {"start_all", l_start_all},
        {"all_start", l_all_start},
        {"all_finish", l_all_finish},
        {"landed", l_landed},
        {"result", l_result},
        {"cancel", l_cancel},
        {"left", l_left},
        {"status", l_status},
        {"touched", l_touched},
        {"shared", l_shared},
        {"ticket", l_ticket},
        {"request", l_request},
        {"request_reader", l_request_reader},
        {"result_reader", l_result_reader},
        {NULL, NULL},
    };
    lua_newtable(L);
    lua_pushlightuserdata(L, mg_vm_of(L));
    luaL_setfuncs(L, functions, 1);
    l_json_push_null(L);
    lua_setfield(L, -2, "null");
    return 1;
}
