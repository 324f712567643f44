// A merge sort of places in the list, which has its elements moved when all is known.
#include "script/sort.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "script/budget.h"

enum {
    few = 8, // are put in order by insertion
    kept = 128,
    steps_most = 4096, // between two looks at the budget
    step_bytes = 64,   // of texts that are compared
};

enum { LIST = 1, LESS }; // what lies where on the stack

struct sort {
    lua_State *L;
    uint32_t *spare;
    size_t steps;
};

static void l_count(struct sort *sort, size_t steps)
{
    sort->steps += steps;
    if (sort->steps < steps_most)
        return;
    sort->steps = 0;
    l_budget_check(sort->L);
}

static bool l_compare(struct sort *sort, uint32_t a, uint32_t b)
{
    lua_State *L = sort->L;
    bool function = !lua_isnil(L, LESS);
    if (function)
        lua_pushvalue(L, LESS);
    lua_rawgeti(L, LIST, (int)a);
    lua_rawgeti(L, LIST, (int)b);
    bool less;
    if (function) {
        lua_call(L, 2, 1);
        less = lua_toboolean(L, -1);
        lua_pop(L, 1);
    } else {
        less = lua_lessthan(L, -2, -1);
        if (lua_type(L, -1) == LUA_TSTRING) // they may be the same but for their ends
            l_count(sort, lua_objlen(L, -1) / step_bytes);
        lua_pop(L, 2);
    }
    l_count(sort, 1);
    return less;
}

static void l_insert_all(struct sort *sort, uint32_t *places, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t place = places[i];
        size_t at = i;
        for (; at > 0 && l_compare(sort, place, places[at - 1]); at--)
            places[at] = places[at - 1];
        places[at] = place;
    }
}

// Of both halves in order, the first one aside.
static void l_merge(struct sort *sort, uint32_t *places, size_t half, size_t count)
{
    size_t left = 0, right = half, at = 0;
    if (!l_compare(sort, places[half], places[half - 1]))
        return; // they are in order already
    memcpy(sort->spare, places, half * sizeof *places);
    while (left < half && right < count)
        places[at++] = l_compare(sort, places[right], sort->spare[left]) ? places[right++]
                                                                         : sort->spare[left++];
    memcpy(places + at, sort->spare + left, (half - left) * sizeof *places);
}

static void l_order(struct sort *sort, uint32_t *places, size_t count)
{
    if (count <= few) {
        l_insert_all(sort, places, count);
        return;
    }
    size_t half = count / 2;
    l_order(sort, places, half);
    l_order(sort, places + half, count - half);
    l_merge(sort, places, half, count);
}

// places[i] says which element comes to be the (i + 1)th: along each circle of them they move up.
static void move_all(lua_State *L, uint32_t *places, uint32_t count)
{
    for (uint32_t first = 1; first <= count; first++) {
        uint32_t at = first, from = places[at - 1];
        if (from == first)
            continue;
        lua_rawgeti(L, LIST, (int)first);
        for (; from != first; from = places[at - 1]) {
            lua_rawgeti(L, LIST, (int)from);
            lua_rawseti(L, LIST, (int)at);
            places[at - 1] = at;
            at = from;
        }
        lua_rawseti(L, LIST, (int)at);
        places[at - 1] = at;
    }
}

int l_sort(lua_State *L)
{
    uint32_t few_places[kept + kept / 2];
    luaL_checktype(L, LIST, LUA_TTABLE);
    if (!lua_isnoneornil(L, LESS))
        luaL_checktype(L, LESS, LUA_TFUNCTION);
    lua_settop(L, LESS);
    uint32_t count = (uint32_t)lua_objlen(L, LIST);
    uint32_t *places = few_places;
    if (count > kept)
        places = lua_newuserdata(L, ((size_t)count + count / 2) * sizeof *places);
    struct sort sort = {.L = L, .spare = places + count};
    for (uint32_t i = 0; i < count; i++)
        places[i] = i + 1;
    l_order(&sort, places, count);
    move_all(L, places, count);
    return 0;
}
