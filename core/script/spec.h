// The Lua state in which the specs of a gateway run: busted, and what specs drive routes with
// (lua/moongate/spec*.lua). It knows nothing of the gateway but what its host does for it.
#ifndef MG_SCRIPT_SPEC_H
#define MG_SCRIPT_SPEC_H

#include "data/result.h"

// What specs ask for; gateway/stage.h says it of each. What is returned is borrowed until the next
// of them.
struct mg_spec_host {
    unsigned (*drive)(void *owner, struct mg_str bytes);
    void (*tick)(void *owner, uint64_t ms);
    bool (*answer)(void *owner, unsigned id, const struct mg_result *answer);
    void (*leave)(void *owner, unsigned run);
    void (*clear)(void *owner);
    struct mg_str (*news)(void *owner); // JSON objects, with a comma between them
    struct mg_str (*reply)(void *owner, unsigned run);
    struct mg_str (*sent)(void *owner, unsigned id);
    struct mg_str (*routes)(void *owner); // a JSON array of { file, line, method, path, host }
};

struct mg_spec_options {
    const char *dir;    // of the gateway
    const char *filter; // NULL: all specs
    bool json, colours; // of what is printed
};

// Runs the specs and prints what has come of them; the exit code.
int mg_spec_run(const struct mg_spec_host *host, void *owner,
                const struct mg_spec_options *options);

#endif
