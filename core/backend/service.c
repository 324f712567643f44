#include "backend/service.h"

#include <stdlib.h>

enum { shun_us = 1000000 }; // how long a place that could not be reached is left alone

static void set_defaults(struct mg_http_config *config)
{
    config->connect_ms = config->connect_ms ? config->connect_ms : 1000;
    config->at_once = config->at_once ? config->at_once : 1024;
    config->patience_ms = config->patience_ms ? config->patience_ms : 100;
    config->unheard_ms = config->unheard_ms ? config->unheard_ms : 30000;
    config->head_most = config->head_most ? config->head_most : 64 << 10;
}

static bool copy_text(struct mg_service *service, const struct mg_http_config *config)
{
    size_t len = config->name.len + 1;
    for (unsigned i = 0; i < config->url_count; i++)
        len += config->urls[i].len;
    char *at = service->text = malloc(len);
    size_t places = config->url_count * sizeof *service->places;
    service->places = aligned_alloc(MG_APART, places ? places : MG_APART);
    if (!at || !service->places)
        return false;
    memset(service->places, 0, places);
    service->place_count = config->url_count;
    service->config.name = mg_str_pack(&at, config->name);
    service->config.urls = NULL;
    for (unsigned i = 0; i < config->url_count; i++)
        service->places[i].url.base = mg_str_pack(&at, config->urls[i]); // parsed next
    return true;
}

static const char *open_places(struct mg_service *service, struct mg_resolver *resolver)
{
    for (unsigned i = 0; i < service->place_count; i++) {
        struct mg_url *url = &service->places[i].url;
        const char *wrong = mg_url_parse_own(url->base, url);
        if (wrong)
            return wrong;
        if (mg_str_find(url->path, '?', 0) < url->path.len)
            return "it has a query";
        while (url->path.len && url->path.data[url->path.len - 1] == '/')
            url->path.len--;
        if (!url->literal && !mg_resolver_keep(resolver, url->host))
            return "no memory";
    }
    return NULL;
}

struct mg_service *mg_service_new(const struct mg_http_config *config, struct mg_resolver *resolver,
                                  const char **why)
{
    struct mg_service *service = aligned_alloc(MG_APART, sizeof *service);
    *why = "no memory";
    if (!service)
        return NULL;
    *service = (struct mg_service){.config = *config};
    set_defaults(&service->config);
    service->quota = mg_quota_new(service->config.at_once, service->config.waiting);
    if (service->quota && copy_text(service, config))
        *why = config->url_count ? open_places(service, resolver) : "it has no url";
    if (!*why)
        return service;
    mg_service_free(service);
    return NULL;
}

void mg_service_free(struct mg_service *service)
{
    if (!service)
        return;
    if (service->quota)
        mg_quota_free(service->quota);
    free(service->places);
    free(service->text);
    free(service);
}

enum mg_http_path mg_service_path(const struct mg_http_config *config, bool secure, bool redirects,
                                  const char **why)
{
    const char *reason = "its URL is http";
    enum mg_http_path path = MG_HTTP_PATH_PLAIN;
    if (secure) {
        reason = "its URL is https";
        path = MG_HTTP_PATH_LIBCURL;
    } else if (config->path != MG_HTTP_PATH_FITTING) {
        reason = "its service says so";
        path = config->path;
    } else if (redirects) {
        reason = "it follows redirects";
        path = MG_HTTP_PATH_LIBCURL;
    }
    if (why)
        *why = reason;
    return path;
}

bool mg_service_patient(const struct mg_service *service, uint64_t mean_us, uint64_t left)
{
    uint64_t ahead = atomic_load_explicit(&service->waiting, memory_order_relaxed);
    uint64_t patience = service->config.patience_ms < left ? service->config.patience_ms : left;
    return ahead * mean_us / service->config.at_once <= patience * 1000;
}

// A lower rank is better: not shunned before shunned, then by how busy it is.
static uint64_t rank(struct mg_service_place *place, uint64_t now)
{
    uint64_t until = atomic_load_explicit(&place->shunned_until, memory_order_relaxed);
    uint64_t busy = atomic_load_explicit(&place->busy, memory_order_relaxed);
    return until > now ? busy + UINT32_MAX : busy;
}

static struct mg_service_place *least_busy(struct mg_service *service, uint64_t now)
{
    unsigned from = atomic_fetch_add(&service->turn, 1);
    uint64_t least = UINT64_MAX;
    struct mg_service_place *best = service->places;
    for (unsigned i = 0; i < service->place_count; i++) {
        struct mg_service_place *place = &service->places[(from + i) % service->place_count];
        uint64_t its = rank(place, now);
        if (its < least) {
            best = place;
            least = its;
        }
    }
    return best;
}

// With one place there is nothing to choose, and nothing is counted.
void mg_service_enter(struct mg_service *service, struct mg_service_stay *stay)
{
    stay->since = uv_hrtime() / 1000;
    stay->place = service->places;
    if (service->place_count > 1) {
        stay->place = least_busy(service, stay->since);
        atomic_fetch_add_explicit(&stay->place->busy, 1, memory_order_relaxed);
    }
}

void mg_service_leave(struct mg_service *service, struct mg_service_stay *stay, bool reached,
                      uint64_t *mean_us)
{
    uint64_t now = uv_hrtime() / 1000, held = now - stay->since;
    *mean_us = *mean_us ? (7 * *mean_us + held) / 8 : held;
    if (service->place_count > 1) {
        if (!reached)
            atomic_store_explicit(&stay->place->shunned_until, now + shun_us, memory_order_relaxed);
        atomic_fetch_sub_explicit(&stay->place->busy, 1, memory_order_relaxed);
    }
    stay->place = NULL;
}
