// One reading of a gateway's folder, for all workers: its files, the configuration, the backends as
// the process has them. Each worker has a generation of it. Made and freed by one thread at a time:
// the one that loads; workers only read it, while they have its generation.
#ifndef MG_GATEWAY_EDITION_H
#define MG_GATEWAY_EDITION_H

#include "gateway/networks.h"
#include "gateway/shared.h"
#include "gateway/sources.h"

struct mg_edition {
    struct mg_list node; // the loader's own
    struct mg_folder folder;
    struct mg_config *config;
    struct mg_networks trusted;
    struct mg_shared_set shared;
    unsigned generations; // that have not come back
};

// Reads the folder, but not yet what is in its files. NULL: no memory. `faults` says what cannot be
// read; the edition is there all the same, to be compared.
struct mg_edition *mg_edition_new(const char *dir, struct mg_faults *faults);
// Evaluates gateway.lua. False: `faults` says why not.
bool mg_edition_configure(struct mg_edition *edition, struct mg_faults *faults);
// Opens its backends, those that `before` (NULL: none) has too together with it. False: *why is a
// line.
bool mg_edition_open(struct mg_edition *edition, struct mg_grounds *grounds,
                     const struct mg_edition *before, struct mg_buf *why);
void mg_edition_free(struct mg_edition *edition); // no generation of it is left; NULL allowed

#endif
