// One loaded version of a gateway's routes for one worker: a Lua state, the compiled plans and the
// router over them.
#ifndef MG_GATEWAY_GENERATION_H
#define MG_GATEWAY_GENERATION_H

#include "gateway/backends.h"
#include "gateway/edition.h"
#include "plan/plan.h"
#include "route/router.h"
#include "script/vm.h"

struct mg_worker;

// The worker's from the moment it is given to it until it comes back: then it is freed where it was
// made, since closing a Lua state takes time that no worker has.
struct mg_generation {
    struct mg_mail mail;
    struct mg_mailbox *home; // where it goes when it has ended
    void (*come_back)(struct mg_mail *mail);
    struct mg_mail fresh; // asks for another one of the same edition, delivered at home
    bool fresh_asked;
    struct mg_edition *edition;
    struct mg_arena arena;
    struct mg_vm *vm;
    struct mg_router *router;
    const struct mg_plan **plans; // by the router's ids
    unsigned count;
    struct mg_script_chores chores;
    unsigned task_count; // of them, tasks
    struct mg_plan idle; // of what runs without a request: nothing but its limits
    // The worker's own:
    struct mg_worker *worker;
    struct mg_list node;
    struct mg_backends backends;
    unsigned exchanges; // that began on it and have not ended
    struct mg_task retire;
    uint64_t *slow_told; // by the router's ids: loop time in ms from which on it may be told again
};

// Reads gateway.lua into a configuration. NULL: `faults` says what is wrong, all of it that can be
// told at once.
struct mg_config *mg_generation_config(const struct mg_folder *folder, struct mg_faults *faults);

// Loads every route file. `config` must come from the same folder and outlive the generation, as
// must the folder. NULL: `faults` says what is wrong.
struct mg_generation *mg_generation_new(const struct mg_folder *folder,
                                        const struct mg_config *config, struct mg_faults *faults);
void mg_generation_free(struct mg_generation *generation); // no run is left in it; NULL allowed

#endif
