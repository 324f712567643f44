#include "backend/http_shared.h"

#include <stdlib.h>

struct mg_http *mg_http_new(struct mg_loop *loop, struct mg_mailbox *home,
                            struct mg_resolver *resolver, const struct mg_http_options *options)
{
    struct mg_http *http = calloc(1, sizeof *http);
    if (!http)
        return NULL;
    http->loop = loop;
    http->home = home;
    http->names = mg_resolver_join(resolver, home);
    if (http->names)
        http->paths = mg_http_paths_new(loop, options->tls,
                                        options->connections ? options->connections : 1024);
    if (http->paths)
        return http;
    mg_resolver_leave(http->names);
    free(http);
    return NULL;
}

void mg_http_close(struct mg_http *http, void (*closed)(void *owner), void *owner)
{
    struct mg_http_paths *paths = http->paths;
    mg_resolver_leave(http->names);
    free(http);
    mg_http_paths_close(paths, closed, owner);
}
