// JSON text from Lua values, by raw access only: no metamethod runs, so no Lua runs in between, and
// what was borrowed from a table stays where it is.
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "json/scan.h"
#include "json/write.h"
#include "script/budget.h"
#include "script/json.h"
#include "script/json_place.h"
#include "script/json_state.h"

struct encoder {
    lua_State *L;
    struct mg_json_state *state;
    struct mg_buf *out;
    const char *root;
};

static void put_value(struct encoder *encoder, int index, const struct mg_json_place *place);

static void refuse(struct encoder *encoder, const struct mg_json_place *place, const char *what)
{
    l_json_refuse(encoder->L, encoder->root, place, what);
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

static void put(struct encoder *encoder, struct mg_str text)
{
    if (!mg_buf_put(encoder->out, text))
        check_room(encoder);
}

static void put_string(struct encoder *encoder, struct mg_str string)
{
    if (!mg_json_put_string(encoder->out, string))
        check_room(encoder);
}

static void add_key(struct encoder *encoder, struct mg_str name, int slot)
{
    struct mg_json_state *state = encoder->state;
    if (state->key_count == state->key_cap) {
        size_t cap = state->key_cap ? state->key_cap * 2 : 64;
        struct mg_json_key *keys = realloc(state->keys, cap * sizeof *keys);
        if (!keys)
            luaL_error(encoder->L, "%s: not enough memory", encoder->root);
        state->keys = keys;
        state->key_cap = cap;
    }
    state->keys[state->key_count++] = (struct mg_json_key){name, slot};
}

enum {
    few = 32,             // members that stay on the stack
    looks = 4096,         // elements between two looks at the budget
    stack_most = 4000,    // slots in use, beyond which no members stay there
    slots = 2 * few + 24, // what one table needs of the stack
};

// What the keys of a table are: its names are added to the state's keys, its numbers counted.
struct shape {
    size_t first; // of its names
    int names, elements, highest;
    bool ordered; // elements came as 1, 2, 3 ...
    int base; // all members lie on the stack above it, each key below its value; -1: they do not
};

// Notes the key at `slot`.
static void note(struct encoder *encoder, const struct mg_json_place *place, struct shape *shape,
                 int slot)
{
    lua_State *L = encoder->L;
    int type = lua_type(L, slot);
    if (type == LUA_TSTRING) {
        struct mg_str name;
        name.data = lua_tolstring(L, slot, &name.len);
        add_key(encoder, name, slot);
        shape->names++;
    } else if (type == LUA_TNUMBER) {
        lua_Number key = lua_tonumber(L, slot);
        if (!(key >= 1 && key <= INT_MAX && key == (int)key))
            refuse(encoder, place,
                   lua_pushfstring(L, "the number %f as a key (only elements 1..n have numbers)",
                                   key));
        shape->elements++;
        shape->ordered = shape->ordered && key == shape->elements;
        if (key > shape->highest)
            shape->highest = (int)key;
    } else {
        refuse(encoder, place, lua_pushfstring(L, "a %s as a key", luaL_typename(L, slot)));
    }
}

// Looks at all keys. The members of a small table stay on the stack: looking each up a second time
// by its name would cost more than all else.
static struct shape look(struct encoder *encoder, int table, const struct mg_json_place *place)
{
    lua_State *L = encoder->L;
    int base = lua_gettop(L), top = base;
    struct shape shape = {.first = encoder->state->key_count, .ordered = true, .base = base};
    if (base > stack_most)
        shape.base = -1;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        note(encoder, place, &shape, top + 1);
        if (shape.base >= 0 && top - base < 2 * few) {
            lua_pushvalue(L, -2);
            top += 2;
            continue;
        }
        lua_pop(L, 1);
        if (shape.base >= 0) {
            lua_replace(L, base + 1); // the key that lua_next goes on from
            lua_settop(L, base + 1);
            top = base;
            shape.base = -1;
        }
    }
    return shape;
}

// A list with names: the least of them is told, so that every state tells the same.
static void refuse_mixed(struct encoder *encoder, const struct mg_json_place *place, size_t first)
{
    struct mg_str least = encoder->state->keys[first].name;
    for (size_t i = first; i < encoder->state->key_count; i++)
        if (mg_str_cmp(encoder->state->keys[i].name, least) < 0)
            least = encoder->state->keys[i].name;
    luaL_Buffer what;
    luaL_checkstack(encoder->L, LUA_MINSTACK, "too many values");
    luaL_buffinit(encoder->L, &what);
    luaL_addstring(&what, "a list with the key ");
    l_json_add_quoted(&what, least);
    luaL_pushresult(&what);
    refuse(encoder, place, lua_tostring(encoder->L, -1));
}

static void refuse_hole(struct encoder *encoder, int table, const struct mg_json_place *place)
{
    lua_State *L = encoder->L;
    int index = 0;
    bool there;
    do {
        lua_rawgeti(L, table, ++index);
        there = !lua_isnil(L, -1);
        lua_pop(L, 1);
    } while (there);
    refuse(encoder, place, lua_pushfstring(L, "a list with holes (no element %d)", index));
}

static void put_array(struct encoder *encoder, int table, const struct mg_json_place *place,
                      const struct shape *shape)
{
    bool here = shape->base >= 0 && shape->ordered;
    int top = lua_gettop(encoder->L);
    put_char(encoder, '[');
    for (int i = 1; i <= shape->elements; i++) {
        struct mg_json_place element = {.parent = place, .index = i, .depth = place->depth + 1};
        if (i > 1)
            put_char(encoder, ',');
        if (i % looks == 0)
            l_budget_check(encoder->L);
        if (here) {
            put_value(encoder, shape->base + 2 * i, &element);
            continue;
        }
        lua_rawgeti(encoder->L, table, i);
        put_value(encoder, top + 1, &element);
        lua_pop(encoder->L, 1);
    }
    put_char(encoder, ']');
}

