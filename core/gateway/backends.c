#include "gateway/backends.h"

#include <stdlib.h>

#include "backend/http_flight.h"
#include "backend/value.h"

static struct mg_backend *open_backend(const struct mg_shared *shared,
                                       const struct mg_backends_place *place)
{
    if (!shared)
        return mg_value_new(place->loop);
    if (shared->service)
        return shared->service->config.share ? mg_http_flight_open(place->http, shared->service)
                                             : mg_http_open(place->http, shared->service);
    if (shared->postgres)
        return mg_postgres_open(shared->postgres, place->loop, place->home);
    if (shared->sqlite)
        return mg_sql_new(shared->sqlite, place->loop, place->home);
    if (shared->compute)
        return mg_compute_open(shared->compute, place->loop, place->home);
    if (shared->files)
        return mg_file_new(shared->files, place->loop, place->home);
    return mg_redis_open(shared->redis, place->grounds->resolver, place->loop, place->home);
}

static struct mg_opened *find(const struct mg_backends *before, const struct mg_shared *shared)
{
    for (unsigned i = 0; i < before->count; i++)
        if (before->opened[i]->shared == shared)
            return before->opened[i];
    return NULL;
}

static bool add(struct mg_backends *backends, const struct mg_shared *shared,
                const struct mg_backends_place *place, const struct mg_backends *before)
{
    enum mg_call_kind kind = shared ? shared->kind : MG_CALL_VALUE;
    struct mg_opened *opened = find(before, shared);
    if (!opened && (opened = calloc(1, sizeof *opened))) {
        opened->shared = shared;
        opened->backend = open_backend(shared, place);
    }
    if (!opened || !opened->backend) {
        free(opened);
        return false;
    }
    opened->users++;
    backends->opened[backends->count++] = opened;
    backends->by_kind[kind][backends->counts[kind]++] = opened->backend;
    return true;
}

bool mg_backends_open(struct mg_backends *backends, const struct mg_shared_set *shared,
                      const struct mg_backends_place *place, const struct mg_backends *before)
{
    bool ok = true;
    *backends = (struct mg_backends){0};
    backends->opened = calloc(shared->count + 1, sizeof *backends->opened);
    for (unsigned kind = 0; kind < MG_CALL_KINDS; kind++) {
        backends->by_kind[kind] = calloc(shared->count + 1, sizeof *backends->by_kind[kind]);
        ok = ok && backends->by_kind[kind];
    }
    ok = ok && backends->opened && add(backends, NULL, place, before);
    if (ok)
        backends->by_kind[MG_CALL_TICKET][0] = place->tickets;
    if (shared->tls)
        mg_http_trust(place->http, shared->tls);
    for (unsigned i = 0; ok && i < shared->count; i++)
        ok = add(backends, shared->items[i], place, before);
    return ok;
}

static void leave(struct mg_backends *backends)
{
    if (--backends->closing)
        return;
    void (*closed)(void *) = backends->closed;
    void *owner = backends->owner;
    for (unsigned kind = 0; kind < MG_CALL_KINDS; kind++)
        free(backends->by_kind[kind]);
    free(backends->opened);
    *backends = (struct mg_backends){0};
    closed(owner);
}

static void one_closed(void *owner)
{
    struct mg_opened *opened = owner;
    struct mg_backends *backends = opened->closing;
    for (unsigned i = 0; i < backends->count; i++)
        if (backends->opened[i] == opened)
            backends->opened[i] = NULL;
    free(opened);
    leave(backends);
}

void mg_backends_close(struct mg_backends *backends, void (*closed)(void *owner), void *owner)
{
    backends->closed = closed;
    backends->owner = owner;
    backends->closing = 1; // ours, so that it does not reach 0 while we still walk
    for (unsigned i = 0; i < backends->count; i++) {
        struct mg_opened *opened = backends->opened[i];
        if (--opened->users) {
            backends->opened[i] = NULL; // the others'
            continue;
        }
        backends->closing++;
        opened->closing = backends;
        mg_backend_close(opened->backend, one_closed, opened);
    }
    leave(backends);
}

void mg_backends_hurry(struct mg_backends *backends)
{
    for (unsigned i = 0; backends->closing && i < backends->count; i++)
        if (backends->opened[i])
            mg_backend_hurry(backends->opened[i]->backend);
}
