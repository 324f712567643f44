#include "script/text.h"

#include <lauxlib.h>
#include <pthread.h>
#include <string.h>

#include "script/budget.h"
#include "script/match.h"
#include "script/sort.h"
#include "script/state.h"

enum { first_cap = 256, stack_most = 1 << 20 }; // bytes

// Callbacks within callbacks take some of the thread's stack each, which Lua does not know of.
static bool is_deep(void)
{
    static _Thread_local const char *least;
    if (!least) {
        pthread_attr_t attributes;
        void *end = NULL; // it grows towards it
        size_t size = 0;
        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            pthread_attr_getstack(&attributes, &end, &size);
            pthread_attr_destroy(&attributes);
        }
        least = (const char *)end + size - (size / 2 < stack_most ? size / 2 : stack_most);
    }
    return (const char *)__builtin_frame_address(0) < least;
}

// The longest text that is built; shared by the module's functions, as their first upvalue.
static size_t l_most(lua_State *L)
{
    return *(const size_t *)lua_touserdata(L, lua_upvalueindex(1));
}

static void l_too_long(lua_State *L, const char *what)
{
    luaL_error(L, "%s: the result would be longer than %d KiB (limits.text)", what,
               (int)(l_most(L) >> 10));
}

// Reads the text and the pattern, both strings or numbers.
static void l_open(lua_State *L, struct mg_match *match)
{
    struct mg_str text, pattern;
    text.data = luaL_checklstring(L, 1, &text.len);
    pattern.data = luaL_checklstring(L, 2, &pattern.len);
    mg_match_init(match, L, text, pattern);
}

// Where to begin, from the third argument: from 1 on, or from the end where it is negative.
static size_t l_begin(lua_State *L, size_t len)
{
    lua_Integer at = luaL_optinteger(L, 3, 1);
    if (at < 0)
        at += (lua_Integer)len + 1;
    if (at < 1)
        return 0;
    return (size_t)at - 1 < len ? (size_t)at - 1 : len;
}

// A "^" that anchors the pattern is taken off.
static bool take_anchor(struct mg_match *match)
{
    bool anchored = match->pattern.len && *match->pattern.data == '^';
    if (anchored)
        match->pattern = mg_str_cut(match->pattern, 1, match->pattern.len);
    return anchored;
}

static void l_push_capture(struct mg_match *match, unsigned i, const char *at, const char *end)
{
    lua_State *L = match->L;
    if (i >= match->count) {
        if (i != 0)
            luaL_error(L, "invalid capture index");
        lua_pushlstring(L, at, (size_t)(end - at)); // the whole match
        return;
    }
    const struct mg_match_capture *capture = &match->captures[i];
    if (capture->len == MG_MATCH_OPEN)
        luaL_error(L, "unfinished capture");
    if (capture->len == MG_MATCH_PLACE)
        lua_pushinteger(L, capture->at - match->text.data + 1);
    else
        lua_pushlstring(L, capture->at, (size_t)capture->len);
}

// All captures; the whole match where there are none, unless `at` is NULL.
static int l_push_captures(struct mg_match *match, const char *at, const char *end)
{
    unsigned count = match->count == 0 && at ? 1 : match->count;
    luaL_checkstack(match->L, (int)count, "too many captures");
    for (unsigned i = 0; i < count; i++)
        l_push_capture(match, i, at, end);
    return (int)count;
}

// The first match from `at` on; NULL: there is none. *end is its end.
static const char *l_first(struct mg_match *match, const char *at, bool anchored, const char **end)
{
    const char *over = match->text.data + match->text.len;
    do {
        *end = l_match_at(match, at);
        if (*end)
            return at;
    } while (at++ < over && !anchored);
    return NULL;
}

static bool is_plain(struct mg_str pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.data[i] && strchr("^$*+?.([%-", pattern.data[i]))
            return false;
    return true;
}

static int l_find_plain(lua_State *L, struct mg_str text, struct mg_str part, size_t from)
{
    const char *found = part.len ? memmem(text.data + from, text.len - from, part.data, part.len)
                                 : text.data + from;
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - text.data + 1);
    lua_pushinteger(L, found - text.data + (lua_Integer)part.len);
    return 2;
}

