// The gateway that `moongate new` makes (lua/template/, with lua/types/ for editors) as it was
// compiled in. Written at build time by lua/embed.cmake.
#ifndef MG_CLI_TEMPLATE_H
#define MG_CLI_TEMPLATE_H

#include "base/str.h"

struct mg_template {
    const char *path; // within the gateway's folder; NULL ends the list
    struct mg_str text;
};

extern const struct mg_template mg_template[];

#endif
