// Lua values from valid JSON text, in one pass. The first elements of a container wait on the stack
// until their number is known, so that most tables are made in the right size at once.
#include <lauxlib.h>
#include <string.h>

#include "json/run.h"
#include "json/scan.h"
#include "script/budget.h"
#include "script/json.h"
#include "script/json_state.h"

struct decoder {
    lua_State *L;
    struct mg_json_state *state;
    const char *at, *end;
};

enum {
    looks = 4096,      // elements of a container between two looks at the budget
    waiting_most = 32, // stack slots for waiting elements; a member takes two
    slots = waiting_most + 8,
};

static void push_value(struct decoder *decoder);

static void skip_space(struct decoder *decoder)
{
    decoder->at = mg_run_space(decoder->at, decoder->end);
}

static void push_string(struct decoder *decoder)
{
    bool plain;
    struct mg_str string = {decoder->at, 0};
    decoder->at = mg_json_string_end(decoder->at, decoder->end, &plain);
    string.len = (size_t)(decoder->at - string.data);
    if (plain) {
        lua_pushlstring(decoder->L, string.data + 1, string.len - 2);
        return;
    }
    struct mg_buf *text = &decoder->state->text;
    mg_buf_clear(text);
    text->limit = 0;
    if (!mg_json_text(string, text))
        luaL_error(decoder->L, "not enough memory");
    lua_pushlstring(decoder->L, text->data, text->len);
}

// A number that is not just a few digits.
static void push_long_number(struct decoder *decoder, struct mg_str number)
{
    static const int64_t two53 = INT64_C(1) << 53;
    bool whole = true;
    for (size_t i = 0; i < number.len && whole; i++)
        whole = number.data[i] == '-' || (number.data[i] >= '0' && number.data[i] <= '9');
    int64_t value;
    if (whole && (!mg_json_int(number, &value) || value > two53 || value < -two53))
        l_json_push_big(decoder->L, decoder->state, number);
    else
        lua_pushnumber(decoder->L, mg_json_double(number));
}

static void push_number(struct decoder *decoder)
{
    const char *first = decoder->at, *at = first, *end = decoder->end;
    bool negative = *at == '-';
    at += negative;
    uint64_t size = 0;
    const char *digits = at;
    for (; at < end && *at >= '0' && *at <= '9' && at - digits < 15; at++)
        size = size * 10 + (uint64_t)(*at - '0');
    decoder->at = at;
    while (at < end && *at != ',' && *at != ']' && *at != '}' && (unsigned char)*at > ' ')
        at++;
    if (decoder->at == at) {
        lua_pushnumber(decoder->L, negative ? -(double)size : (double)size);
        return;
    }
    decoder->at = at;
    push_long_number(decoder, (struct mg_str){first, (size_t)(at - first)});
}

// Moves on to the next element: false, and behind the bracket, when there is none.
static bool more(struct decoder *decoder, char closer)
{
    skip_space(decoder);
    if (*decoder->at == closer) {
        decoder->at++;
        return false;
    }
    if (*decoder->at == ',') {
        decoder->at++;
        skip_space(decoder);
    }
    return true;
}

static void push_array(struct decoder *decoder)
{
    lua_State *L = decoder->L;
    luaL_checkstack(L, slots, "JSON nested too deep");
    lua_pushnil(L); // the table takes this place
    int place = lua_gettop(L), count = 0;
    bool going;
    l_budget_check(L);
    decoder->at++;
    while ((going = more(decoder, ']')) && count < waiting_most) {
        push_value(decoder);
        count++;
    }
    lua_createtable(L, going ? 2 * count : count, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, decoder->state->list);
    lua_setmetatable(L, -2);
    lua_replace(L, place);
    for (int i = count; i > 0; i--)
        lua_rawseti(L, place, i);
    while (going) {
        push_value(decoder);
        lua_rawseti(L, place, ++count);
        if (count % looks == 0)
            l_budget_check(L);
        going = more(decoder, ']');
    }
}

