// What all HTTP services of one worker share. Private to backend/http*.
#ifndef MG_BACKEND_HTTP_SHARED_H
#define MG_BACKEND_HTTP_SHARED_H

#include "backend/http.h"
#include "backend/http_paths.h"

struct mg_http {
    struct mg_loop *loop;
    struct mg_mailbox *home;
    struct mg_http_paths *paths;
    struct mg_resolver_seat *names;
};

#endif
