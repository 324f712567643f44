#include "gateway/shared.h"

#include <stdlib.h>

#include "backend/local_tickets.h"
#include "script/engine.h"

bool mg_grounds_open(struct mg_grounds *grounds, const struct mg_config *config)
{
    struct mg_resolver_options names = {.in_flight = (unsigned)config->limits.names_at_once};
    struct mg_compute_pool_options compute = {(unsigned)config->limits.compute_threads,
                                              (unsigned)config->limits.compute_jobs};
    *grounds = (struct mg_grounds){.resolver = mg_resolver_new(&names),
                                   .compute = mg_compute_pool_new(&compute),
                                   .waiting = atomic_load(&grounds->waiting)};
    return grounds->resolver && grounds->compute;
}

bool mg_grounds_close(struct mg_grounds *grounds)
{
    if (grounds->resolver)
        mg_resolver_free(grounds->resolver);
    mg_tls_store_free(grounds->tls);
    bool whole = mg_compute_pool_free(grounds->compute);
    mg_local_tickets_free(grounds->tickets);
    *grounds = (struct mg_grounds){0};
    return whole;
}

// Everything that the making of a backend reads of the configuration.
static bool put_key(struct mg_buf *key, const struct mg_config *config, unsigned index)
{
    const struct mg_limits *limits = &config->limits;
    mg_buf_printf(key, "%d %llu %llu %llu %llu %llu %llu ", (int)config->backends[index].kind,
                  (unsigned long long)limits->unheard, (unsigned long long)limits->redis_silence,
                  (unsigned long long)limits->redis_reply, (unsigned long long)limits->sqlite_jobs,
                  (unsigned long long)limits->file_threads, (unsigned long long)limits->file_jobs);
    mg_buf_put(key, config->texts[index]);
    return key->failed == MG_OK;
}

static bool trust(struct mg_grounds *grounds, const struct mg_http_config *config,
                  struct mg_buf *why)
{
    bool secure = false;
    for (unsigned i = 0; i < config->url_count; i++)
        secure = secure || mg_str_starts(config->urls[i], MG_STR("https:"));
    if (!secure || grounds->tls || (grounds->tls = mg_tls_store_new(NULL)))
        return true;
    mg_buf_put(why, MG_STR("the system's certificates cannot be read (package ca-certificates)"));
    return false;
}

static bool open_service(struct mg_shared *shared, const struct mg_http_config *config,
                         struct mg_grounds *grounds, struct mg_buf *why)
{
    const char *reason = "out of memory";
    if (!trust(grounds, config, why))
        return false;
    shared->service = mg_service_new(config, grounds->resolver, &reason);
    return shared->service || (mg_buf_put(why, mg_str_of(reason)) && false);
}

static bool open_database(struct mg_shared *shared, const struct mg_config *config, unsigned index,
                          struct mg_grounds *grounds, struct mg_buf *why)
{
    const struct mg_database_config *database = &config->databases[index];
    if (database->url.len) {
        struct mg_postgres_options options = {
            {database->name, database->at_once, database->waiting, database->connect},
            database->url.data};
        shared->postgres = mg_postgres_new(&options, grounds->resolver, why);
        return shared->postgres != NULL;
    }
    struct mg_sqlite_options options = {database->name, database->path.data, database->readers,
                                        (unsigned)config->limits.sqlite_jobs};
    shared->sqlite = mg_sqlite_new(&options, why);
    return shared->sqlite != NULL;
}

static bool open_folder(struct mg_shared *shared, const struct mg_config *config, unsigned index,
                        struct mg_buf *why)
{
    const struct mg_folder_config *folder = &config->folders[index];
    struct mg_files_options options = {folder->name, folder->path.data,
                                       (unsigned)config->limits.file_threads,
                                       (unsigned)config->limits.file_jobs};
    shared->files = mg_files_new(&options, why);
    return shared->files != NULL;
}

static bool open_redis(struct mg_shared *shared, const struct mg_redis_config *config,
                       struct mg_grounds *grounds, struct mg_buf *why)
{
    const char *reason = "out of memory";
    shared->redis = mg_redis_new(config, grounds->resolver, &reason);
    return shared->redis || (mg_buf_put(why, mg_str_of(reason)) && false);
}

// The word that gateway.lua has for the kind.
static const char *word_of(enum mg_call_kind kind)
{
    switch (kind) {
    case MG_CALL_HTTP:
        return "services";
    case MG_CALL_SQL:
        return "databases";
    case MG_CALL_FILE:
        return "files";
    case MG_CALL_REDIS:
        return "redis";
    default:
        return "backends";
    }
}

