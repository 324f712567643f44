#include "gateway/backends.h"

#include <stdlib.h>

#include "backend/http_flight.h"
#include "backend/value.h"

static bool complain(struct mg_buf *why, const char *what, struct mg_str name, const char *reason)
{
    mg_buf_printf(why, "%s.%.*s: %s", what, (int)name.len, name.data, reason);
    return false;
}

static bool open_services(struct mg_shared *shared, struct mg_buf *why)
{
    const struct mg_config *config = shared->config;
    struct mg_resolver_options names = {.in_flight = (unsigned)config->limits.names_at_once};
    bool tls = false;
    for (unsigned i = 0; i < config->service_count; i++)
        for (unsigned k = 0; k < config->services[i].url_count; k++)
            tls = tls || mg_str_starts(config->services[i].urls[k], MG_STR("https:"));
    if (!(shared->resolver = mg_resolver_new(&names)))
        return mg_buf_put(why, MG_STR("out of memory")) && false;
    if (tls && !(shared->tls = mg_tls_store_new(NULL))) {
        mg_buf_put(why,
                   MG_STR("the system's certificates cannot be read (package ca-certificates)"));
        return false;
    }
    for (unsigned i = 0; i < config->service_count; i++) {
        const char *reason = "out of memory";
        shared->services[i] = mg_service_new(&config->services[i], shared->resolver, &reason);
        if (!shared->services[i])
            return complain(why, "services", config->services[i].name, reason);
    }
    return true;
}

static bool open_database(struct mg_shared *shared, unsigned index, struct mg_buf *reason)
{
    const struct mg_database_config *config = &shared->config->databases[index];
    struct mg_database *database = &shared->databases[index];
    if (config->url.len) {
        struct mg_postgres_options options = {
            {config->name, config->at_once, config->waiting, config->connect}, config->url.data};
        database->postgres = mg_postgres_new(&options, shared->resolver, reason);
        return database->postgres != NULL;
    }
    struct mg_sqlite_options options = {config->name, config->path.data, config->readers,
                                        (unsigned)shared->config->limits.sqlite_jobs};
    database->sqlite = mg_sqlite_new(&options, reason);
    return database->sqlite != NULL;
}

static bool open_databases(struct mg_shared *shared, struct mg_buf *why)
{
    const struct mg_config *config = shared->config;
    for (unsigned i = 0; i < config->database_count; i++) {
        struct mg_buf reason = {0};
        bool ok = open_database(shared, i, &reason);
        mg_buf_put_char(&reason, '\0');
        if (!ok)
            complain(why, "databases", config->databases[i].name, reason.data);
        mg_buf_fini(&reason);
        if (!ok)
            return false;
    }
    return true;
}

static bool open_folders(struct mg_shared *shared, struct mg_buf *why)
{
    const struct mg_config *config = shared->config;
    for (unsigned i = 0; i < config->folder_count; i++) {
        const struct mg_folder_config *folder = &config->folders[i];
        struct mg_buf reason = {0};
        struct mg_files_options options = {folder->name, folder->path.data,
                                           (unsigned)config->limits.file_threads,
                                           (unsigned)config->limits.file_jobs};
        shared->folders[i] = mg_files_new(&options, &reason);
        mg_buf_put_char(&reason, '\0');
        if (!shared->folders[i])
            complain(why, "files", folder->name, reason.data);
        mg_buf_fini(&reason);
        if (!shared->folders[i])
            return false;
    }
    return true;
}

static bool open_redis(struct mg_shared *shared, struct mg_buf *why)
{
    const struct mg_config *config = shared->config;
    for (unsigned i = 0; i < config->redis_count; i++) {
        const char *reason = "out of memory";
        shared->redis[i] = mg_redis_new(&config->redis[i], shared->resolver, &reason);
        if (!shared->redis[i])
            return complain(why, "redis", config->redis[i].name, reason);
    }
    return true;
}

bool mg_shared_open(struct mg_shared *shared, const struct mg_config *config, struct mg_buf *why)
{
    *shared = (struct mg_shared){.config = config};
    shared->services = calloc(config->service_count + 1, sizeof *shared->services);
    shared->databases = calloc(config->database_count + 1, sizeof *shared->databases);
    shared->folders = calloc(config->folder_count + 1, sizeof *shared->folders);
    shared->redis = calloc(config->redis_count + 1, sizeof *shared->redis);
    if (!shared->services || !shared->databases || !shared->folders || !shared->redis) {
        mg_buf_put(why, MG_STR("out of memory"));
        return false;
    }
    return open_services(shared, why) && open_databases(shared, why) && open_folders(shared, why) &&
           open_redis(shared, why);
}