// Whether a name, in its quotes, is that of an option which every call takes.
static bool is_option(const char *name, size_t len)
{
    switch (len - 2) {
    case 4:
        return memcmp(name + 1, "when", 4) == 0;
    case 5:
        return memcmp(name + 1, "needs", 5) == 0 || memcmp(name + 1, "relay", 5) == 0;
    case 6:
        return memcmp(name + 1, "within", 6) == 0 || memcmp(name + 1, "accept", 6) == 0;
    case 8:
        return memcmp(name + 1, "optional", 8) == 0 || memcmp(name + 1, "fallback", 8) == 0;
    default:
        return false;
    }
}

// What is known of the names of an object: a bit of `seen` stands for those of a kind.
struct names {
    uint64_t seen;
    bool option; // one is that of an option, or may be
};

// Pushes a name and its value. False: another name had the same bit, and so may be the same.
static bool push_member(struct decoder *decoder, struct names *names)
{
    const char *name = decoder->at;
    push_string(decoder);
    size_t len = (size_t)(decoder->at - name), half = len / 2;
    uint64_t bit = UINT64_C(1) << ((len * 5 + (unsigned char)name[1] * 3 +
                                    (unsigned char)name[half] + (unsigned char)name[len - 2]) &
                                   63);
    bool escaped = memchr(name, '\\', len) != NULL; // an escape spells a name otherwise
    bool first = !(names->seen & bit) && !escaped;
    names->seen |= bit;
    names->option = names->option || escaped || is_option(name, len);
    skip_space(decoder);
    decoder->at++; // the colon
    skip_space(decoder);
    push_value(decoder);
    return first;
}

// Moves the members that wait above the table at `place` into it: of equal names the last counts.
static void put_members(lua_State *L, int place, int count, bool distinct)
{
    for (int key = place + 1; !distinct && count > 0; count--, key += 2) {
        lua_pushvalue(L, key);
        lua_pushvalue(L, key + 1);
        lua_rawset(L, place);
    }
    for (; count > 0; count--)
        lua_rawset(L, place);
    lua_settop(L, place);
}

// What a client sent must not be taken for what an author wrote, see options.lua.
static void note_decoded(struct decoder *decoder, int place)
{
    lua_State *L = decoder->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, decoder->state->decoded);
    lua_pushvalue(L, place);
    lua_pushboolean(L, true);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static void push_object(struct decoder *decoder)
{
    lua_State *L = decoder->L;
    luaL_checkstack(L, slots, "JSON nested too deep");
    lua_pushnil(L); // the table takes this place
    int place = lua_gettop(L), count = 0;
    struct names names = {0};
    bool going, distinct = true;
    l_budget_check(L);
    decoder->at++;
    while ((going = more(decoder, '}')) && count < waiting_most / 2) {
        distinct = push_member(decoder, &names) && distinct;
        count++;
    }
    lua_createtable(L, 0, going ? 2 * count : count);
    lua_replace(L, place);
    put_members(L, place, count, distinct);
    while (going) {
        push_member(decoder, &names);
        lua_rawset(L, place);
        if (++count % looks == 0)
            l_budget_check(L);
        going = more(decoder, '}');
    }
    if (names.option)
        note_decoded(decoder, place);
}

static void push_value(struct decoder *decoder)
{
    lua_State *L = decoder->L;
    switch (*decoder->at) {
    case '"':
        push_string(decoder);
        break;
    case '{':
        push_object(decoder);
        break;
    case '[':
        push_array(decoder);
        break;
    case 't':
        lua_pushboolean(L, true);
        decoder->at += 4;
        break;
    case 'f':
        lua_pushboolean(L, false);
        decoder->at += 5;
        break;
    case 'n':
        lua_rawgeti(L, LUA_REGISTRYINDEX, decoder->state->null);
        decoder->at += 4;
        break;
    default:
        push_number(decoder);
    }
}

void l_json_push(lua_State *L, struct mg_str valid)
{
    l_json_push_in(L, mg_json_state(L), valid);
}

void l_json_push_in(lua_State *L, struct mg_json_state *state, struct mg_str valid)
{
    struct decoder decoder = {L, state, valid.data, valid.data + valid.len};
    luaL_checkstack(L, slots, "too many values");
    skip_space(&decoder);
    push_value(&decoder);
    mg_json_state_trim(state);
}
