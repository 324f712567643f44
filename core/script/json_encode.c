// JSON text from Lua values, by raw access only: no metamethod runs, so no Lua runs in between, and
// what was borrowed from a table stays where it is.
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "json/scan.h"
#include "json/write.h"
#include "script/json.h"
#include "script/json_state.h"

struct encoder {
    lua_State *L;
    struct mg_json_state *state;
    struct mg_buf *out;
    const char *root;
};

// Where a value stands: the way to it, innermost step first.
struct place {
    const struct place *parent; // NULL at the root
    struct mg_str key;          // data is NULL when the step is an index
    int index;
    unsigned depth;
};

static void put_value(struct encoder *encoder, const struct place *place);

// A key in quotes, cut when it is long. It may be anything a client sent: no control byte of it
// gets into a message, which may become a line in a log.
static void add_quoted(luaL_Buffer *message, struct mg_str key)
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

static void add_step(lua_State *L, luaL_Buffer *path, const struct place *place)
{
    if (!place->key.data) {
        lua_pushfstring(L, "[%d]", place->index);
        luaL_addvalue(path);
    } else if (is_name(place->key)) {
        luaL_addchar(path, '.');
        luaL_addlstring(path, place->key.data, place->key.len);
    } else {
        luaL_addchar(path, '[');
        add_quoted(path, place->key);
        luaL_addchar(path, ']');
    }
}

// Raises `what` behind the way to the place, which is cut after ten steps.
static void refuse(struct encoder *encoder, const struct place *place, const char *what)
{
    enum { steps_most = 10 };
    lua_State *L = encoder->L;
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    const struct place *steps[steps_most];
    unsigned count = place->depth;
    for (; place->depth; place = place->parent)
        if (place->depth <= steps_most)
            steps[place->depth - 1] = place;
    luaL_where(L, 1);
    luaL_Buffer path;
    luaL_buffinit(L, &path);
    luaL_addstring(&path, encoder->root);
    for (unsigned i = 0; i < count && i < steps_most; i++)
        add_step(L, &path, steps[i]);
    luaL_addstring(&path, count > steps_most ? "...: " : ": ");
    luaL_addstring(&path, what);
    luaL_pushresult(&path);
    lua_concat(L, 2);
    lua_error(L);
}

static void check_room(struct encoder *encoder)
{
    if (encoder->out->failed == MG_TOO_LARGE)
        luaL_error(encoder->L, "%s: more than %f bytes of JSON", encoder->root,
                   (lua_Number)encoder->out->limit);
    if (encoder->out->failed)
        luaL_error(encoder->L, "%s: not enough memory", encoder->root);
}

static void put_char(struct encoder *encoder, char c)
{
    struct mg_buf *out = encoder->out;
    if (out->len < out->cap)
        out->data[out->len++] = c;
    else if (!mg_buf_put_char(out, c))
        check_room(encoder);
}

static void add_key(struct encoder *encoder, struct mg_str key)
{
    struct mg_json_state *state = encoder->state;
    if (state->key_count == state->key_cap) {
        size_t cap = state->key_cap ? state->key_cap * 2 : 64;
        struct mg_str *keys = realloc(state->keys, cap * sizeof *keys);
        if (!keys)
            luaL_error(encoder->L, "%s: not enough memory", encoder->root);
        state->keys = keys;
        state->key_cap = cap;
    }
    state->keys[state->key_count++] = key;
}

// What the keys of a table are: its names are added to the state's keys, its numbers counted.
struct shape {
    size_t names;
    int elements, highest;
};

static struct shape look(struct encoder *encoder, const struct place *place)
{
    lua_State *L = encoder->L;
    struct shape shape = {0};
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        struct mg_str name;
        if (lua_type(L, -2) == LUA_TSTRING) {
            name.data = lua_tolstring(L, -2, &name.len);
            add_key(encoder, name);
            shape.names++;
        } else if (lua_type(L, -2) == LUA_TNUMBER) {
            lua_Number key = lua_tonumber(L, -2);
            if (!(key >= 1 && key <= INT_MAX && key == (int)key))
                refuse(encoder, place,
                       lua_pushfstring(
                           L, "the number %f as a key (only elements 1..n have numbers)", key));
            shape.elements++;
            if (key > shape.highest)
                shape.highest = (int)key;
        } else {
            refuse(encoder, place, lua_pushfstring(L, "a %s as a key", luaL_typename(L, -2)));
        }
    }
    return shape;
}

// A list with names: the least of them is told, so that every state tells the same.
static void refuse_mixed(struct encoder *encoder, const struct place *place, size_t first)
{
    struct mg_str least = encoder->state->keys[first];
    for (size_t i = first; i < encoder->state->key_count; i++)
        if (mg_str_cmp(encoder->state->keys[i], least) < 0)
            least = encoder->state->keys[i];
    luaL_Buffer what;
    luaL_buffinit(encoder->L, &what);
    luaL_addstring(&what, "a list with the key ");
    add_quoted(&what, least);
    luaL_pushresult(&what);
    refuse(encoder, place, lua_tostring(encoder->L, -1));
}

static void refuse_hole(struct encoder *encoder, const struct place *place)
{
    lua_State *L = encoder->L;
    int index = 0;
    bool there;
    do {
        lua_rawgeti(L, -1, ++index);
        there = !lua_isnil(L, -1);
        lua_pop(L, 1);
    } while (there);
    refuse(encoder, place, lua_pushfstring(L, "a list with holes (no element %d)", index));
}

