// What all the calls that one verb of one service makes have in common. Running code describes the
// same few calls again and again: so each such pair has a number, which stands in a description for
// all of it.
#ifndef MG_SCRIPT_ORIGIN_H
#define MG_SCRIPT_ORIGIN_H

#include <lua.h>

#include "base/arena.h"
#include "data/method.h"
#include "plan/plan.h"

struct mg_origin {
    struct mg_str name;                    // of the service
    const struct mg_plan_backend *backend; // NULL: not looked up yet, or there is none
    enum mg_method method;
    bool any; // the method is that of the request, whatever it is
};

// Of one state. All-zeroes is none.
struct mg_origins {
    struct mg_origin *items;
    unsigned count, cap;
    struct mg_arena arena; // of the names
};

struct mg_vm;

// The origin that has this number, with its backend; NULL: none has.
const struct mg_origin *mg_origin_at(struct mg_vm *vm, double number);

void mg_origins_fini(struct mg_origins *origins);

// (service, method or "*") -> the number of this origin
int l_origin(lua_State *L);

#endif
