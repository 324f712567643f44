// The Lua state in which the specs of a gateway run: busted, and what specs drive routes with
// (lua/moongate/spec*.lua). It knows nothing of the gateway but what its host does for it.
#ifndef MG_SCRIPT_SPEC_H
#define MG_SCRIPT_SPEC_H

#include "data/result.h"

struct mg_stage;

// What specs ask for; gateway/stage.h says it of each. What is returned is borrowed until the next
// of them.
struct mg_spec_host {
    unsigned (*drive)(struct mg_stage *stage, struct mg_str bytes);
    void (*tick)(struct mg_stage *stage, uint64_t ms);
    bool (*answer)(struct mg_stage *stage, unsigned id, const struct mg_result *answer);
    void (*leave)(struct mg_stage *stage, unsigned run);
    void (*clear)(struct mg_stage *stage);
    struct mg_str (*news)(struct mg_stage *stage); // JSON objects, with a comma between them
    struct mg_str (*reply)(struct mg_stage *stage, unsigned run);
    struct mg_str (*sent)(struct mg_stage *stage, unsigned id);
};

struct mg_spec_options {
    const char *dir;      // of the gateway
    const char *filter;   // NULL: all specs
    bool json, colours;   // of what is printed
    struct mg_str routes; // a JSON array of { file, line, method, path, host }
};

// Runs the specs and prints what has come of them; the exit code.
int mg_spec_run(const struct mg_spec_host *host, struct mg_stage *stage,
                const struct mg_spec_options *options);

#endif
