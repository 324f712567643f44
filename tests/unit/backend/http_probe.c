// A worker with one HTTP service, small enough for a spec to hold: the spec fills calls, this runs
// the loop until they have landed. What needs many calls or two loops is written out here.
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/http_flight.h"
#include "backend/http_run.h"

struct probe_name {
    const char *text;
    // One or two with "," between; NULL: the look-up fails; "hang": it waits for
    // probe_names_let_go.
    const char *address;
};

struct probe_names {
    pthread_mutex_t lock;
    pthread_cond_t go;
    bool gone;
    struct probe_name names[8];
    unsigned count, looked_up;
};

struct probe {
    struct mg_loop loop;
    struct mg_mailbox mailbox;
    struct mg_resolver *resolver;
    struct mg_service *service;
    struct mg_tls_store *tls;
    struct mg_http *http;
    struct mg_backend *backend;
    struct probe_names names;
    bool owns; // resolver and service
    unsigned landed, wanted;
    unsigned closed;
    uint64_t slowest_turn; // ms between two turns
    uint64_t turned;
    struct mg_timer beat, until;
};

static unsigned parse_addresses(const char *text, struct mg_address items[])
{
    struct mg_str whole = mg_str_of(text);
    size_t comma = mg_str_find(whole, ',', 0);
    unsigned count = mg_address_parse(mg_str_cut(whole, 0, comma), &items[0]);
    if (comma < whole.len)
        count += mg_address_parse(mg_str_cut(whole, comma + 1, whole.len), &items[count]);
    return count;
}

static unsigned look_up(void *owner, const char *name, struct mg_address items[])
{
    struct probe_names *names = owner;
    unsigned count = 0;
    pthread_mutex_lock(&names->lock);
    names->looked_up++;
    for (unsigned i = 0; i < names->count; i++) {
        struct probe_name *at = &names->names[i];
        if (strcmp(at->text, name) != 0)
            continue;
        while (at->address && strcmp(at->address, "hang") == 0 && !names->gone)
            pthread_cond_wait(&names->go, &names->lock);
        count = at->address ? parse_addresses(at->address, items) : 0;
    }
    pthread_mutex_unlock(&names->lock);
    return count;
}

static void names_let_go(struct probe *probe)
{
    pthread_mutex_lock(&probe->names.lock);
    probe->names.gone = true;
    pthread_cond_broadcast(&probe->names.go);
    pthread_mutex_unlock(&probe->names.lock);
}

// From the next look-up on; one that hangs ends.
void probe_name_set(struct probe *probe, const char *text, const char *address)
{
    struct probe_names *names = &probe->names;
    pthread_mutex_lock(&names->lock);
    for (unsigned i = 0; i < names->count; i++) {
        if (strcmp(names->names[i].text, text) == 0) {
            free((char *)names->names[i].address);
            names->names[i].address = address ? strdup(address) : NULL;
        }
    }
    pthread_cond_broadcast(&names->go);
    pthread_mutex_unlock(&names->lock);
}

unsigned probe_names_looked_up(struct probe *probe)
{
    pthread_mutex_lock(&probe->names.lock);
    unsigned count = probe->names.looked_up;
    pthread_mutex_unlock(&probe->names.lock);
    return count;
}

static void on_beat(struct mg_timer *timer)
{
    struct probe *probe = MG_OWNER(timer, struct probe, beat);
    uint64_t now = mg_loop_now(&probe->loop);
    if (probe->turned && now - probe->turned > probe->slowest_turn)
        probe->slowest_turn = now - probe->turned;
    probe->turned = now;
    mg_timer_set(&probe->loop, &probe->beat, now + 1);
}

static void on_until(struct mg_timer *timer)
{
    mg_loop_stop(&MG_OWNER(timer, struct probe, until)->loop);
}

unsigned probe_connections_kept; // by probes that are made from now on; 0: the default

static bool open_worker(struct probe *probe)
{
    struct mg_http_options options = {.tls = probe->tls, .connections = probe_connections_kept};
    if (mg_loop_init(&probe->loop) != MG_OK ||
        mg_mailbox_open(&probe->mailbox, &probe->loop) != MG_OK)
        return false;
    probe->beat.run = on_beat;
    probe->until.run = on_until;
    probe->http = mg_http_new(&probe->loop, &probe->mailbox, probe->resolver, &options);
    if (probe->http && probe->service->config.share)
        probe->backend = mg_http_flight_open(probe->http, probe->service);
    else if (probe->http)
        probe->backend = mg_http_open(probe->http, probe->service);
    return probe->backend != NULL;
}

