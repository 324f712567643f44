// What all HTTP services of one worker have in common. Private to backend/http*.
#ifndef MG_BACKEND_HTTP_COMMON_H
#define MG_BACKEND_HTTP_COMMON_H

#include "backend/http.h"
#include "backend/http_paths.h"
#include "base/spares.h"

extern const size_t mg_http_run_size; // of what backend/http keeps of each call

struct mg_http {
    struct mg_loop *loop;
    struct mg_mailbox *home;
    struct mg_http_paths *paths;
    struct mg_resolver_seat *names;
    struct mg_spares runs; // backend/http's; those that have ended, for the next calls
};

#endif
