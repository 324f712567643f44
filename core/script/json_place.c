#include "script/json_place.h"

void l_json_add_quoted(luaL_Buffer *message, struct mg_str key)
{
    size_t len = key.len < 40 ? key.len : 40;
    while (len && len < key.len && ((unsigned char)key.data[len] & 0xC0) == 0x80)
        len--; // not within a character
    luaL_addchar(message, '"');
    for (size_t i = 0; i < len; i++)
        luaL_addchar(message, (unsigned char)key.data[i] < ' ' ? '?' : key.data[i]);
    luaL_addstring(message, len < key.len ? "...\"" : "\"");
}

static bool is_name(struct mg_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = mg_lower(key.data[i]);
        if (!((c >= 'a' && c <= 'z') || c == '_' || (i && c >= '0' && c <= '9')))
            return false;
    }
    return key.len > 0 && key.len <= 40;
}

static void add_step(lua_State *L, luaL_Buffer *path, const struct mg_json_place *place)
{
    if (!place->key.data) {
        lua_pushfstring(L, "[%d]", place->index);
        luaL_addvalue(path);
    } else if (is_name(place->key)) {
        luaL_addchar(path, '.');
        luaL_addlstring(path, place->key.data, place->key.len);
    } else {
        luaL_addchar(path, '[');
        l_json_add_quoted(path, place->key);
        luaL_addchar(path, ']');
    }
}

void l_json_refuse(lua_State *L, const char *root, const struct mg_json_place *place,
                   const char *what)
{
    enum { steps_most = 10 };
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    const struct mg_json_place *steps[steps_most];
    unsigned count = place->depth;
    for (; place->depth; place = place->parent)
        if (place->depth <= steps_most)
            steps[place->depth - 1] = place;
    luaL_where(L, 1);
    luaL_Buffer path;
    luaL_buffinit(L, &path);
    luaL_addstring(&path, root);
    for (unsigned i = 0; i < count && i < steps_most; i++)
        add_step(L, &path, steps[i]);
    luaL_addstring(&path, count > steps_most ? "...: " : ": ");
    luaL_addstring(&path, what);
    luaL_pushresult(&path);
    lua_concat(L, 2);
    lua_error(L);
}
