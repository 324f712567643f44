#include "backend/redis.h"

#include <stdlib.h>

#include "backend/redis_line.h"
#include "backend/redis_refusal.h"

enum { command_most = 512 << 20 }; // bytes, which is what Redis takes

struct mg_redis {
    struct mg_arena arena;
    struct mg_redis_config config;
    struct mg_redis_url url;
    _Atomic unsigned taken; // of at_once
};

struct backend {
    struct mg_backend base;
    struct mg_redis *redis;
    struct mg_redis_line line;
    struct mg_list calls; // that wait
    void (*closed)(void *owner);
    void *owner;
};

// A call in the line. Its place is given back when it leaves that, not when its call lands: what
// Redis still has to answer is bounded, wanted or not.
struct asked {
    struct mg_redis_asked in_line;
    struct mg_list node; // among the backend's calls, while one waits
    struct backend *backend;
    struct mg_call *call; // NULL: given up
    struct mg_timer deadline;
};

static void free_asked(struct asked *asked)
{
    atomic_fetch_sub_explicit(&asked->backend->redis->taken, 1, memory_order_relaxed);
    free(asked);
}

// The call waits no longer.
static struct mg_call *release(struct asked *asked)
{
    struct mg_call *call = asked->call;
    mg_timer_drop(asked->backend->base.loop, &asked->deadline);
    mg_list_drop(&asked->node);
    asked->call = NULL;
    return call;
}

static struct mg_call *give_up(struct asked *asked)
{
    struct mg_call *call = release(asked);
    if (mg_redis_line_give_up(&asked->backend->line, &asked->in_line))
        free_asked(asked);
    return call;
}

static void expire(struct mg_timer *timer)
{
    struct asked *asked = MG_OWNER(timer, struct asked, deadline);
    struct mg_backend *base = &asked->backend->base;
    mg_backend_land(base, give_up(asked), MG_TIMEOUT, MG_STR("out of time"));
}

static void done(struct mg_redis_line *line, struct mg_redis_asked *in_line,
                 struct mg_redis_reply *reply)
{
    struct asked *asked = MG_OWNER(in_line, struct asked, in_line);
    struct mg_backend *base = &asked->backend->base;
    struct mg_call *call = asked->call ? release(asked) : NULL;
    struct mg_str body = mg_buf_str(&reply->body), why = mg_str_of(reply->message);
    free_asked(asked);
    bool kept = call && reply->error == MG_OK &&
                (!body.data || mg_arena_at_end(call->arena, free, reply->body.data));
    if (!kept)
        mg_buf_fini(&reply->body);
    if (call && kept) {
        call->result.body = body.data ? body : MG_STR("");
        call->result.form = reply->form;
        mg_backend_land(base, call, MG_OK, MG_STR(""));
    } else if (call && reply->error == MG_OK) {
        mg_backend_land(base, call, MG_NO_MEMORY, MG_STR("no memory"));
    } else if (call) {
        mg_backend_land(base, call, reply->error, why);
    }
}

static bool too_large(const struct mg_redis_ask *ask)
{
    size_t size = 0;
    for (unsigned i = 0; i < ask->count; i++)
        for (unsigned k = 0; k < ask->commands[i].count; k++)
            size += ask->commands[i].words[k].len;
    return size > command_most;
}

static bool take_place(struct mg_redis *redis)
{
    unsigned before = atomic_fetch_add_explicit(&redis->taken, 1, memory_order_relaxed);
    if (before < redis->config.at_once)
        return true;
    atomic_fetch_sub_explicit(&redis->taken, 1, memory_order_relaxed);
    return false;
}

// Why the call cannot be made, or not now.
static enum mg_status refuse(struct backend *backend, const struct mg_call *call, const char **why)
{
    for (unsigned i = 0; i < call->redis.count; i++)
        if ((*why = mg_redis_refusal(&call->redis.commands[i])))
            return MG_REDIS;
    *why = "the command is larger than Redis takes";
    if (too_large(&call->redis))
        return MG_TOO_LARGE;
    *why = "the backend is closing";
    if (backend->closed)
        return MG_CANCELLED;
    *why = "no time was left";
    if (call->deadline <= call->began)
        return MG_TIMEOUT;
    *why = backend->line.why;
    if (backend->line.failing)
        return backend->line.error;
    *why = "too many calls wait for this Redis";
    return take_place(backend->redis) ? MG_OK : MG_BUSY;
}

