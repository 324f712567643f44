// One worker's loop and mailbox with one backend on it, so that a spec can make calls and look at
// what lands.
#include <stdlib.h>
#include <string.h>

#include "backend/file.h"
#include "backend/sqlite.h"
#include "backend/value.h"

struct caller {
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

static struct caller *new_caller(void)
{
    struct caller *caller = calloc(1, sizeof *caller);
    mg_loop_init(&caller->loop);
    mg_mailbox_open(&caller->box, &caller->loop);
    uv_timer_init(&caller->loop.uv, &caller->patience);
    return caller;
}

static void on_closed(void *owner)
{
    struct caller *caller = owner;
    caller->closed = true;
    mg_loop_stop(&caller->loop);
}

static void out_of_patience(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void run(struct caller *caller)
{
    uv_timer_start(&caller->patience, out_of_patience, patience_ms, 0);
    mg_loop_run(&caller->loop);
    uv_timer_stop(&caller->patience);
}

// Closes all. Returns whether the backend said that it is closed, after every call had landed.
bool caller_end(struct caller *caller)
{
    if (caller->backend) {
        mg_backend_close(caller->backend, on_closed, caller);
        bool early = caller->closed;
        while (!caller->closed)
            run(caller);
        caller->closed = !early && caller->flying == 0;
    }
    mg_files_free(caller->files);
    mg_sqlite_free(caller->sqlite);
    mg_mailbox_close(&caller->box);
    uv_close((uv_handle_t *)&caller->patience, NULL);
    mg_loop_run(&caller->loop);
    mg_loop_fini(&caller->loop);
    bool closed = caller->closed;
    free(caller);
    return closed;
}

struct caller *caller_value(void)
{
    struct caller *caller = new_caller();
    caller->backend = mg_value_new(&caller->loop);
    return caller;
}

// NULL and a text in `why` when the folder cannot be opened.
struct caller *caller_files(const char *root, unsigned threads, unsigned queue, struct mg_buf *why)
{
    struct caller *caller = new_caller();
    caller->files = mg_files_new(
        &(struct mg_files_options){MG_STR("pages"), root, .threads = threads, .queue = queue}, why);
    if (caller->files) {
        caller->backend = mg_file_new(caller->files, &caller->loop, &caller->box);
        return caller;
    }
    caller_end(caller);
    return NULL;
}

struct caller *caller_sqlite(const char *path, unsigned readers, unsigned queue, struct mg_buf *why)
{
    struct caller *caller = new_caller();
    caller->sqlite = mg_sqlite_new(
        &(struct mg_sqlite_options){MG_STR("shop"), path, .readers = readers, .queue = queue}, why);
    if (caller->sqlite) {
        caller->backend = mg_sql_new(caller->sqlite, &caller->loop, &caller->box);
        return caller;
    }
    caller_end(caller);
    return NULL;
}

static void on_landed(struct mg_call *call)
{
    struct caller *caller = call->owner;
    caller->landed++;
    if (--caller->flying == 0)
        mg_loop_stop(&caller->loop);
}

// Starts the call with a deadline `within` ms from now. True unless it landed inside.
bool caller_start(struct caller *caller, struct mg_call *call, double within)
{
    call->deadline = mg_loop_fresh(&caller->loop) + (uint64_t)within;
    call->landed = on_landed;
    call->owner = caller;
    caller->flying++;
    mg_backend_start(caller->backend, call);
    return !call->result.landed;
}

// True unless it landed inside.
bool caller_cancel(struct caller *caller, struct mg_call *call)
{
    bool before = call->result.landed;
    mg_backend_cancel(caller->backend, call);
    return call->result.landed == before;
}

// Runs the loop until every call has landed; how many landed since the last time.
unsigned caller_wait(struct caller *caller)
{
    if (caller->flying)
        run(caller);
    unsigned landed = caller->landed;
    caller->landed = 0;
    return landed;
}
