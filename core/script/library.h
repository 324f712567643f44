// The Lua library (lua/moongate/) as it was compiled in: text, since bytecode of one LuaJIT does
// not load in another. Written at build time by lua/embed.cmake.
#ifndef MG_SCRIPT_LIBRARY_H
#define MG_SCRIPT_LIBRARY_H

#include "base/str.h"

struct mg_library {
    const char *module; // as `require` names it; NULL ends the list
    struct mg_str text;
};

extern const struct mg_library mg_library[];

#endif
