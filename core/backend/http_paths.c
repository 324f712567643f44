#include "backend/http_paths.h"

#include <stdlib.h>

#include "backend/http_curl.h"
#include "backend/http_plain.h"

struct mg_http_paths {
    struct mg_http_transport *plain, *curl;
    void (*closed)(void *owner);
    void *owner;
};

struct mg_http_paths *mg_http_paths_new(struct mg_loop *loop, struct mg_tls_store *tls,
                                        unsigned connections)
{
    struct mg_http_paths *paths = calloc(1, sizeof *paths);
    if (!paths)
        return NULL;
    paths->plain = mg_http_plain_new(loop, connections);
    paths->curl = paths->plain ? mg_http_curl_new(loop, tls, connections) : NULL;
    if (paths->curl)
        return paths;
    if (paths->plain)
        mg_http_plain_free(paths->plain);
    free(paths);
    return NULL;
}

struct mg_http_transport *mg_http_paths_for(const struct mg_http_paths *paths,
                                            const struct mg_http_config *service,
                                            const struct mg_url *url, bool redirects)
{
    enum mg_http_path path = mg_service_path(service, url->secure, redirects, NULL);
    return path == MG_HTTP_PATH_PLAIN ? paths->plain : paths->curl;
}

void mg_http_paths_trust(struct mg_http_paths *paths, struct mg_tls_store *tls)
{
    mg_http_curl_trust(paths->curl, tls);
}

static void on_plain_closed(void *owner)
{
    struct mg_http_paths *paths = owner;
    struct mg_http_transport *curl = paths->curl;
    void (*closed)(void *) = paths->closed;
    owner = paths->owner;
    free(paths);
    curl->close(curl, closed, owner);
}

void mg_http_paths_close(struct mg_http_paths *paths, void (*closed)(void *owner), void *owner)
{
    paths->closed = closed;
    paths->owner = owner;
    paths->plain->close(paths->plain, on_plain_closed, paths);
}