static inline int compare(const struct mg_json_key *a, const struct mg_json_key *b)
{
    if (a->name.len && b->name.len && *a->name.data != *b->name.data) // most names differ here
        return (unsigned char)*a->name.data - (unsigned char)*b->name.data;
    return mg_str_cmp(a->name, b->name);
}

static int by_bytes(const void *a, const void *b)
{
    return compare(a, b);
}

static void sort(struct mg_json_key *keys, size_t count)
{
    enum { small = 16 };
    if (count > small) {
        qsort(keys, count, sizeof *keys, by_bytes);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct mg_json_key key = keys[i];
        size_t at = i;
        for (; at && compare(&key, &keys[at - 1]) < 0; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

static void put_object(struct encoder *encoder, int table, const struct mg_json_place *place,
                       const struct shape *shape)
{
    struct mg_json_state *state = encoder->state;
    size_t end = state->key_count;
    int top = lua_gettop(encoder->L);
    if (shape->names > 1)
        sort(state->keys + shape->first, (size_t)shape->names);
    put_char(encoder, '{');
    for (size_t i = shape->first; i < end; i++) {
        struct mg_json_key key = state->keys[i]; // the array may move while the value is written
        struct mg_json_place member = {.parent = place, .key = key.name, .depth = place->depth + 1};
        if (i > shape->first)
            put_char(encoder, ',');
        put_string(encoder, key.name);
        put_char(encoder, ':');
        if (shape->base >= 0) {
            put_value(encoder, key.slot + 1, &member);
            continue;
        }
        lua_pushlstring(encoder->L, key.name.data, key.name.len);
        lua_rawget(encoder->L, table);
        put_value(encoder, top + 1, &member);
        lua_pop(encoder->L, 1);
    }
    put_char(encoder, '}');
}

// Raises when the metatable of the table says that it is no data.
static void check_data(struct encoder *encoder, int table, const struct mg_json_place *place)
{
    lua_State *L = encoder->L;
    lua_getmetatable(L, table);
    lua_pushliteral(L, "__json");
    lua_rawget(L, -2);
    if (lua_isstring(L, -1))
        refuse(encoder, place, lua_tostring(L, -1));
    lua_pop(L, 2);
}

static void put_table(struct encoder *encoder, int table, const struct mg_json_place *place)
{
    struct mg_json_state *state = encoder->state;
    l_budget_check(encoder->L); // a table may be in many others, and say little for its size
    if (place->depth >= MG_JSON_DEPTH_MOST)
        refuse(encoder, place, "nested too deep (does a table contain itself?)");
    luaL_checkstack(encoder->L, slots, "too many values");
    const void *type = mg_json_type_of(encoder->L, table);
    if (type && type != state->list_type)
        check_data(encoder, table, place);
    int top = lua_gettop(encoder->L);
    struct shape shape = look(encoder, table, place);
    bool list = shape.elements || type == state->list_type;
    if (list && shape.names)
        refuse_mixed(encoder, place, shape.first);
    if (shape.highest > shape.elements)
        refuse_hole(encoder, table, place);
    if (list)
        put_array(encoder, table, place, &shape);
    else
        put_object(encoder, table, place, &shape);
    state->key_count = shape.first;
    lua_settop(encoder->L, top);
}

static void put_userdata(struct encoder *encoder, int index, const struct mg_json_place *place)
{
    lua_State *L = encoder->L;
    const struct mg_json_state *state = encoder->state;
    const void *type = mg_json_type_of(L, index);
    if (lua_touserdata(L, index) == state->null_value)
        put(encoder, MG_STR("null"));
    else if (type && (type == state->big_type || type == state->raw_type))
        put(encoder, mg_json_literal(L, index));
    else
        refuse(encoder, place, "a userdata");
}

static void put_number(struct encoder *encoder, int index, const struct mg_json_place *place)
{
    lua_Number value = lua_tonumber(encoder->L, index);
    if (!isfinite(value))
        refuse(encoder, place, isnan(value) ? "not a number (NaN)" : "an infinite number");
    if (!mg_json_put_double(encoder->out, value))
        check_room(encoder);
}

// The value at `index`, counted from the bottom of the stack.
static void put_value(struct encoder *encoder, int index, const struct mg_json_place *place)
{
    lua_State *L = encoder->L;
    struct mg_str string;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        put(encoder, MG_STR("null"));
        break;
    case LUA_TBOOLEAN:
        put(encoder, lua_toboolean(L, index) ? MG_STR("true") : MG_STR("false"));
        break;
    case LUA_TNUMBER:
        put_number(encoder, index, place);
        break;
    case LUA_TSTRING:
        string.data = lua_tolstring(L, index, &string.len);
        put_string(encoder, string);
        break;
    case LUA_TTABLE:
        put_table(encoder, index, place);
        break;
    case LUA_TUSERDATA:
        put_userdata(encoder, index, place);
        break;
    default:
        refuse(encoder, place, lua_pushfstring(L, "a %s", luaL_typename(L, index)));
    }
}

void l_json_append(lua_State *L, int index, struct mg_buf *out, const char *root)
{
    l_json_append_in(L, mg_json_state(L), index, out, root);
}

void l_json_append_in(lua_State *L, struct mg_json_state *state, int index, struct mg_buf *out,
                      const char *root)
{
    struct encoder encoder = {L, state, out, root};
    struct mg_json_place place = {0};
    state->key_count = 0; // an error may have left some
    luaL_checkstack(L, LUA_MINSTACK, "too many values");
    put_value(&encoder, index < 0 ? lua_gettop(L) + 1 + index : index, &place);
}