// NULL: *why says it.
struct probe *probe_new(const struct mg_http_config *config, const struct probe_name *names,
                        unsigned name_count, unsigned refresh_ms, const char *ca_file,
                        const char **why)
{
    struct probe *probe = calloc(1, sizeof *probe);
    pthread_mutex_init(&probe->names.lock, NULL);
    pthread_cond_init(&probe->names.go, NULL);
    for (unsigned i = 0; i < name_count; i++)
        probe->names.names[probe->names.count++] = (struct probe_name){
            strdup(names[i].text), names[i].address ? strdup(names[i].address) : NULL};
    struct mg_resolver_options options = {
        .look_up = look_up, .owner = &probe->names, .refresh_ms = refresh_ms};
    probe->owns = true;
    probe->resolver = mg_resolver_new(&options);
    probe->tls = ca_file ? mg_tls_store_new(ca_file) : NULL;
    probe->service = mg_service_new(config, probe->resolver, why);
    if (probe->service && open_worker(probe))
        return probe;
    mg_resolver_free(probe->resolver);
    free(probe);
    return NULL;
}

static void on_landed(struct mg_call *call)
{
    struct probe *probe = call->owner;
    if (++probe->landed >= probe->wanted)
        mg_loop_stop(&probe->loop);
}

// `deadline` of the call is given as ms from now.
void probe_start(struct probe *probe, struct mg_call *call)
{
    call->deadline += mg_loop_fresh(&probe->loop);
    call->landed = on_landed;
    call->owner = probe;
    mg_backend_start(probe->backend, call);
}

void probe_cancel(struct probe *probe, struct mg_call *call)
{
    mg_backend_cancel(probe->backend, call);
}

// Runs the loop until `landed` calls have landed in all, or `ms` have passed. True: they have.
bool probe_run(struct probe *probe, unsigned landed, unsigned ms)
{
    probe->wanted = landed;
    probe->turned = 0;
    if (probe->landed >= landed)
        return true;
    mg_timer_set(&probe->loop, &probe->until, mg_loop_fresh(&probe->loop) + ms);
    mg_timer_set(&probe->loop, &probe->beat, mg_loop_now(&probe->loop));
    mg_loop_run(&probe->loop);
    mg_timer_drop(&probe->loop, &probe->until);
    mg_timer_drop(&probe->loop, &probe->beat);
    return probe->landed >= landed;
}

unsigned probe_slowest_turn(struct probe *probe)
{
    return (unsigned)probe->slowest_turn;
}

// How long a call holds its place, as far as the worker knows.
unsigned probe_mean_us(struct probe *probe)
{
    return (unsigned)MG_OWNER(probe->backend, struct backend, base)->mean_us;
}

static void on_closed(void *owner)
{
    struct probe *probe = owner;
    probe->closed++;
    mg_loop_stop(&probe->loop);
}

static void close_worker(struct probe *probe)
{
    mg_backend_close(probe->backend, on_closed, probe);
    while (probe->closed < 1)
        mg_loop_run(&probe->loop);
    mg_http_close(probe->http, on_closed, probe);
    while (probe->closed < 2)
        mg_loop_run(&probe->loop);
    mg_mailbox_close(&probe->mailbox);
    mg_loop_run(&probe->loop);
    mg_loop_fini(&probe->loop);
}

// Closes while calls may still be under way: they land.
void probe_free(struct probe *probe)
{
    close_worker(probe);
    if (probe->owns) {
        names_let_go(probe);
        mg_service_free(probe->service);
        mg_resolver_free(probe->resolver);
        mg_tls_store_free(probe->tls);
    }
    for (unsigned i = 0; i < probe->names.count; i++) {
        free((char *)probe->names.names[i].text);
        free((char *)probe->names.names[i].address);
    }
    free(probe);
}