// (text, pattern, from, plain) -> first, last, captures; nil
static int l_find(lua_State *L)
{
    struct mg_match match;
    const char *end;
    l_open(L, &match);
    size_t from = l_begin(L, match.text.len);
    if (lua_toboolean(L, 4) || is_plain(match.pattern))
        return l_find_plain(L, match.text, match.pattern, from);
    bool anchored = take_anchor(&match);
    const char *at = l_first(&match, match.text.data + from, anchored, &end);
    if (!at) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, at - match.text.data + 1);
    lua_pushinteger(L, end - match.text.data);
    return 2 + l_push_captures(&match, NULL, NULL);
}

// (text, pattern, from) -> captures, or the match; nil
static int l_match(lua_State *L)
{
    struct mg_match match;
    const char *end;
    l_open(L, &match);
    size_t from = l_begin(L, match.text.len);
    bool anchored = take_anchor(&match);
    const char *at = l_first(&match, match.text.data + from, anchored, &end);
    if (at)
        return l_push_captures(&match, at, end);
    lua_pushnil(L);
    return 1;
}

// Upvalues: text, pattern, where to go on.
static int l_next_match(lua_State *L)
{
    struct mg_match match;
    struct mg_str text = l_str(L, lua_upvalueindex(1)), pattern = l_str(L, lua_upvalueindex(2));
    size_t from = (size_t)lua_tointeger(L, lua_upvalueindex(3));
    const char *end;
    if (from > text.len)
        return 0;
    mg_match_init(&match, L, text, pattern);
    const char *at = l_first(&match, text.data + from, false, &end);
    if (!at)
        return 0;
    lua_pushinteger(L, end - text.data + (end == at)); // an empty match is not found again
    lua_replace(L, lua_upvalueindex(3));
    return l_push_captures(&match, at, end);
}

// (text, pattern) -> function () -> captures, or the match
static int l_gmatch(lua_State *L)
{
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, l_next_match, 3);
    return 1;
}

// A text that grows, in a userdata of its own: whoever raises leaves it to the collector.
struct build {
    char *data;
    size_t len, cap;
    int slot; // on the stack
};

static void l_append(lua_State *L, struct build *build, const char *bytes, size_t len)
{
    if (len > l_most(L) - build->len)
        l_too_long(L, "string.gsub");
    if (len > build->cap - build->len) {
        size_t cap = build->cap ? build->cap : first_cap;
        while (cap - build->len < len)
            cap *= 2;
        char *data = lua_newuserdata(L, cap);
        if (build->len)
            memcpy(data, build->data, build->len);
        lua_replace(L, build->slot);
        build->data = data;
        build->cap = cap;
    }
    if (len)
        memcpy(build->data + build->len, bytes, len);
    build->len += len;
}

enum { TEXT = 1, PATTERN, NEW, MOST, BUILT }; // what lies where on the stack of gsub

// What stands in NEW, with its captures.
static void l_append_template(struct mg_match *match, struct build *build, const char *at,
                              const char *end)
{
    lua_State *L = match->L;
    struct mg_str text;
    text.data = lua_tolstring(L, NEW, &text.len);
    for (size_t from = 0; from < text.len;) {
        const char *sign = memchr(text.data + from, '%', text.len - from);
        size_t until = sign ? (size_t)(sign - text.data) : text.len;
        l_match_count(match, until - from + 1);
        l_append(L, build, text.data + from, until - from);
        if (!sign)
            return;
        from = until + 2;
        char kind = sign[1]; // behind the last byte there is a NUL, which then stands for itself
        if (kind < '0' || kind > '9') {
            l_append(L, build, &kind, 1);
        } else if (kind == '0') {
            l_match_count(match, (size_t)(end - at));
            l_append(L, build, at, (size_t)(end - at));
        } else {
            size_t len;
            l_push_capture(match, (unsigned)(kind - '1'), at, end);
            const char *bytes = lua_tolstring(L, -1, &len);
            l_match_count(match, len);
            l_append(L, build, bytes, len);
            lua_pop(L, 1);
        }
    }
}

static void l_check_depth(lua_State *L)
{
    if (is_deep())
        luaL_error(L, "stack overflow: string.gsub within string.gsub, too often");
}

