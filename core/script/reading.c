#include "script/reading.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "script/json.h"

void l_read_memory(struct mg_reading *r, const void *made)
{
    if (!made)
        luaL_error(r->L, "out of memory");
}

struct mg_str l_read_keep(struct mg_reading *r, struct mg_str text)
{
    struct mg_str kept = mg_arena_copy(r->arena, text);
    l_read_memory(r, kept.data);
    return kept;
}

struct mg_str l_read_json(struct mg_reading *r, int index, const char *what)
{
    struct mg_str text = l_json_text_in(r->L, index, r->arena, what);
    l_read_memory(r, text.data);
    return text;
}

struct mg_str l_read_text(struct mg_reading *r, int index, const char *what)
{
    if (lua_type(r->L, index) == LUA_TSTRING)
        return l_str(r->L, index);
    lua_Number number = lua_type(r->L, index) == LUA_TNUMBER ? lua_tonumber(r->L, index) : 0.5;
    if (isfinite(number) && number == floor(number)) {
        struct mg_str digits = mg_arena_printf(r->arena, "%.0f", number + 0.0); // no "-0"
        l_read_memory(r, digits.data);
        return digits;
    }
    struct mg_str json = l_read_json(r, index, what);
    enum mg_json_type type = mg_json_type(json);
    if (type == MG_JSON_STRING)
        return mg_json_text_in(json, r->arena);
    if (type == MG_JSON_NULL || type == MG_JSON_OBJECT || type == MG_JSON_ARRAY)
        luaL_error(r->L, "%s: a string, number or boolean is wanted", what);
    return json;
}

// A list, whose first element is on top: the others are laid on it.
static void l_open_list(struct mg_reading *r, int index)
{
    lua_State *L = r->L;
    r->origin = mg_origin_at(r->vm, lua_tonumber(L, -1));
    if (!r->origin)
        luaL_error(L, "a call is wanted, as users:get(...) makes one");
    r->first = MG_FIELD_OF_LIST;
    r->fields = lua_gettop(L) + 1 - MG_FIELD_OF_LIST;
    for (r->end = MG_FIELD_OF_LIST; r->end <= MG_FIELD_MORE; r->end++)
        lua_rawgeti(L, index, mg_call_field_place(r->end));
    if (lua_isnil(L, -1)) {
        r->end = MG_FIELD_MORE;
        return;
    }
    for (; r->end < MG_FIELDS_OF_LIST; r->end++)
        lua_rawgeti(L, index, mg_call_field_place(r->end));
}

void l_read_open(struct mg_reading *r, int index)
{
    lua_State *L = r->L;
    luaL_checkstack(L, MG_FIELDS + LUA_MINSTACK, "too many values");
    lua_rawgeti(L, index, 1);
    if (lua_type(L, -1) == LUA_TNUMBER) {
        l_open_list(r, index);
        return;
    }
    r->origin = NULL;
    r->first = MG_FIELD_KIND;
    r->end = MG_FIELDS;
    r->fields = lua_gettop(L);
    lua_pop(L, 1);
    lua_settop(L, r->fields + MG_FIELDS - 1);
    for (lua_pushnil(L); lua_next(L, index);) {
        enum mg_call_field field = mg_call_field_at(L, r->vm, -2);
        if (field < MG_FIELDS)
            lua_replace(L, r->fields + (int)field);
        else
            lua_pop(L, 1);
    }
}

int l_read_element(struct mg_reading *r, unsigned i)
{
    int fields = r->fields;
    lua_rawgeti(r->L, -1, (int)i + 1);
    luaL_checktype(r->L, -1, LUA_TTABLE);
    l_read_open(r, lua_gettop(r->L));
    if (r->origin)
        luaL_error(r->L, "atomic: a call of the same backend is wanted");
    return fields;
}

void l_read_close(struct mg_reading *r, int fields)
{
    lua_settop(r->L, r->fields - 2); // the element, too
    r->fields = fields;
}

// Whether a field is there.
static inline bool has(const struct mg_reading *r, enum mg_call_field field)
{
    return field >= r->first && field < r->end &&
           lua_type(r->L, r->fields + (int)field) != LUA_TNIL;
}

void l_read_push(struct mg_reading *r, enum mg_call_field field)
{
    if (has(r, field))
        lua_pushvalue(r->L, r->fields + (int)field);
    else
        lua_pushnil(r->L);
}

bool l_read_get(struct mg_reading *r, enum mg_call_field field)
{
    if (!has(r, field))
        return false;
    lua_pushvalue(r->L, r->fields + (int)field);
    return true;
}

bool l_read_table(struct mg_reading *r, enum mg_call_field field)
{
    if (!l_read_get(r, field))
        return false;
    if (!lua_istable(r->L, -1))
        luaL_error(r->L, "%s: a table is wanted", mg_call_field_name(field));
    return true;
}

