// One worker's loop and mailbox with one backend on it, so that a spec can make calls and look at
// what lands.
#include <stdlib.h>
#include <string.h>

#include "backend/file.h"
#include "backend/postgres.h"
#include "backend/sqlite.h"
#include "backend/value.h"

struct caller {
    struct mg_loop loop;
    struct mg_mailbox box;
    struct mg_backend *backend;
    struct mg_files *files;
    struct mg_sqlite *sqlite;
    struct mg_resolver *resolver;
    struct mg_postgres *postgres;
    unsigned flying, landed;
    unsigned paused; // of the flying ones: those whose sink wants no more
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
    mg_postgres_free(caller->postgres);
    if (caller->resolver)
        mg_resolver_free(caller->resolver);
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

// A sink that takes pieces until it has had `eager` of them since it was last resumed.
struct taker {
    struct mg_sink sink;
    struct caller *caller;
    struct mg_call *call;
    unsigned eager, had, heads, pieces;
    size_t largest;
    bool cancels_at_head, cancels_at_data, paused;
    int status;
    struct mg_buf head, bytes; // "Name: value" lines
};

static void set_paused(struct caller *caller, struct mg_call *call, bool paused)
{
    struct taker *taker = call->sink ? MG_OWNER(call->sink, struct taker, sink) : NULL;
    if (!taker || taker->paused == paused)
        return;
    taker->paused = paused;
    caller->paused += paused ? 1 : -1;
}

// Every name has two addresses, at the first of which nobody listens.
static unsigned two_addresses(void *owner, const char *name,
                              struct mg_address items[MG_ADDRESSES_MOST])
{
    mg_address_parse(MG_STR("127.0.0.9"), &items[0]);
    mg_address_parse(MG_STR("127.0.0.1"), &items[1]);
    return 2;
}

struct caller *caller_postgres(const char *url, unsigned at_once, struct mg_buf *why)
{
    struct caller *caller = new_caller();
    const struct mg_postgres_options options = {{MG_STR("crm"), at_once, 4096, 10000}, url};
    caller->resolver = mg_resolver_new(&(struct mg_resolver_options){.look_up = two_addresses});
    caller->postgres = mg_postgres_new(&options, caller->resolver, why);
    if (caller->postgres) {
        caller->backend = mg_postgres_open(caller->postgres, &caller->loop, &caller->box);
        return caller;
    }
    caller_end(caller);
    return NULL;
}

static void on_landed(struct mg_call *call)
{
    struct caller *caller = call->owner;
    caller->landed++;
    caller->flying--;
    set_paused(caller, call, false);
    if (caller->flying == caller->paused)
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
    set_paused(caller, call, false);
    mg_backend_cancel(caller->backend, call);
    return call->result.landed == before;
}

static void taker_head(struct mg_sink *sink, int status, const struct mg_headers *headers)
{
    struct taker *taker = MG_OWNER(sink, struct taker, sink);
    taker->heads++;
    taker->status = status;
    for (unsigned i = 0; i < headers->count; i++) {
        mg_buf_put(&taker->head, headers->items[i].name);
        mg_buf_put(&taker->head, MG_STR(": "));
        mg_buf_put(&taker->head, headers->items[i].value);
        mg_buf_put_char(&taker->head, '\n');
    }
    if (taker->cancels_at_head)
        caller_cancel(taker->caller, taker->call);
}

static bool taker_data(struct mg_sink *sink, struct mg_str bytes)
{
    struct taker *taker = MG_OWNER(sink, struct taker, sink);
    mg_buf_put(&taker->bytes, bytes);
    taker->pieces++;
    if (bytes.len > taker->largest)
        taker->largest = bytes.len;
    if (taker->cancels_at_data) {
        caller_cancel(taker->caller, taker->call);
        return false;
    }
    if (++taker->had < taker->eager)
        return true;
    set_paused(taker->caller, taker->call, true);
    if (taker->caller->flying == taker->caller->paused)
        mg_loop_stop(&taker->caller->loop);
    return false;
}

struct taker *caller_taker(struct caller *caller, struct mg_call *call, unsigned eager)
{
    struct taker *taker = calloc(1, sizeof *taker);
    taker->sink = (struct mg_sink){taker_head, taker_data};
    taker->caller = caller;
    taker->call = call;
    taker->eager = eager;
    call->sink = &taker->sink;
    return taker;
}

void caller_resume(struct caller *caller, struct taker *taker)
{
    taker->had = 0;
    set_paused(caller, taker->call, false);
    caller->backend->kind->resume(caller->backend, taker->call);
}

void taker_free(struct taker *taker)
{
    mg_buf_fini(&taker->head);
    mg_buf_fini(&taker->bytes);
    free(taker);
}

// Runs the loop until every call has landed or is paused; how many landed since the last time.
unsigned caller_wait(struct caller *caller)
{
    if (caller->flying > caller->paused)
        run(caller);
    unsigned landed = caller->landed;
    caller->landed = 0;
    return landed;
}
