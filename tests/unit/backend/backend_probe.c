// One worker's loop and mailbox with one backend on it, so that a spec can make calls and look at
// what lands.
#include <stdlib.h>
#include <string.h>

#include "backend/file.h"
#include "backend/sqlite.h"
#include "backend/value.h"

struct probe {
    struct mg_loop loop;
    struct mg_mailbox box;
    struct mg_backend *backend;
    struct mg_files *files;
    struct mg_sqlite *sqlite;
    unsigned flying, landed;
    bool closed;
    uv_timer_t patience; // ends a wait that would never end
};

enum { patience_ms = 20000 };

static struct probe *new_probe(void)
{
    struct probe *probe = calloc(1, sizeof *probe);
    mg_loop_init(&probe->loop);
    mg_mailbox_open(&probe->box, &probe->loop);
    uv_timer_init(&probe->loop.uv, &probe->patience);
    return probe;
}

static void on_closed(void *owner)
{
    struct probe *probe = owner;
    probe->closed = true;
    mg_loop_stop(&probe->loop);
}

static void out_of_patience(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void run(struct probe *probe)
{
    uv_timer_start(&probe->patience, out_of_patience, patience_ms, 0);
    mg_loop_run(&probe->loop);
    uv_timer_stop(&probe->patience);
}

// Closes all. Returns whether the backend said that it is closed, after every call had landed.
bool probe_end(struct probe *probe)
{
    if (probe->backend) {
        mg_backend_close(probe->backend, on_closed, probe);
        bool early = probe->closed;
        while (!probe->closed)
            run(probe);
        probe->closed = !early && probe->flying == 0;
    }
    mg_files_free(probe->files);
    mg_sqlite_free(probe->sqlite);
    mg_mailbox_close(&probe->box);
    uv_close((uv_handle_t *)&probe->patience, NULL);
    mg_loop_run(&probe->loop);
    mg_loop_fini(&probe->loop);
    bool closed = probe->closed;
    free(probe);
    return closed;
}

struct probe *probe_value(void)
{
    struct probe *probe = new_probe();
    probe->backend = mg_value_new(&probe->loop);
    return probe;
}

// NULL and a text in `why` when the folder cannot be opened.
struct probe *probe_files(const char *root, unsigned threads, unsigned queue, struct mg_buf *why)
{
    struct probe *probe = new_probe();
    probe->files = mg_files_new(
        &(struct mg_files_options){MG_STR("pages"), root, .threads = threads, .queue = queue}, why);
    if (probe->files) {
        probe->backend = mg_file_new(probe->files, &probe->loop, &probe->box);
        return probe;
    }
    probe_end(probe);
    return NULL;
}

struct probe *probe_sqlite(const char *path, unsigned readers, unsigned queue, struct mg_buf *why)
{
    struct probe *probe = new_probe();
    probe->sqlite = mg_sqlite_new(
        &(struct mg_sqlite_options){MG_STR("shop"), path, .readers = readers, .queue = queue}, why);
    if (probe->sqlite) {
        probe->backend = mg_sql_new(probe->sqlite, &probe->loop, &probe->box);
        return probe;
    }
    probe_end(probe);
    return NULL;
}

static void on_landed(struct mg_call *call)
{
    struct probe *probe = call->owner;
    probe->landed++;
    if (--probe->flying == 0)
        mg_loop_stop(&probe->loop);
}

// Starts the call with a deadline `within` ms from now. True unless it landed inside.
bool probe_start(struct probe *probe, struct mg_call *call, double within)
{
    call->deadline = mg_loop_fresh(&probe->loop) + (uint64_t)within;
    call->landed = on_landed;
    call->owner = probe;
    probe->flying++;
    mg_backend_start(probe->backend, call);
    return !call->result.landed;
}

// True unless it landed inside.
bool probe_cancel(struct probe *probe, struct mg_call *call)
{
    bool before = call->result.landed;
    mg_backend_cancel(probe->backend, call);
    return call->result.landed == before;
}

// Runs the loop until every call has landed; how many landed since the last time.
unsigned probe_wait(struct probe *probe)
{
    if (probe->flying)
        run(probe);
    unsigned landed = probe->landed;
    probe->landed = 0;
    return landed;
}