// Entries of a folder, "." and ".." apart: descriptors in /proc/self/fd, threads in
// /proc/self/task.
unsigned probe_entries(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

// Many calls at once

struct crowd {
    struct probe *probe;
    struct mg_call *calls;
    struct mg_arena *arenas;
    unsigned count;
    unsigned of_kind[MG_INVALID + 1];
    unsigned first_ms, last_ms; // of those that ended well
};

static void start_crowd(struct crowd *crowd, unsigned within_ms)
{
    crowd->calls = calloc(crowd->count, sizeof *crowd->calls);
    crowd->arenas = calloc(crowd->count, sizeof *crowd->arenas);
    for (unsigned i = 0; i < crowd->count; i++) {
        struct mg_call *call = &crowd->calls[i];
        *call = (struct mg_call){.kind = MG_CALL_HTTP, .body_most = 1 << 20};
        call->http = (struct mg_http_ask){.method = MG_GET, .path = MG_STR("/")};
        call->deadline = within_ms;
        call->arena = &crowd->arenas[i];
        probe_start(crowd->probe, call);
    }
}

static void end_crowd(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++) {
        crowd->of_kind[crowd->calls[i].result.error]++;
        mg_arena_fini(&crowd->arenas[i]);
    }
    free(crowd->calls);
    free(crowd->arenas);
}

// `count` calls at the same time: how many ended as `kind`.
unsigned probe_crowd(struct probe *probe, unsigned count, unsigned within_ms, unsigned kind)
{
    struct crowd crowd = {.probe = probe, .count = count};
    unsigned before = probe->landed;
    start_crowd(&crowd, within_ms);
    probe_run(probe, before + count, within_ms + 1000);
    end_crowd(&crowd);
    return crowd.of_kind[kind];
}

// `count` calls, cancelled at once when `ms` have passed.
unsigned probe_crowd_leaves(struct probe *probe, unsigned count, unsigned ms)
{
    struct crowd crowd = {.probe = probe, .count = count};
    unsigned before = probe->landed;
    start_crowd(&crowd, 60000);
    probe_run(probe, before + count, ms);
    for (unsigned i = 0; i < count; i++)
        mg_backend_cancel(probe->backend, &crowd.calls[i]);
    probe_run(probe, before + count, 1000);
    end_crowd(&crowd);
    return crowd.of_kind[MG_CANCELLED];
}

static void *run_second(void *arg)
{
    struct crowd *crowd = arg;
    struct probe *probe = crowd->probe;
    if (open_worker(probe)) {
        start_crowd(crowd, 20000);
        probe_run(probe, crowd->count, 21000);
        end_crowd(crowd);
    }
    close_worker(probe);
    return NULL;
}

// `count` calls on each of two workers that share the service: how many ended well.
unsigned probe_two_workers(struct probe *probe, unsigned count)
{
    struct probe second = {.resolver = probe->resolver, .service = probe->service};
    struct crowd crowd = {.probe = &second, .count = count};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_second, &crowd) != 0)
        return 0;
    unsigned well = probe_crowd(probe, count, 20000, MG_OK);
    pthread_join(thread, NULL);
    return well + crowd.of_kind[MG_OK];
}

// A sink that takes `most` bytes at a time, then pauses until probe_sink_resume.
struct probe_sink {
    struct mg_sink sink;
    struct mg_buf bytes;
    int status;
    unsigned pauses;
    bool always; // never pauses
    struct probe *probe;
    struct mg_call *call;
    bool cancels_at_head, cancels_at_data;
};

static void sink_head(struct mg_sink *sink, int status, const struct mg_headers *headers)
{
    struct probe_sink *mine = MG_OWNER(sink, struct probe_sink, sink);
    mine->status = status;
    if (mine->cancels_at_head)
        probe_cancel(mine->probe, mine->call);
}

static bool sink_data(struct mg_sink *sink, struct mg_str bytes)
{
    struct probe_sink *mine = MG_OWNER(sink, struct probe_sink, sink);
    mg_buf_put(&mine->bytes, bytes);
    mine->pauses += !mine->always;
    if (mine->cancels_at_data)
        probe_cancel(mine->probe, mine->call);
    return mine->always;
}

struct probe_sink *probe_sink_new(struct mg_call *call)
{
    struct probe_sink *sink = calloc(1, sizeof *sink);
    sink->sink = (struct mg_sink){sink_head, sink_data};
    call->sink = &sink->sink;
    return sink;
}

void probe_sink_resume(struct probe *probe, struct mg_call *call)
{
    mg_backend_resume(probe->backend, call);
}

void probe_sink_free(struct probe_sink *sink)
{
    mg_buf_fini(&sink->bytes);
    free(sink);
}