bool l_read_flag(struct mg_reading *r, enum mg_call_field field)
{
    if (!l_read_get(r, field))
        return false;
    bool set = lua_toboolean(r->L, -1);
    lua_pop(r->L, 1);
    return set;
}

uint64_t l_read_number(struct mg_reading *r, enum mg_call_field field)
{
    if (!l_read_get(r, field))
        return 0;
    lua_Number number = lua_tonumber(r->L, -1);
    lua_pop(r->L, 1);
    return number > 0 && number < 0x1p53 ? (uint64_t)number : 0;
}

struct mg_str l_read_string(struct mg_reading *r, enum mg_call_field field)
{
    struct mg_str text = {0};
    if (l_read_get(r, field)) {
        text = l_read_keep(r, l_str(r->L, -1));
        lua_pop(r->L, 1);
    }
    return text;
}

struct mg_str l_read_borrowed(struct mg_reading *r, enum mg_call_field field)
{
    if (field < r->first || field >= r->end)
        return (struct mg_str){0};
    return l_str(r->L, r->fields + (int)field); // the description has it
}

const uint16_t *l_read_statuses(struct mg_reading *r, enum mg_call_field field, unsigned *count)
{
    uint16_t *statuses;
    if (!l_read_table(r, field))
        return NULL;
    unsigned most = (unsigned)lua_objlen(r->L, -1);
    l_read_memory(r, statuses = mg_arena_zero(r->arena, most + 1, sizeof *statuses));
    for (; *count < most; (*count)++) {
        lua_rawgeti(r->L, -1, (int)*count + 1);
        statuses[*count] = (uint16_t)lua_tointeger(r->L, -1);
        lua_pop(r->L, 1);
    }
    lua_pop(r->L, 1);
    return statuses;
}

struct mg_str *l_read_names(struct mg_reading *r, unsigned *count, bool *all)
{
    struct mg_str *names;
    *all = lua_isstring(r->L, -1);
    unsigned most = lua_istable(r->L, -1) ? (unsigned)lua_objlen(r->L, -1) : 0;
    l_read_memory(r, names = mg_arena_zero(r->arena, most + 1, sizeof *names));
    for (; *count < most; (*count)++) {
        lua_rawgeti(r->L, -1, (int)*count + 1);
        names[*count] = l_read_keep(r, l_str(r->L, -1));
        lua_pop(r->L, 1);
    }
    return names;
}

void mg_reading_fail(struct mg_reading *r, enum mg_status error, struct mg_str message)
{
    struct mg_result *result = &r->asked->call.result;
    if (result->error != MG_OK)
        return;
    result->error = error;
    result->message = message;
}

static int by_bytes(const void *a, const void *b)
{
    return mg_str_cmp(*(const struct mg_str *)a, *(const struct mg_str *)b);
}

// The value on top as a field; null is a value that is missing, and so the call fails.
static void l_add_field(struct mg_reading *r, struct mg_fields *fields, const char *key,
                        struct mg_str name)
{
    if (mg_lua_json_is_null(r->L, -1)) {
        mg_reading_fail(
            r, MG_MISSING,
            mg_arena_printf(r->arena, "%s.%.*s is missing", key, (int)name.len, name.data));
        return;
    }
    struct mg_str value = l_read_keep(r, l_read_text(r, lua_gettop(r->L), key));
    fields->items[fields->count++] = (struct mg_field){name, value};
}

// The names of the table on top in byte order, and how many fields they make at most.
static struct mg_str *l_sorted_names(struct mg_reading *r, unsigned *count, unsigned *most)
{
    lua_State *L = r->L;
    unsigned n = 0;
    *count = *most = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        *most += lua_istable(L, -1) ? (unsigned)lua_objlen(L, -1) : 1;
        ++*count;
    }
    struct mg_str *names = mg_arena_zero(r->arena, *count + 1, sizeof *names);
    l_read_memory(r, names);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        names[n++] = l_read_keep(r, l_str(L, -2));
    qsort(names, n, sizeof *names, by_bytes);
    return names;
}

struct mg_fields l_read_fields(struct mg_reading *r, enum mg_call_field field)
{
    struct mg_fields fields = {0};
    lua_State *L = r->L;
    const char *key = mg_call_field_name(field);
    unsigned count, most;
    if (!l_read_table(r, field))
        return fields;
    const struct mg_str *names = l_sorted_names(r, &count, &most);
    l_read_memory(r, fields.items = mg_arena_zero(r->arena, most + 1, sizeof *fields.items));
    for (unsigned n = 0; n < count; n++) {
        lua_pushlstring(L, names[n].data, names[n].len);
        lua_rawget(L, -2);
        int elements = lua_istable(L, -1) ? (int)lua_objlen(L, -1) : 0;
        if (!lua_istable(L, -1))
            l_add_field(r, &fields, key, names[n]);
        for (int i = 1; i <= elements; i++) {
            lua_rawgeti(L, -1, i);
            l_add_field(r, &fields, key, names[n]);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return fields;
}
