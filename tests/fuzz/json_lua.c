// Valid JSON becomes Lua values and text again without an error (infinite numbers apart), and that
// text stays the same from then on.
#include <lauxlib.h>
#include <stdlib.h>

#include "json/scan.h"
#include "script/json.h"

static struct mg_buf first, second;

static int l_round_trip(lua_State *L)
{
    const struct mg_str *text = lua_touserdata(L, 1);
    l_json_push(L, *text);
    l_json_append(L, -1, &first, "value");
    l_json_push(L, mg_buf_str(&first));
    l_json_append(L, -1, &second, "value");
    return 0;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

// LeakSanitizer cannot see into LuaJIT's own allocator.
static void *state_alloc(void *owner, void *block, size_t old, size_t wanted)
{
    if (wanted)
        return realloc(block, wanted);
    free(block);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lua_State *L;
    if (!L)
        check((L = lua_newstate(state_alloc, NULL)) && mg_lua_json_open(L));
    struct mg_str text = {(const char *)data, size};
    if (!mg_json_valid(text, MG_JSON_DEPTH_MOST, NULL))
        return 0;
    mg_buf_clear(&first);
    mg_buf_clear(&second);
    if (lua_cpcall(L, l_round_trip, &text)) {
        const char *why = lua_tostring(L, -1);
        check(strlen(why) == lua_objlen(L, -1) && strstr(why, ": an infinite number"));
        lua_pop(L, 1);
        return 0;
    }
    check(lua_gettop(L) == 0);
    check(mg_json_valid(mg_buf_str(&first), MG_JSON_DEPTH_MOST, NULL));
    check(mg_str_eq(mg_buf_str(&first), mg_buf_str(&second)));
    return 0;
}
