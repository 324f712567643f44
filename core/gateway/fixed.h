// What gateway.lua says and cannot change while the process runs: it is told when it tries to.
#ifndef MG_GATEWAY_FIXED_H
#define MG_GATEWAY_FIXED_H

#include "gateway/config.h"

struct mg_fixed {
    bool listen_matters, workers_matter; // gateway.lua says them, not the command line
    // What these were when it was started:
    struct mg_buf listen;
    unsigned workers;
    struct mg_limits limits;
};

void mg_fixed_note(struct mg_fixed *fixed, const struct mg_config *first);
// Told when it changes to something that does not hold, and not again with every other change.
void mg_fixed_tell(const struct mg_fixed *fixed, const struct mg_config *config,
                   const struct mg_config *before);
void mg_fixed_fini(struct mg_fixed *fixed);

#endif
