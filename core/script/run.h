// A run is one Lua function at work for one exchange, on a coroutine of its own: started with the
// request, it ends with a reply or a failure, or waits for calls and is resumed when they landed.
// A run that is dropped while it waits is never resumed.
#ifndef MG_SCRIPT_RUN_H
#define MG_SCRIPT_RUN_H

#include "data/reply.h"
#include "plan/asked.h"
#include "plan/scope.h"
#include "script/vm.h"

// What a run asks of the exchange it belongs to. None of it resumes a run.
struct mg_script_host {
    // Starts a call (in the exchange's arena, filled but for deadline, landed and owner). Returns
    // its id, or -1 when the request has made as many calls as it may.
    int (*start)(void *exchange, struct mg_asked *asked);
    const struct mg_asked *(*asked)(void *exchange, unsigned id); // NULL: no such id
    void (*cancel)(void *exchange, unsigned id);
    uint64_t (*left)(void *exchange); // ms of the request's time
};

// What a run is at: the route's reply function, functions around it, whether a call is made, what
// was left to gate.finally; or a function that runs without a request.
enum mg_run_phase {
    MG_RUN_REPLY,
    MG_RUN_BEFORE,
    MG_RUN_AFTER,
    MG_RUN_WHEN,
    MG_RUN_FINALLY,
    MG_RUN_CHORE
};

enum mg_run_state { MG_RUN_WAITS, MG_RUN_DONE, MG_RUN_FAILED };

struct mg_all; // of all.c

enum mg_wait_mode {
    MG_WAIT_ALL, // until all have landed, or one that is required failed; with none: until `within`
    MG_WAIT_ANY, // until one more has landed
};

struct mg_wait {
    enum mg_wait_mode mode;
    const unsigned *ids; // in the exchange's arena
    unsigned count;
    uint64_t within; // ms from now on; 0: no bound of its own
};

struct mg_run_failure {
    int status;
    struct mg_str title, detail;  // for the client
    struct mg_str calls, members; // JSON array and object, or empty
    struct mg_str log;            // for the log, or empty
    struct mg_str trace; // where: "file:line in name, file:line", innermost first, or empty
};

// A function that runs without a request.
struct mg_run_chore {
    int function;
    struct mg_str ticket; // of a task: its id
    struct mg_str args;   // of a task: JSON, or empty
    unsigned attempt;     // of a task: from 1
};

struct mg_run {
    struct mg_vm *vm;
    const struct mg_script_host *host;
    void *exchange;
    const struct mg_plan *plan; // whose functions they are, for who sees the run from outside
    struct mg_scope *scope;
    struct mg_wait wait;           // after WAITS
    struct mg_all *all;            // what gate.all waits for
    struct mg_reply reply;         // after DONE (and the failure's headers after FAILED)
    struct mg_run_failure failure; // after FAILED
    uint32_t most_ms, used_ms;     // of CPU time
    size_t most_bytes;             // that one start or resumption may add to the state
    uint32_t slice_ms;             // since it was started or resumed last
    struct mg_str slow;            // where it stood when that became too much, or empty
    double serial;                 // what scripts hold of it: no other run of the state has it
    void *thread;                  // its lua_State
    int thread_ref;
    // What it is started with.
    enum mg_run_phase phase;
    int function;
    const int *around; // functions, in the order in which they run
    unsigned around_count;
    bool wants_context;               // BEFORE: what is in req.context is wanted as JSON
    bool passed;                      // AFTER: the body goes by unread
    bool yes;                         // after WHEN: the call is made
    struct mg_str context;            // after BEFORE
    struct mg_str made;               // after CHORE: JSON
    const struct mg_run_chore *chore; // of a run that is about no request; else NULL
    // What gate.finally was given, a list that is taken from its end; LUA_NOREF or 0: no list.
    int finals_ref;
    unsigned final_count;
    int status; // FINALLY: how the request has ended
    // The request as scripts see it, kept for the next phase; LUA_NOREF or 0: not kept.
    bool keeps_request;
    int request_ref;
    const struct mg_asked *const *results;
    unsigned count;
    uint64_t sees; // bits: those of the results that it is given
    // The part of a failed call that was read last: an error from indexing it is explained by that.
    bool touched;
    unsigned touched_id, touched_part;
};

// Prepares a run in memory the caller has (the exchange's arena), for at most run->most_ms of CPU
// time and run->most_bytes, which the caller sets. False: no memory.
bool mg_run_init(struct mg_run *run, struct mg_vm *vm, const struct mg_script_host *host,
                 void *exchange, struct mg_scope *scope);
// Calls the function with the request and, for a planned route, its results by name (`count` may
// be 0, then the function gets none).
enum mg_run_state mg_run_start(struct mg_run *run, int function,
                               const struct mg_asked *const *results, unsigned count);
// Runs functions around the route; several may run one after another in one run. Of `before`, DONE
// with reply.status 0 says that none has answered: run->context holds what they left. `after` may
// change the reply, whose body it cannot have when that is passed.
enum mg_run_state mg_run_before(struct mg_run *run, const int *functions, unsigned count,
                                bool wants_context);
enum mg_run_state mg_run_after(struct mg_run *run, const int *functions, unsigned count,
                               const struct mg_reply *reply, bool passed);
// Asks a function whether a call is made: run->yes. It has those of the results that `sees` has the
// bits of, all landed, and it cannot wait: it is DONE or has FAILED.
enum mg_run_state mg_run_when(struct mg_run *run, int function,
                              const struct mg_asked *const *results, unsigned count, uint64_t sees);
// Takes the newest of what gate.finally was given and runs it; there must be one. Whatever the run
// was at before is over. FAILED: there is something to log.
enum mg_run_state mg_run_finally(struct mg_run *run, int status);
// Calls a function that runs without a request. After DONE run->made is what it returned, as JSON
// (empty: nothing).
enum mg_run_state mg_run_chore(struct mg_run *run, const struct mg_run_chore *chore);
enum mg_run_state
mg_run_resume(struct mg_run *run);    // what it waits for has come, or its time is up
void mg_run_fini(struct mg_run *run); // in any state; all-zeroes allowed

#endif
