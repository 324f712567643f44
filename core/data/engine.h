// Lua that computes: the modules of one gateway, as states of their own run them on threads that do
// not serve. A state belongs to the thread that opened it; an engine is used by any thread.
#ifndef MG_DATA_ENGINE_H
#define MG_DATA_ENGINE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "data/call.h"

struct mg_engine {
    void *(*open)(struct mg_engine *engine); // a state; NULL: no memory
    void (*close)(void *state);              // the engine is still there
    // Writes the function's result to `out` as JSON, which out's limit bounds. MG_LUA: `why` is
    // what was raised, with the author's file and line. MG_NO_MEMORY: the state is of no more use.
    // Once `stop` is set it ends early, if it can: code that is compiled goes on.
    enum mg_status (*run)(void *state, const struct mg_compute_ask *ask, const _Atomic bool *stop,
                          struct mg_buf *out, struct mg_buf *why);
    // Whether the state holds more than it may now that its job is done, so that no other could
    // run.
    bool (*full)(const void *state);
    void (*free)(struct mg_engine *engine); // no state of it is left
};

#endif
