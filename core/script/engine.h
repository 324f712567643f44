// Lua states that compute: the modules of a gateway's lib/ under the same library and sandbox as
// routes, but compiled, without backends, and with nothing that waits.
#ifndef MG_SCRIPT_ENGINE_H
#define MG_SCRIPT_ENGINE_H

#include "data/engine.h"
#include "script/vm.h"

// Copies gateway.lua's text and the modules among the sources. NULL: no memory.
struct mg_engine *mg_engine_new(struct mg_str gateway, const struct mg_sources *sources);

#endif