static void start(struct mg_backend *base, struct mg_call *call)
{
    struct backend *backend = MG_OWNER(base, struct backend, base);
    const char *why;
    enum mg_status refused = refuse(backend, call, &why);
    if (refused != MG_OK) {
        mg_redis_line_want(&backend->line);
        mg_backend_fail(base, call, refused, mg_str_of(why));
        return;
    }
    struct asked *asked = calloc(1, sizeof *asked);
    if (asked)
        asked->deadline.run = expire;
    if (!asked || !mg_timer_set(base->loop, &asked->deadline, call->deadline)) {
        free(asked);
        atomic_fetch_sub_explicit(&backend->redis->taken, 1, memory_order_relaxed);
        mg_backend_fail(base, call, MG_NO_MEMORY, MG_STR("no memory"));
        return;
    }
    asked->backend = backend;
    asked->call = call;
    asked->in_line.ask = &call->redis;
    asked->in_line.body_most = call->body_most;
    call->running = asked;
    mg_list_push(&backend->calls, &asked->node);
    mg_redis_line_add(&backend->line, &asked->in_line);
}

static void cancel(struct mg_backend *base, struct mg_call *call)
{
    give_up(call->running);
    mg_backend_fail(base, call, MG_CANCELLED, MG_STR("cancelled"));
}

static void end(void *owner)
{
    struct backend *backend = owner;
    void (*closed)(void *) = backend->closed;
    void *whose = backend->owner;
    mg_resolver_leave(backend->line.link.names);
    free(backend);
    closed(whose);
}

static void close_backend(struct mg_backend *base, void (*closed)(void *owner), void *owner)
{
    struct backend *backend = MG_OWNER(base, struct backend, base);
    backend->closed = closed;
    backend->owner = owner;
    while (!mg_list_empty(&backend->calls))
        cancel(base, MG_OWNER(backend->calls.next, struct asked, node)->call);
    mg_redis_line_close(&backend->line, end, backend);
}

static void hurry(struct mg_backend *base)
{
    mg_redis_line_hurry(&MG_OWNER(base, struct backend, base)->line);
}

static const struct mg_backend_kind redis_kind = {
    .word = "redis",
    .start = start,
    .cancel = cancel,
    .close = close_backend,
    .hurry = hurry,
};

static bool has_name(const struct mg_redis_url *url)
{
    return url->host.len && !url->literal;
}

struct mg_backend *mg_redis_open(struct mg_redis *redis, struct mg_resolver *resolver,
                                 struct mg_loop *loop, struct mg_mailbox *home)
{
    const struct mg_redis_config *config = &redis->config;
    struct backend *backend = calloc(1, sizeof *backend);
    struct mg_resolver_seat *names = NULL;
    if (backend && has_name(&redis->url) && !(names = mg_resolver_join(resolver, home))) {
        free(backend);
        return NULL;
    }
    if (!backend)
        return NULL;
    backend->base.kind = &redis_kind;
    backend->base.loop = loop;
    backend->base.name = config->name;
    backend->redis = redis;
    mg_list_init(&backend->calls);
    backend->line = (struct mg_redis_line){
        .name = config->name,
        .silence_ms = config->silence_ms,
        .reply_most = config->reply_most,
        .link = {.loop = loop,
                 .url = &redis->url,
                 .names = names,
                 .connect_ms = config->connect_ms,
                 .silence_ms = config->silence_ms},
        .done = done,
    };
    mg_redis_line_init(&backend->line);
    return &backend->base;
}

static const char *set_up(struct mg_redis *redis, const struct mg_redis_config *config,
                          struct mg_resolver *resolver)
{
    struct mg_redis_config *own = &redis->config;
    *own = *config;
    own->connect_ms = config->connect_ms ? config->connect_ms : 1000;
    own->at_once = config->at_once ? config->at_once : 8192;
    own->silence_ms = config->silence_ms ? config->silence_ms : 5000;
    own->reply_most = config->reply_most ? config->reply_most : 64 << 20;
    own->name = mg_arena_copy(&redis->arena, config->name);
    own->url = mg_arena_copy(&redis->arena, config->url);
    if (!own->name.data || !own->url.data)
        return "no memory";
    const char *wrong = mg_redis_url_parse(own->url, &redis->arena, &redis->url);
    if (wrong || !has_name(&redis->url))
        return wrong;
    return mg_resolver_keep(resolver, redis->url.host) ? NULL : "no memory";
}

struct mg_redis *mg_redis_new(const struct mg_redis_config *config, struct mg_resolver *resolver,
                              const char **why)
{
    struct mg_redis *redis = calloc(1, sizeof *redis);
    *why = redis ? set_up(redis, config, resolver) : "no memory";
    if (!*why)
        return redis;
    mg_redis_free(redis);
    return NULL;
}

void mg_redis_free(struct mg_redis *redis)
{
    if (!redis)
        return;
    mg_arena_fini(&redis->arena);
    free(redis);
}
