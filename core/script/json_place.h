// Where a value stands in what is being encoded, and the error that names this place.
#ifndef MG_SCRIPT_JSON_PLACE_H
#define MG_SCRIPT_JSON_PLACE_H

#include <lauxlib.h>
#include <lua.h>

#include "base/str.h"

// The way to a value, innermost step first.
struct mg_json_place {
    const struct mg_json_place *parent; // NULL at the root
    struct mg_str key;                  // data is NULL when the step is an index
    int index;
    unsigned depth;
};

// Raises `what` behind the way to the place, which begins with `root` and is cut after ten steps.
void l_json_refuse(lua_State *L, const char *root, const struct mg_json_place *place,
                   const char *what);

// A key in quotes, cut when it is long. It may be anything a client sent: no control byte of it
// gets into a message, which may become a line in a log.
void l_json_add_quoted(luaL_Buffer *message, struct mg_str key);

#endif