// What takes the place of a match.
static void l_append_new(struct mg_match *match, struct build *build, const char *at,
                         const char *end)
{
    lua_State *L = match->L;
    int type = lua_type(L, NEW);
    if (type == LUA_TFUNCTION) {
        l_check_depth(L);
        lua_pushvalue(L, NEW);
        lua_call(L, l_push_captures(match, at, end), 1);
    } else if (type == LUA_TTABLE) {
        l_check_depth(L); // its __index may be a function
        l_push_capture(match, 0, at, end);
        lua_gettable(L, NEW);
    } else {
        l_append_template(match, build, at, end);
        return;
    }
    size_t len = (size_t)(end - at);
    const char *bytes = at;
    if (lua_isstring(L, -1))
        bytes = lua_tolstring(L, -1, &len);
    else if (lua_toboolean(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    l_append(L, build, bytes, len);
    lua_pop(L, 1);
}

// (text, pattern, new, most) -> text, how often
static int l_gsub(lua_State *L)
{
    struct mg_match match;
    struct build build = {.slot = BUILT};
    l_open(L, &match);
    int type = lua_type(L, NEW);
    luaL_argcheck(L, lua_isstring(L, NEW) || type == LUA_TTABLE || type == LUA_TFUNCTION, NEW,
                  "string/function/table expected");
    const char *at = match.text.data, *over = at + match.text.len, *kept = at;
    lua_Integer most = luaL_optinteger(L, MOST, (lua_Integer)match.text.len + 1), count = 0;
    bool anchored = take_anchor(&match);
    lua_settop(L, BUILT);
    while (count < most) {
        const char *end = l_match_at(&match, at);
        if (end) {
            count++;
            l_append(L, &build, kept, (size_t)(at - kept));
            l_append_new(&match, &build, at, end);
            kept = end;
        }
        if (end && end > at)
            at = end;
        else if (at++ == over)
            break;
        if (anchored)
            break;
    }
    if (count == 0) {
        lua_pushvalue(L, TEXT);
    } else {
        l_append(L, &build, kept, (size_t)(over - kept));
        lua_pushlstring(L, build.len ? build.data : "", build.len);
    }
    lua_pushinteger(L, count);
    return 2;
}

// (list, separator, from, to) -> the same, when the text of them is not too long. The original
// table.concat is the second upvalue.
static int l_concat(lua_State *L)
{
    size_t sum = 0, between = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_optlstring(L, 2, "", &between);
    lua_Integer from = luaL_optinteger(L, 3, 1);
    lua_Integer to =
        lua_isnoneornil(L, 4) ? (lua_Integer)lua_objlen(L, 1) : luaL_checkinteger(L, 4);
    for (lua_Integer i = from; i <= to; i++) {
        lua_rawgeti(L, 1, (int)i);
        int type = lua_type(L, -1);
        sum += type == LUA_TSTRING ? lua_objlen(L, -1) : 0;
        lua_pop(L, 1);
        if (type != LUA_TSTRING && type != LUA_TNUMBER)
            break; // the original says so
        sum += between;
        if (sum - between > l_most(L))
            l_too_long(L, "table.concat");
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

// (bytes): how long a text may be from now on
static int l_limit(lua_State *L)
{
    size_t *most = lua_touserdata(L, lua_upvalueindex(1));
    *most = (size_t)luaL_checknumber(L, 1);
    return 0;
}

int luaopen_moongate_text(lua_State *L)
{
    static const struct luaL_Reg functions[] = {
        {"find", l_find}, {"match", l_match}, {"gmatch", l_gmatch},
        {"gsub", l_gsub}, {"limit", l_limit}, {NULL, NULL},
    };
    lua_newtable(L);
    size_t *most = lua_newuserdata(L, sizeof *most);
    *most = SIZE_MAX;
    lua_pushvalue(L, -1);
    lua_insert(L, -3);
    luaL_setfuncs(L, functions, 1);
    lua_insert(L, -2);
    lua_getglobal(L, "table");
    lua_getfield(L, -1, "concat");
    lua_remove(L, -2);
    lua_pushcclosure(L, l_concat, 2);
    lua_setfield(L, -2, "concat");
    lua_pushcfunction(L, l_sort);
    lua_setfield(L, -2, "sort");
    return 1;
}