static void put_array(struct encoder *encoder, const struct place *place, int count)
{
    put_char(encoder, '[');
    for (int i = 1; i <= count; i++) {
        struct place element = {.parent = place, .index = i, .depth = place->depth + 1};
        if (i > 1)
            put_char(encoder, ',');
        lua_rawgeti(encoder->L, -1, i);
        put_value(encoder, &element);
        lua_pop(encoder->L, 1);
    }
    put_char(encoder, ']');
}

static inline int compare(const struct mg_str *a, const struct mg_str *b)
{
    if (a->len && b->len && *a->data != *b->data) // most names differ here
        return (unsigned char)*a->data - (unsigned char)*b->data;
    return mg_str_cmp(*a, *b);
}

static int by_bytes(const void *a, const void *b)
{
    return compare(a, b);
}

static void sort(struct mg_str *keys, size_t count)
{
    enum { few = 16 };
    if (count > few) {
        qsort(keys, count, sizeof *keys, by_bytes);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct mg_str key = keys[i];
        size_t at = i;
        for (; at && compare(&key, &keys[at - 1]) < 0; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

static void put_object(struct encoder *encoder, const struct place *place, size_t first)
{
    struct mg_json_state *state = encoder->state;
    size_t end = state->key_count;
    if (end > first)
        sort(state->keys + first, end - first);
    put_char(encoder, '{');
    for (size_t i = first; i < end; i++) {
        struct mg_str key = state->keys[i]; // the array may move while the value is written
        struct place member = {.parent = place, .key = key, .depth = place->depth + 1};
        if (i > first)
            put_char(encoder, ',');
        mg_json_put_string(encoder->out, key);
        put_char(encoder, ':');
        lua_pushlstring(encoder->L, key.data, key.len);
        lua_rawget(encoder->L, -2);
        put_value(encoder, &member);
        lua_pop(encoder->L, 1);
    }
    put_char(encoder, '}');
}

// Raises when the metatable of the table on top says that it is no data.
static void check_data(struct encoder *encoder, const struct place *place)
{
    lua_State *L = encoder->L;
    lua_getmetatable(L, -1);
    lua_pushliteral(L, "__json");
    lua_rawget(L, -2);
    if (lua_isstring(L, -1))
        refuse(encoder, place, lua_tostring(L, -1));
    lua_pop(L, 2);
}

static void put_table(struct encoder *encoder, const struct place *place)
{
    struct mg_json_state *state = encoder->state;
    if (place->depth >= MG_JSON_DEPTH_MOST)
        refuse(encoder, place, "nested too deep (does a table contain itself?)");
    luaL_checkstack(encoder->L, LUA_MINSTACK, "too many values");
    const void *type = mg_json_type_of(encoder->L, -1);
    if (type && type != state->list_type)
        check_data(encoder, place);
    size_t first = state->key_count;
    struct shape shape = look(encoder, place);
    bool list = shape.elements || type == state->list_type;
    if (list && shape.names)
        refuse_mixed(encoder, place, first);
    if (shape.highest > shape.elements)
        refuse_hole(encoder, place);
    if (list)
        put_array(encoder, place, shape.elements);
    else
        put_object(encoder, place, first);
    state->key_count = first;
}

static void put_userdata(struct encoder *encoder, const struct place *place)
{
    lua_State *L = encoder->L;
    const struct mg_json_state *state = encoder->state;
    const void *type = mg_json_type_of(L, -1);
    if (lua_touserdata(L, -1) == state->null_value)
        mg_buf_put(encoder->out, MG_STR("null"));
    else if (type && (type == state->big_type || type == state->raw_type))
        mg_buf_put(encoder->out, mg_json_literal(L, -1));
    else
        refuse(encoder, place, "a userdata");
}

static void put_number(struct encoder *encoder, const struct place *place)
{
    lua_Number value = lua_tonumber(encoder->L, -1);
    if (!isfinite(value))
        refuse(encoder, place, isnan(value) ? "not a number (NaN)" : "an infinite number");
    mg_json_put_double(encoder->out, value);
}

// The value on top of the stack, which stays there.
static void put_value(struct encoder *encoder, const struct place *place)
{
    lua_State *L = encoder->L;
    struct mg_str string;
    switch (lua_type(L, -1)) {
    case LUA_TNIL:
        mg_buf_put(encoder->out, MG_STR("null"));
        break;
    case LUA_TBOOLEAN:
        mg_buf_put(encoder->out, lua_toboolean(L, -1) ? MG_STR("true") : MG_STR("false"));
        break;
    case LUA_TNUMBER:
        put_number(encoder, place);
        break;
    case LUA_TSTRING:
        string.data = lua_tolstring(L, -1, &string.len);
        mg_json_put_string(encoder->out, string);
        break;
    case LUA_TTABLE:
        put_table(encoder, place);
        break;
    case LUA_TUSERDATA:
        put_userdata(encoder, place);
        break;
    default:
        refuse(encoder, place, lua_pushfstring(L, "a %s", luaL_typename(L, -1)));
    }
    check_room(encoder);
}

void l_json_append(lua_State *L, int index, struct mg_buf *out, const char *root)
{
    struct encoder encoder = {L, mg_json_state(L), out, root};
    struct place place = {0};
    encoder.state->key_count = 0; // an error may have left some
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    lua_pushvalue(L, index);
    put_value(&encoder, &place);
    lua_pop(L, 1);
}
