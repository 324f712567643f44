// A Lua state with the library and one version of a gateway's files in it. One thread uses it.
// Route files run interpreted and in a sandbox; so does the library, in every state.
#ifndef MG_SCRIPT_VM_H
#define MG_SCRIPT_VM_H

#include "base/buf.h"
#include "data/fault.h"
#include "data/store.h"
#include "plan/plan.h"

struct mg_vm;
struct mg_script_host;
struct mg_sight;

// The files of a gateway's folder as they were read, in byte order of their names.
struct mg_source {
    struct mg_str name; // relative to the folder, such as "api/account.lua"
    struct mg_str text;
    bool route; // declares routes; else a module for `require`
};

struct mg_sources {
    struct mg_source *items;
    unsigned count;
};

struct mg_script_route {
    struct mg_str json; // canonical, for mg_plan_compile
    struct mg_str file;
    int line;
};

struct mg_script_routes {
    struct mg_script_route *items; // in the arena given to mg_vm_routes
    unsigned count;
};

// A function of the gateway that runs without a request.
struct mg_script_chore {
    struct mg_str name;   // no other has it; as the log shows it
    struct mg_str called; // as the author has it
    uint64_t every;       // ms between two runs; 0: a task
    uint64_t within;      // ms that a run has
    int function;
};

struct mg_script_chores {
    struct mg_script_chore *items; // in the arena given to mg_vm_chores
    unsigned count;
};

struct mg_vm *
mg_vm_new(const struct mg_sources *sources); // sources stay until mg_vm_free; NULL: no memory
void mg_vm_free(struct mg_vm *vm);           // no run may be left; NULL allowed

// Evaluates gateway.lua into canonical JSON. False: `faults` says what is wrong.
bool mg_vm_config(struct mg_vm *vm, struct mg_str text, struct mg_buf *json,
                  struct mg_faults *faults);

// Evaluates the route files, after mg_vm_config in the same state.
bool mg_vm_routes(struct mg_vm *vm, struct mg_arena *arena, struct mg_script_routes *routes,
                  struct mg_faults *faults);

// What the route files want to run without a request, after mg_vm_routes. False: no memory.
bool mg_vm_chores(struct mg_vm *vm, struct mg_arena *arena, struct mg_script_chores *chores);

// The backends that running functions may call; must stay until mg_vm_free.
void mg_vm_backends(struct mg_vm *vm, const struct mg_plan_backend *backends, unsigned count);

// What scripts may use up, in ms of CPU time and bytes. Until it is said, loading has its defaults.
struct mg_vm_limits {
    uint64_t slice, load;
    uint64_t state; // bytes of all that it holds
};
void mg_vm_limit(struct mg_vm *vm, const struct mg_vm_limits *limits);

// Whether the state holds more than it may for good, so that another one should take its place; it
// can be used on meanwhile. `now` is any clock in ms: garbage is collected for it once a second.
bool mg_vm_full(struct mg_vm *vm, uint64_t now);
bool mg_vm_bursting(const struct mg_vm *vm); // it holds twice as much: new runs would be too much

// The store behind gate.shared; must stay until mg_vm_free. Without one asking it is an error.
void mg_vm_store(struct mg_vm *vm, struct mg_store *store);

// What runs in this state is told there; it must stay until mg_vm_free. Without one nobody is told.
void mg_vm_sight(struct mg_vm *vm, struct mg_sight *sight);

// Tasks can be started in this state; they are to run at this seat of the keeper of tickets.
void mg_vm_tickets(struct mg_vm *vm, unsigned home);

// The line on which a key path such as "calls.profile.query" stands, in the declaration that begins
// at `line` of `file`; `line` itself when it cannot be found. Line 0 is the table that the file
// returns.
int mg_vm_locate(struct mg_vm *vm, struct mg_str file, int line, struct mg_str path);

// A text for people without the values of secrets, in the arena unless it has none.
struct mg_str mg_vm_redact(struct mg_vm *vm, struct mg_str text, struct mg_arena *arena);

// What `moongate check` prints of the limits: lines of text.
bool mg_vm_limits(struct mg_vm *vm, struct mg_buf *text);

#endif
