// What the JSON decoder and encoder of one Lua state share: the special values, known by the
// address of their metatable, and memory that is used again. Lives in the registry.
#ifndef MG_SCRIPT_JSON_STATE_H
#define MG_SCRIPT_JSON_STATE_H

#include <lauxlib.h>
#include <lua.h>

#include "base/buf.h"

// The name of a member that is being encoded, borrowed from a string that its table holds.
struct mg_json_key {
    struct mg_str name;
    int slot; // on the stack, the value behind it; where a table has many members only its name
              // counts
};

struct mg_json_state {
    struct mg_buf text; // an unescaped string while decoding, the text while encoding

    // Names of the objects being encoded, those of inner objects behind those of outer ones.
    struct mg_json_key *keys;
    size_t key_count, key_cap;

    // References in the registry.
    int null;           // the value
    int list, big, raw; // metatables
    int bigs;           // digits -> value, weak, so that equal numbers are one value
    int decoded;        // weak: objects that were decoded and look like the options of a call

    const void *null_value, *list_type, *big_type, *raw_type; // as lua_topointer gives them
};

// Text that stands for itself in JSON: the payload of a big integer and of raw JSON.
struct mg_json_literal {
    size_t len;
    char text[];
};

// The state's, after mg_lua_json_open. Pushes nothing and cannot fail.
struct mg_json_state *mg_json_state(lua_State *L);

// Pushes the big integer of these digits.
void l_json_push_big(lua_State *L, struct mg_json_state *state, struct mg_str digits);

// The metatable of the value at `index` as lua_topointer gives it; NULL when it has none.
const void *mg_json_type_of(lua_State *L, int index);

// The text of a big integer or of raw JSON.
static inline struct mg_str mg_json_literal(lua_State *L, int index)
{
    const struct mg_json_literal *literal = lua_touserdata(L, index);
    return (struct mg_str){literal->text, literal->len};
}

// l_json_append (see json.h) where the state's part is at hand.
void l_json_append_in(lua_State *L, struct mg_json_state *state, int index, struct mg_buf *out,
                      const char *root);

// Memory that one large value needed is given back.
void mg_json_state_trim(struct mg_json_state *state);

#endif
