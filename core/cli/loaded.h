// A gateway loaded to be looked at, not served: for `check` and `routes`.
#ifndef MG_CLI_LOADED_H
#define MG_CLI_LOADED_H

#include "gateway/generation.h"

struct mg_loaded {
    struct mg_edition *edition;
    struct mg_generation *generation;
    struct mg_faults faults; // sorted; none when all is well
};

bool mg_loaded_open(struct mg_loaded *loaded, const char *dir); // close it in either case
void mg_loaded_close(struct mg_loaded *loaded);

// Reads DIR [--json]; returns 0, or the exit code after having said what is wrong.
int mg_loaded_arguments(const char *command, int argc, char **argv, const char **dir, bool *json);

// Prints the faults as file:line: message on stderr, or as a JSON array on stdout.
void mg_loaded_print_faults(const struct mg_faults *faults, bool json);

// The limits that a route sets for itself, such as "body 10MiB, calls 5"; nothing when it sets none
// that the gateway has not. As the members of a JSON object when `json`: sizes in bytes, times in
// ms.
void mg_loaded_put_limits(struct mg_buf *out, const struct mg_config *config,
                          const struct mg_plan *plan, bool json);

#endif
