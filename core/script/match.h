// Matching of Lua's patterns, as LuaJIT does it, but within the budget of the function that asks:
// how long a pattern takes may grow with any power of a text that a client has sent.
#ifndef MG_SCRIPT_MATCH_H
#define MG_SCRIPT_MATCH_H

#include <lua.h>
#include <stdbool.h>

#include "base/str.h"

enum { MG_MATCH_CAPTURES = 32 };

struct mg_match_capture {
    const char *at;
    ptrdiff_t len; // or one of MG_MATCH_OPEN, MG_MATCH_PLACE
};

enum { MG_MATCH_OPEN = -1, MG_MATCH_PLACE = -2 };

struct mg_match {
    lua_State *L; // to raise in: a pattern that is none, or the end of the budget
    struct mg_str text, pattern;
    unsigned count; // of captures
    struct mg_match_capture captures[MG_MATCH_CAPTURES];
    unsigned depth, steps;
};

// Both are borrowed: they must stay on the stack. A "^" that anchors is the caller's.
void mg_match_init(struct mg_match *match, lua_State *L, struct mg_str text, struct mg_str pattern);
// The end of the match that begins at `at`, within the text; NULL: none does.
const char *l_match_at(struct mg_match *match, const char *at);
// So many bytes have been looked at, or copied. Every so often that looks at the budget: what takes
// time must count, sets and captures by their length, which may be a long text's.
void l_match_count(struct mg_match *match, size_t steps);

#endif