void mg_shared_close(struct mg_shared *shared)
{
    const struct mg_config *config = shared->config;
    for (unsigned i = 0; shared->services && i < config->service_count; i++)
        mg_service_free(shared->services[i]);
    for (unsigned i = 0; shared->databases && i < config->database_count; i++) {
        mg_sqlite_free(shared->databases[i].sqlite);
        mg_postgres_free(shared->databases[i].postgres);
    }
    for (unsigned i = 0; shared->folders && i < config->folder_count; i++)
        mg_files_free(shared->folders[i]);
    for (unsigned i = 0; shared->redis && i < config->redis_count; i++)
        mg_redis_free(shared->redis[i]);
    if (shared->resolver)
        mg_resolver_free(shared->resolver);
    mg_tls_store_free(shared->tls);
    free(shared->services);
    free(shared->databases);
    free(shared->folders);
    free(shared->redis);
    *shared = (struct mg_shared){0};
}

static bool room(struct mg_backends *backends, enum mg_call_kind kind, unsigned count)
{
    backends->by_kind[kind] = calloc(count + 1, sizeof **backends->by_kind);
    return backends->by_kind[kind] != NULL;
}

static struct mg_backend *open_service(struct mg_http *http, struct mg_service *service)
{
    return service->config.share ? mg_http_flight_open(http, service) : mg_http_open(http, service);
}

static bool keep(struct mg_backends *backends, enum mg_call_kind kind, struct mg_backend *backend)
{
    if (backend)
        backends->by_kind[kind][backends->counts[kind]++] =
            (struct mg_backend_place){backend, backends};
    return backend != NULL;
}

static struct mg_backend *open_sql(struct mg_database *database, struct mg_loop *loop,
                                   struct mg_mailbox *home)
{
    return database->postgres ? mg_postgres_open(database->postgres, loop, home)
                              : mg_sql_new(database->sqlite, loop, home);
}

bool mg_backends_open(struct mg_backends *backends, struct mg_shared *shared, struct mg_loop *loop,
                      struct mg_mailbox *home)
{
    const struct mg_config *config = shared->config;
    struct mg_http_options options = {.tls = shared->tls};
    *backends = (struct mg_backends){0};
    backends->http = mg_http_new(loop, home, shared->resolver, &options);
    bool ok = backends->http && room(backends, MG_CALL_HTTP, config->service_count) &&
              room(backends, MG_CALL_SQL, config->database_count) &&
              room(backends, MG_CALL_FILE, config->folder_count) &&
              room(backends, MG_CALL_REDIS, config->redis_count) &&
              room(backends, MG_CALL_VALUE, 1) && keep(backends, MG_CALL_VALUE, mg_value_new(loop));
    for (unsigned i = 0; ok && i < config->service_count; i++)
        ok = keep(backends, MG_CALL_HTTP, open_service(backends->http, shared->services[i]));
    for (unsigned i = 0; ok && i < config->database_count; i++)
        ok = keep(backends, MG_CALL_SQL, open_sql(&shared->databases[i], loop, home));
    for (unsigned i = 0; ok && i < config->folder_count; i++)
        ok = keep(backends, MG_CALL_FILE, mg_file_new(shared->folders[i], loop, home));
    for (unsigned i = 0; ok && i < config->redis_count; i++)
        ok = keep(backends, MG_CALL_REDIS,
                  mg_redis_open(shared->redis[i], shared->resolver, loop, home));
    return ok;
}

static void all_closed(void *owner)
{
    struct mg_backends *backends = owner;
    for (unsigned kind = 0; kind < MG_CALL_KINDS; kind++)
        free(backends->by_kind[kind]);
    void (*closed)(void *) = backends->closed;
    void *whose = backends->owner;
    *backends = (struct mg_backends){0};
    closed(whose);
}

void mg_backends_hurry(struct mg_backends *backends)
{
    for (unsigned kind = 0; backends->closing && kind < MG_CALL_KINDS; kind++)
        for (unsigned i = 0; i < backends->counts[kind]; i++)
            if (backends->by_kind[kind][i].backend)
                mg_backend_hurry(backends->by_kind[kind][i].backend);
}

static void leave(struct mg_backends *backends)
{
    if (--backends->closing)
        return;
    if (backends->http)
        mg_http_close(backends->http, all_closed, backends);
    else
        all_closed(backends);
}

static void one_closed(void *owner)
{
    struct mg_backend_place *place = owner;
    place->backend = NULL;
    leave(place->of);
}

void mg_backends_close(struct mg_backends *backends, void (*closed)(void *owner), void *owner)
{
    backends->closed = closed;
    backends->owner = owner;
    backends->closing = 1; // ours, so that it does not reach 0 while we still walk
    for (unsigned kind = 0; kind < MG_CALL_KINDS; kind++) {
        for (unsigned i = 0; i < backends->counts[kind]; i++) {
            backends->closing++;
            struct mg_backend_place *place = &backends->by_kind[kind][i];
            mg_backend_close(place->backend, one_closed, place);
        }
    }
    leave(backends);
}
