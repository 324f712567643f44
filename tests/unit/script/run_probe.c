// Runs of a gateway's functions without an exchange around them: calls land when the spec says so.
#include <lauxlib.h>
#include <stdlib.h>

#include "script/state.h"

enum { asked_most = 8, runs_most = 512 };

struct play {
    struct mg_request request;
    struct mg_scope scope;
    struct mg_run run;
    struct mg_asked *asked[asked_most];
    unsigned asked_count;
    enum mg_run_state state;
    bool begun;
};

static struct mg_source source;
static struct mg_sources sources = {&source, 1};
static struct mg_vm *vm;
static struct mg_arena arena; // of the routes
static struct play *plays;

static int host_start(void *exchange, struct mg_asked *asked)
{
    struct play *play = exchange;
    if (play->asked_count == asked_most)
        return -1;
    play->asked[play->asked_count] = asked;
    return (int)play->asked_count++;
}

static const struct mg_asked *host_asked(void *exchange, unsigned id)
{
    const struct play *play = exchange;
    return id < play->asked_count ? play->asked[id] : NULL;
}

static void host_cancel(void *exchange, unsigned id)
{
}

static uint64_t host_left(void *exchange)
{
    return 1000;
}

static const struct mg_script_host host = {host_start, host_asked, host_cancel, host_left};

// A state with one route file. The first fault, or NULL.
const char *probe_run_open(const char *routes)
{
    static char fault[256];
    struct mg_faults faults = {0};
    struct mg_buf json = {0};
    struct mg_script_routes made;
    source = (struct mg_source){MG_STR("routes.lua"), mg_str_of(routes), true};
    vm = mg_vm_new(&sources);
    plays = calloc(runs_most, sizeof *plays);
    bool ok = vm && plays && mg_vm_config(vm, MG_STR("return {}"), &json, &faults) &&
              mg_vm_routes(vm, &arena, &made, &faults);
    snprintf(fault, sizeof fault, "%.*s", faults.count ? (int)faults.items[0].message.len : 9,
             faults.count ? faults.items[0].message.data : "no memory");
    mg_faults_fini(&faults);
    mg_buf_fini(&json);
    return ok ? NULL : fault;
}

// Begins run number `i` (from 0) of a function (from 1): its state.
int probe_run_begin(unsigned i, int function)
{
    struct play *play = &plays[i];
    *play = (struct play){.begun = true};
    play->scope.request = &play->request;
    play->scope.arena = &play->request.arena;
    play->scope.fields_most = 100;
    if (!mg_run_init(&play->run, vm, &host, play, &play->scope))
        return -1;
    return (int)(play->state = mg_run_start(&play->run, function, NULL, 0));
}

// Lands its calls as values and resumes it: its state.
int probe_run_resume(unsigned i)
{
    struct play *play = &plays[i];
    for (unsigned n = 0; n < play->asked_count; n++) {
        struct mg_result *result = &play->asked[n]->call.result;
        result->landed = true;
        result->status = 200;
        result->form = MG_BODY_JSON;
        result->body = play->asked[n]->call.value.json;
    }
    return (int)(play->state = mg_run_resume(&play->run));
}

// What a run that is done replied, or the log of one that failed.
struct mg_str probe_run_said(unsigned i)
{
    const struct play *play = &plays[i];
    return play->state == MG_RUN_DONE ? *play->run.reply.pieces : play->run.failure.log;
}

void probe_run_end(unsigned i)
{
    if (plays[i].begun) {
        mg_run_fini(&plays[i].run);
        mg_arena_fini(&plays[i].request.arena);
        plays[i].begun = false;
    }
}

// References that the registry has room for, coroutines kept, bytes in use after a full collection.
void probe_run_look(unsigned *references, unsigned *threads, unsigned *bytes)
{
    *references = (unsigned)lua_objlen(vm->L, LUA_REGISTRYINDEX);
    *threads = vm->thread_count;
    lua_gc(vm->L, LUA_GCCOLLECT, 0);
    lua_gc(vm->L, LUA_GCCOLLECT, 0);
    *bytes =
        (unsigned)lua_gc(vm->L, LUA_GCCOUNT, 0) * 1024 + (unsigned)lua_gc(vm->L, LUA_GCCOUNTB, 0);
}

void probe_run_close(void)
{
    for (unsigned i = 0; plays && i < runs_most; i++)
        probe_run_end(i);
    mg_vm_free(vm);
    mg_arena_fini(&arena);
    free(plays);
    vm = NULL;
    plays = NULL;
}
