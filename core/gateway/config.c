#include "gateway/config.h"

#include <stdlib.h>

enum { socket_path_most = 107 }; // of struct sockaddr_un, without the NUL

static struct mg_str member(struct mg_str object, const char *name)
{
    struct mg_str value = {0};
    mg_json_member(object, mg_str_of(name), &value);
    return value;
}

static uint64_t number(struct mg_str object, const char *name)
{
    struct mg_str value = member(object, name);
    int64_t number = 0;
    if (value.len)
        mg_json_int(value, &number);
    return number > 0 ? (uint64_t)number : 0;
}

static struct mg_str text(struct mg_config *config, struct mg_str value)
{
    return value.len ? mg_json_text_in(value, &config->arena) : value;
}

static unsigned count_of(struct mg_str list)
{
    struct mg_json_iter iter;
    unsigned count = 0;
    for (mg_json_begin(&iter, list); mg_json_next(&iter);)
        count++;
    return count;
}

static bool read_texts(struct mg_config *config, struct mg_str list, struct mg_str **items,
                       unsigned *count)
{
    struct mg_json_iter iter;
    *items = mg_arena_zero(&config->arena, count_of(list) + 1, sizeof **items);
    if (!*items)
        return false;
    for (mg_json_begin(&iter, list); mg_json_next(&iter);)
        (*items)[(*count)++] = text(config, iter.value);
    return true;
}

// An absolute path stays; others begin at the gateway's folder.
static struct mg_str path_in(struct mg_config *config, struct mg_str dir, struct mg_str path)
{
    if (path.len && path.data[0] == '/')
        return mg_arena_copy(&config->arena, path);
    return mg_arena_printf(&config->arena, "%.*s/%.*s", (int)dir.len, dir.data, (int)path.len,
                           path.data);
}

