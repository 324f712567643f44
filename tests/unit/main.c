// The test executable: LuaJIT and busted with the whole core linked in and its symbols exported, so
// that specs call C through ffi.C. `moongate-tests [options of busted] [specs]`.
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#ifdef MG_SANITIZED
// LeakSanitizer cannot see into LuaJIT's own allocator, so sanitizer builds use malloc's.
static void *state_alloc(void *owner, void *block, size_t old, size_t wanted)
{
    if (wanted > 0)
        return realloc(block, wanted);
    free(block);
    return NULL;
}

static lua_State *state_new(void)
{
    return lua_newstate(state_alloc, NULL);
}
#else
static lua_State *state_new(void)
{
    return luaL_newstate();
}
#endif

// package.loaders: a module "a.b" that the core exports as luaopen_a_b wins over files of that
// name.
static int l_find_linked(lua_State *L)
{
    char symbol[128];
    int length = snprintf(symbol, sizeof symbol, "luaopen_%s", luaL_checkstring(L, 1));
    if (length < 0 || (size_t)length >= sizeof symbol)
        return 0;
    for (char *at = symbol; *at; at++)
        if (*at == '.')
            *at = '_';
    void *found = dlsym(RTLD_DEFAULT, symbol);
    if (!found)
        return 0;
    lua_CFunction open;
    memcpy(&open, &found, sizeof open); // POSIX promises that this works, C does not
    lua_pushcfunction(L, open);
    return 1;
}

static void set_field(lua_State *L, const char *key, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

// Where things are, for `require "support.places"`.
static void set_places(lua_State *L, const char *self)
{
    luaL_findtable(L, LUA_REGISTRYINDEX, "_LOADED", 16);
    lua_newtable(L);
    set_field(L, "checkout", MG_TESTS_CHECKOUT);
    set_field(L, "build", MG_TESTS_BUILD);
    set_field(L, "sanitize", MG_TESTS_SANITIZE);
    set_field(L, "executable", self);
    lua_setfield(L, -2, "support.places");
    lua_pop(L, 1);
}

static void set_package(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/tests/?.lua;%s/lua/?.lua;%s/lua/?/init.lua;%s", MG_TESTS_CHECKOUT,
                    MG_TESTS_CHECKOUT, MG_TESTS_CHECKOUT, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 1);
    lua_getfield(L, -1, "loaders");
    for (int i = (int)lua_objlen(L, -1); i >= 2; i--) { // the first looks into package.preload
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, l_find_linked);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 2);
}

static void set_arguments(lua_State *L, int count, char **arguments)
{
    lua_createtable(L, count, 1);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, arguments[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
}

// Flow specs hold thousands of connections; the default of 1,024 descriptors would not do.
static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int count, char **arguments)
{
    signal(SIGPIPE, SIG_IGN); // as the server does; a peer that left is an error code
    allow_descriptors();
    lua_State *L = state_new();
    if (!L) {
        fputs("moongate-tests: no memory for a Lua state\n", stderr);
        return 1;
    }
    luaL_openlibs(L);
    set_places(L, arguments[0]);
    set_package(L);
    set_arguments(L, count, arguments);
    int failed =
        luaL_loadfile(L, MG_TESTS_CHECKOUT "/tests/support/main.lua") || lua_pcall(L, 0, 1, 0);
    if (failed)
        fprintf(stderr, "moongate-tests: %s\n", lua_tostring(L, -1));
    int code = failed ? 1 : (int)lua_tointeger(L, -1);
    lua_close(L);
    return code;
}
