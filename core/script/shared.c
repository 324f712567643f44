// What `gate.shared` asks of the process's store.
#include <lauxlib.h>

#include "data/store.h"
#include "json/scan.h"
#include "script/json.h"
#include "script/state.h"

// Both buffers are the state's: nothing is left behind when the encoder raises.
enum { kept_most = 64 << 10 }; // of their memory, from one ask to the next

enum { shown_most = 40 }; // bytes of what is wrong, in a message

void mg_vm_store(struct mg_vm *vm, struct mg_store *store)
{
    vm->store = store;
}

static void empty(struct mg_buf *buf)
{
    if (buf->cap > kept_most)
        mg_buf_fini(buf);
    buf->limit = MG_LUA_JSON_MOST;
    mg_buf_clear(buf);
}

// A number or a big integer, whole and of 64 bits.
static int64_t l_whole(lua_State *L, int index, struct mg_buf *buf)
{
    int64_t whole = 0;
    l_json_append(L, index, buf, "by");
    struct mg_str text = mg_buf_str(buf);
    if (mg_json_type(text) != MG_JSON_NUMBER || !mg_json_int(text, &whole)) {
        lua_pushlstring(L, text.data, text.len < shown_most ? text.len : shown_most);
        luaL_error(L, "by is a whole number of 64 bits, not %s", lua_tostring(L, -1));
    }
    return whole;
}

// (verb, space, key, value or by, ms, version) -> done, the value or nil, its version; for an error
// nil and what is wrong
int l_shared(lua_State *L)
{
    static const char *const verbs[] = {"get", "set", "add", "incr", "delete", "swap", NULL};
    struct mg_vm *vm = l_vm(L);
    struct mg_store_ask ask = {
        .verb = (enum mg_store_verb)luaL_checkoption(L, 1, NULL, verbs),
        .space = l_str(L, 2),
        .key = l_str(L, 3),
        .ttl = (uint64_t)lua_tonumber(L, 5),
        .version = (uint64_t)lua_tonumber(L, 6),
    };
    if (!vm->store)
        return luaL_error(L, "there is nothing shared here: no gateway runs");
    empty(&vm->asked);
    empty(&vm->answered);
    if (ask.verb == MG_STORE_INCR)
        ask.by = l_whole(L, 4, &vm->asked);
    else if (ask.verb != MG_STORE_GET && ask.verb != MG_STORE_DELETE)
        l_json_append(L, 4, &vm->asked, "value");
    ask.value = mg_buf_str(&vm->asked);
    struct mg_store_answer answer = {.value = &vm->answered};
    if (vm->store->ask(vm->store, &ask, &answer) != MG_OK) {
        lua_pushnil(L);
        lua_pushstring(L, answer.why ? answer.why : "out of memory");
        return 2;
    }
    lua_pushboolean(L, answer.done);
    if (answer.value->len)
        l_json_push(L, mg_buf_str(answer.value));
    else
        lua_pushnil(L);
    lua_pushnumber(L, (lua_Number)answer.version);
    return 3;
}