static bool open_one(struct mg_shared *shared, const struct mg_config *config,
                     const struct mg_plan_backend *backend, struct mg_grounds *grounds,
                     struct mg_buf *why)
{
    unsigned index = backend->index;
    switch (backend->kind) {
    case MG_CALL_HTTP:
        return open_service(shared, &config->services[index], grounds, why);
    case MG_CALL_SQL:
        return open_database(shared, config, index, grounds, why);
    case MG_CALL_FILE:
        return open_folder(shared, config, index, why);
    case MG_CALL_REDIS:
        return open_redis(shared, &config->redis[index], grounds, why);
    default:
        return true;
    }
}

static void free_one(struct mg_shared *shared)
{
    mg_compute_free(shared->compute);
    mg_service_free(shared->service);
    mg_sqlite_free(shared->sqlite);
    mg_postgres_free(shared->postgres);
    mg_files_free(shared->files);
    mg_redis_free(shared->redis);
    mg_buf_fini(&shared->key);
    free(shared);
}

static struct mg_shared *find(const struct mg_shared_set *before, struct mg_str key)
{
    for (unsigned i = 0; i < before->count; i++)
        if (mg_str_eq(mg_buf_str(&before->items[i]->key), key))
            return before->items[i];
    return NULL;
}

static struct mg_shared *take(const struct mg_config *config, unsigned index,
                              struct mg_grounds *grounds, const struct mg_shared_set *before,
                              struct mg_buf *why)
{
    const struct mg_plan_backend *backend = &config->backends[index];
    struct mg_shared *made = calloc(1, sizeof *made);
    struct mg_buf reason = {0};
    bool ok = made && put_key(&made->key, config, index);
    struct mg_shared *known = ok ? find(before, mg_buf_str(&made->key)) : NULL;
    if (ok)
        made->kind = backend->kind;
    if (ok && !known && !(ok = open_one(made, config, backend, grounds, &reason)))
        mg_buf_printf(why, "%s.%.*s: %.*s", word_of(backend->kind), (int)backend->name.len,
                      backend->name.data, (int)reason.len, reason.data ? reason.data : "");
    else if (!ok)
        mg_buf_put(why, MG_STR("out of memory"));
    mg_buf_fini(&reason);
    if (made && (known || !ok)) {
        free_one(made);
        made = known;
    }
    if (made)
        made->users++;
    return made;
}

// All that a state which computes reads.
static bool put_modules(struct mg_buf *key, const struct mg_folder *folder)
{
    mg_buf_printf(key, "modules %zu ", folder->gateway.len);
    mg_buf_put(key, folder->gateway);
    for (unsigned i = 0; i < folder->sources.count; i++) {
        const struct mg_source *source = &folder->sources.items[i];
        if (source->route)
            continue;
        mg_buf_printf(key, " %zu %zu ", source->name.len, source->text.len);
        mg_buf_put(key, source->name);
        mg_buf_put(key, source->text);
    }
    return key->failed == MG_OK;
}

static struct mg_shared *take_modules(const struct mg_folder *folder, struct mg_grounds *grounds,
                                      const struct mg_shared_set *before)
{
    struct mg_shared *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->kind = MG_CALL_COMPUTE;
    struct mg_shared *known =
        put_modules(&made->key, folder) ? find(before, mg_buf_str(&made->key)) : NULL;
    if (!known && made->key.failed == MG_OK) {
        struct mg_engine *engine = mg_engine_new(folder->gateway, &folder->sources);
        made->compute = engine ? mg_compute_new(grounds->compute, engine) : NULL;
    }
    if (known || !made->compute) {
        free_one(made);
        made = known;
    }
    if (made)
        made->users++;
    return made;
}

bool mg_shared_open(struct mg_shared_set *set, const struct mg_config *config,
                    const struct mg_folder *folder, struct mg_grounds *grounds,
                    const struct mg_shared_set *before, struct mg_buf *why)
{
    *set = (struct mg_shared_set){.items = calloc(config->backend_count + 2, sizeof *set->items)};
    if (!set->items)
        return mg_buf_put(why, MG_STR("out of memory")) && false;
    for (; set->count < config->backend_count; set->count++) {
        set->items[set->count] = take(config, set->count, grounds, before, why);
        if (!set->items[set->count])
            return false;
    }
    set->items[set->count] = take_modules(folder, grounds, before);
    if (!set->items[set->count])
        return mg_buf_put(why, MG_STR("out of memory")) && false;
    set->count++;
    set->tls = grounds->tls;
    return true;
}

void mg_shared_close(struct mg_shared_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        if (--set->items[i]->users == 0)
            free_one(set->items[i]);
    free(set->items);
    *set = (struct mg_shared_set){0};
}
