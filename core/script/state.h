// What the files of script/ share of a state: its struct and the doors into it.
#ifndef MG_SCRIPT_STATE_H
#define MG_SCRIPT_STATE_H

#include <lua.h>
#include <stdatomic.h>

#include "script/call_field.h"
#include "script/origin.h"
#include "script/path.h"
#include "script/run.h"

enum {
    MG_VM_THREADS_MOST = 256, // coroutines kept for reuse
    MG_VM_TEXT_KEPT = 4096,   // bytes of a text in progress
};

// A coroutine and what keeps it from being collected.
struct mg_vm_thread {
    lua_State *L;
    int ref;
};

// What scripts may ask for of a request or of a result.
enum mg_part {
    MG_PART_BODY,
    MG_PART_TEXT,
    MG_PART_HEADERS,
    MG_PART_OK,
    MG_PART_STATUS,
    MG_PART_MS,
    MG_PART_NAME,
    MG_PART_PARAMS,
    MG_PART_QUERY,
    MG_PART_ID,
    MG_PART_METHOD,
    MG_PART_PATH,
    MG_PART_HOST,
    MG_PART_IP,
    MG_PART_COOKIES,
    MG_PART_FORM,
    MG_PART_CONTEXT,
    MG_PARTS, // none of them
};

struct mg_vm {
    lua_State *L;
    const struct mg_sources *sources;
    const struct mg_plan_backend *backends;
    unsigned backend_count;
    struct mg_run *current;      // whose coroutine is running; NULL while loading
    double runs;                 // begun so far: the serial of the newest
    const char *parts[MG_PARTS]; // the names, as the state has them: equal strings are one
    const char *fields[MG_FIELDS];
    const void *reply_type; // the metatable of gate.reply's, as lua_topointer gives it
    int boot;               // registry references
    int main, before, after, finally, chore, functions;
    int request_type, result_type, call_type;  // metatables
    const void *call_type_at, *future_type_at; // as lua_topointer gives them
    bool compiles;                             // an engine's: the gateway's own code is compiled
    int compute;                               // an engine's: compute.main
    const _Atomic bool *stop;                  // an engine's, during a job: it is told to end
    bool keeps_tickets;                        // tasks can be started
    unsigned home;                             // and whose they are then
    struct mg_vm_limits limits;
    struct mg_sight *sight;        // who looks at this thread from outside; or NULL
    bool sweep;                    // a run was ended for its memory: collect when it has gone
    bool full;                     // it holds too much even when all garbage is collected
    uint64_t swept;                // when that was done last, in ms
    int ended;                     // Lua's function to call when a budget has ended a run
    struct mg_store *store;        // what gate.shared asks; NULL while nothing is served
    struct mg_buf asked, answered; // JSON to it and from it
    struct mg_path paths[MG_PATHS_MOST];
    struct mg_origins origins;
    struct mg_json_state *json;
    bool reads; // some function has read of a request: others will, so there is room for that
    struct mg_buf text; // in progress: used again
    struct mg_vm_thread threads[MG_VM_THREADS_MOST];
    unsigned thread_count;
};

// The state's owner, from inside any C function; the functions of moongate.core have it as their
// first upvalue.
struct mg_vm *mg_vm_of(lua_State *L);

// What ran was ended in the midst of whatever it did, perhaps within the library, which forgets
// that. The state's own stack is empty afterwards.
void mg_vm_ended(struct mg_vm *vm);

static inline struct mg_vm *l_vm(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

int luaopen_moongate_core(lua_State *L);

lua_State *mg_vm_new_state(void); // NULL: no memory
// Lets the library's modules be required, but for those that need a vm.
void l_library_preload(lua_State *L);

// The run whose coroutine is running; raises when there is none.
struct mg_run *l_run_current(lua_State *L);
// Starts a call that was read. -1: *id is its. Otherwise the number of values it has pushed that
// say why not: none when the request may make no more; nil, at, detail when the client owes what it
// needs.
int l_asked_start(lua_State *L, struct mg_run *run, struct mg_asked *asked, unsigned *id);
// Its call that has the id at `index`; raises when it has none.
const struct mg_asked *l_asked_at(lua_State *L, struct mg_run *run, int index);

// (calls and futures by key) -> sorted keys, ids; nil and the key of what is neither; nil, at,
// detail when the client owes what a call needs; nothing when the request may make no more calls
int l_start_all(lua_State *L);
// The same, but what it returns, the list of all and how many they are, is for l_all_finish. The
// run's wait is for all of them.
int l_all_start(lua_State *L);
// (list) -> results by key, and the id of the first that ends the request: then all the rest is
// cancelled
int l_all_finish(lua_State *L);

int l_shared(lua_State *L);  // one ask of the store: see shared.c
int l_ticket(lua_State *L);  // one ask of the keeper of tasks: see ticket.c
int l_request(lua_State *L); // the request that is answered

// Learns the names of the parts, when the state is made.
void l_parts_open(lua_State *L, struct mg_vm *vm);

// Pushes the request and the results of a run as scripts see them. They may be kept longer than the
// run: what was not read of them by then is gone.
void l_request_push(lua_State *L, struct mg_run *run);
// `name`: the index of the call's name as a Lua string, 0 when there is none.
void l_result_push(lua_State *L, const struct mg_run *run, const struct mg_asked *asked,
                   unsigned id, int name);

// For lua/moongate/request.lua and result.lua: makes the function that reads the parts.
int l_request_reader(lua_State *L); // (metatable of headers, function that raises) -> __index
int l_result_reader(lua_State *L);  // (metatable of headers) -> __index

// Turns the call description at `index` into an asked call in the exchange's arena. Raises when it
// cannot be.
struct mg_asked *l_call_read(lua_State *L, int index, struct mg_run *run, struct mg_vm *vm);

struct mg_str l_str(lua_State *L, int index); // borrowed from the string there; empty when none is

#endif