static bool read_limits(struct mg_config *config, struct mg_str json)
{
    struct mg_limits *limits = &config->limits;
    bool whole = true;
#define MG_LIMIT_READ(name)                                                                        \
    whole = whole && member(json, #name).len;                                                      \
    limits->name = number(json, #name);
    MG_LIMITS(MG_LIMIT_READ)
#undef MG_LIMIT_READ
    config->conn = (struct mg_conn_limits){
        .request = {.target = limits->target,
                    .header = limits->header,
                    .count = (unsigned)limits->headers,
                    .trailer = limits->trailer,
                    .extensions = limits->extensions},
        .header_ms = limits->header_within,
        .body_idle_ms = limits->body_idle,
        .body_rate = (unsigned)limits->body_rate,
        .idle_ms = limits->idle,
        .write_ms = limits->write_idle,
        .requests = (unsigned)limits->requests,
        .pipelined = limits->pipelined,
        .linger_ms = limits->linger,
        .connections = (unsigned)limits->connections,
    };
    return whole;
}

static struct mg_plan_backend *add_backend(struct mg_config *config, enum mg_call_kind kind,
                                           struct mg_str name, unsigned index, struct mg_str json)
{
    config->texts[config->backend_count] = json;
    struct mg_plan_backend *backend = &config->backends[config->backend_count++];
    *backend = (struct mg_plan_backend){.kind = kind, .name = name, .index = index};
    return backend;
}

// Where configuration is read from, for what is wrong with it.
struct origin {
    struct mg_str dir;
    struct mg_vm *vm; // finds the lines
    struct mg_faults *faults;
};

static void complain(struct mg_config *config, const struct origin *origin, struct mg_str service,
                     const struct mg_plan_error *error)
{
    struct mg_arena *arena = &config->arena;
    struct mg_str file = MG_STR("gateway.lua");
    struct mg_str path = mg_arena_printf(arena, "services.%.*s.%.*s", (int)service.len,
                                         service.data, (int)error->path.len, error->path.data);
    struct mg_str message = mg_arena_printf(arena, "%.*s: %.*s", (int)path.len, path.data,
                                            (int)error->message.len, error->message.data);
    mg_faults_add(origin->faults, file, mg_vm_locate(origin->vm, file, 0, path), message);
}

// "unix:app.sock", or with something behind it, with a path that begins at the gateway's folder.
static bool resolve_socket(struct mg_config *config, const struct origin *origin,
                           struct mg_str *text, const char *behind, struct mg_str key)
{
    static const struct mg_str scheme = {"unix:", 5}, file = {"gateway.lua", 11};
    if (!mg_str_starts(*text, scheme))
        return true;
    struct mg_str own = mg_str_cut(*text, scheme.len, text->len);
    size_t end = mg_str_find(own, *behind, 0);
    struct mg_str path = path_in(config, origin->dir, mg_str_cut(own, 0, end));
    struct mg_str rest = mg_str_cut(own, end, own.len);
    *text = mg_arena_printf(&config->arena, "unix:%.*s%.*s", (int)path.len, path.data,
                            (int)rest.len, rest.len ? rest.data : "");
    if (path.len > socket_path_most)
        mg_faults_add(origin->faults, file, mg_vm_locate(origin->vm, file, 0, key),
                      mg_arena_printf(&config->arena,
                                      "%.*s: the path of a socket has at most %d bytes, this one "
                                      "has %zu: %.*s",
                                      (int)key.len, key.data, socket_path_most, path.len,
                                      (int)path.len, path.data));
    return path.data && text->data && key.data;
}

static bool resolve_listen(struct mg_config *config, const struct origin *origin)
{
    bool ok = true;
    for (unsigned i = 0; ok && i < config->listen_count; i++)
        ok = resolve_socket(config, origin, &config->listen[i], "?",
                            config->listen_count == 1
                                ? MG_STR("listen")
                                : mg_arena_printf(&config->arena, "listen[%u]", i + 1));
    return ok;
}

static enum mg_http_path path_of(struct mg_str json)
{
    struct mg_str word = member(json, "path");
    if (mg_str_is(word, "\"plain\""))
        return MG_HTTP_PATH_PLAIN;
    return mg_str_is(word, "\"libcurl\"") ? MG_HTTP_PATH_LIBCURL : MG_HTTP_PATH_FITTING;
}

static void read_redis(struct mg_config *config, struct mg_str json)
{
    struct mg_redis_config *redis = &config->redis[config->redis_count];
    *redis = (struct mg_redis_config){
        .name = text(config, member(json, "name")),
        .url = text(config, member(json, "url")),
        .connect_ms = number(json, "connect"),
        .at_once = (unsigned)number(json, "at_once"),
        .silence_ms = config->limits.redis_silence,
        .reply_most = config->limits.redis_reply,
    };
    add_backend(config, MG_CALL_REDIS, redis->name, config->redis_count++, json)->within =
        number(json, "within");
}

static bool read_service(struct mg_config *config, struct mg_str json, const struct origin *origin)
{
    struct mg_http_config *service = &config->services[config->service_count];
    struct mg_plan_error error;
    struct mg_str *urls, headers = member(json, "headers");
    service->name = text(config, member(json, "name"));
    if (!read_texts(config, member(json, "urls"), &urls, &service->url_count))
        return false;
    for (unsigned i = 0; i < service->url_count; i++) {
        struct mg_str index = MG_STR("");
        if (service->url_count > 1)
            index = mg_arena_printf(&config->arena, "[%u]", i + 1);
        struct mg_str key =
            mg_arena_printf(&config->arena, "services.%.*s.url%.*s", (int)service->name.len,
                            service->name.data, (int)index.len, index.data ? index.data : "");
        if (!resolve_socket(config, origin, &urls[i], ":", key))
            return false;
    }
    service->urls = urls;
    service->connect_ms = number(json, "connect");
    service->at_once = (unsigned)number(json, "at_once");
    service->waiting = (unsigned)number(json, "waiting");
    service->unheard_ms = config->limits.unheard;
    service->path = path_of(json);
    service->share = mg_str_is(member(json, "share"), "true");
    struct mg_plan_backend *backend =
        add_backend(config, MG_CALL_HTTP, service->name, config->service_count++, json);
    backend->within = number(json, "within");
    if (headers.len && !mg_plan_headers(headers, &backend->headers, &backend->header_count,
                                        &config->arena, &error))
        complain(config, origin, service->name, &error);
    return true;
}

static void read_database(struct mg_config *config, struct mg_str json, struct mg_str dir)
{
    struct mg_database_config *database = &config->databases[config->database_count];
    struct mg_str path = member(json, "path");
    database->name = text(config, member(json, "name"));
    struct mg_str url = text(config, member(json, "url"));
    database->url = url.len ? mg_arena_copy(&config->arena, url) : url; // ends with NUL
    database->at_once = (unsigned)number(json, "at_once");
    database->waiting = (unsigned)number(json, "waiting");
    database->connect = number(json, "connect");
    if (path.len)
        database->path = path_in(config, dir, text(config, path));
    database->readers = (unsigned)number(json, "readers");
    add_backend(config, MG_CALL_SQL, database->name, config->database_count++, json);
}

static bool read_backends(struct mg_config *config, struct mg_str json, const struct origin *origin)
{
    struct mg_str services = member(json, "services"), databases = member(json, "databases");
    struct mg_str folders = member(json, "files"), redis = member(json, "redis");
    struct mg_json_iter iter;
    struct mg_arena *arena = &config->arena;
    unsigned counts[] = {count_of(services), count_of(databases), count_of(folders),
                         count_of(redis)};
    config->services = mg_arena_zero(arena, counts[0] + 1, sizeof *config->services);
    config->databases = mg_arena_zero(arena, counts[1] + 1, sizeof *config->databases);
    config->folders = mg_arena_zero(arena, counts[2] + 1, sizeof *config->folders);
    config->redis = mg_arena_zero(arena, counts[3] + 1, sizeof *config->redis);
    unsigned all = counts[0] + counts[1] + counts[2] + counts[3];
    config->backends = mg_arena_zero(arena, all + 1, sizeof *config->backends);
    config->texts = mg_arena_zero(arena, all + 1, sizeof *config->texts);
    if (!config->services || !config->databases || !config->folders || !config->redis ||
        !config->backends || !config->texts)
        return false;
    for (mg_json_begin(&iter, services); mg_json_next(&iter);)
        if (!read_service(config, iter.value, origin))
            return false;
    for (mg_json_begin(&iter, databases); mg_json_next(&iter);)
        read_database(config, iter.value, origin->dir);
    for (mg_json_begin(&iter, folders); mg_json_next(&iter);) {
        struct mg_folder_config *folder = &config->folders[config->folder_count];
        folder->name = text(config, member(iter.value, "name"));
        folder->path = path_in(config, origin->dir, text(config, member(iter.value, "path")));
        add_backend(config, MG_CALL_FILE, folder->name, config->folder_count++, iter.value);
    }
    for (mg_json_begin(&iter, redis); mg_json_next(&iter);)
        read_redis(config, iter.value);
    return true;
}

struct mg_config *mg_config_new(struct mg_str json, struct mg_str dir, struct mg_vm *vm,
                                struct mg_faults *faults)
{
    const struct origin origin = {dir, vm, faults};
    struct mg_config *config = calloc(1, sizeof *config);
    if (!config)
        return NULL;
    struct mg_str kept = mg_arena_copy(&config->arena, json); // header templates borrow from it
    bool ok =
        kept.data && read_limits(config, member(kept, "limits")) &&
        read_texts(config, member(kept, "listen"), &config->listen, &config->listen_count) &&
        read_texts(config, member(kept, "trusted"), &config->trusted, &config->trusted_count) &&
        resolve_listen(config, &origin) && read_backends(config, kept, &origin);
    if (ok)
        config->tasks = path_in(config, dir, text(config, member(kept, "tasks")));
    config->workers = ok ? (unsigned)number(kept, "workers") : 0;
    if (!ok)
        mg_faults_add(faults, MG_STR("gateway.lua"), 0,
                      MG_STR("out of memory, or not in canonical form"));
    if (!mg_faults_any(faults))
        return config;
    mg_config_free(config);
    return NULL;
}

void mg_config_free(struct mg_config *config)
{
    if (!config)
        return;
    mg_arena_fini(&config->arena);
    free(config);
}
