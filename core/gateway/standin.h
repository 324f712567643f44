// Stand-ins: backends that ask nobody. A call that is started on one stays open until it is told
// how it ends, its time is up or it is cancelled; a value lands by itself. What has become of a
// call is kept until it is forgotten, which its exchange is long before.
#ifndef MG_GATEWAY_STANDIN_H
#define MG_GATEWAY_STANDIN_H

#include "backend/backend.h"
#include "gateway/backends.h"
#include "plan/asked.h"

struct mg_standin;

// A call as the stand-ins keep it.
struct mg_standin_call {
    struct mg_list node; // among all, in the order in which they were started
    struct mg_standin *standin;
    struct mg_call *call; // NULL once it has landed
    unsigned id;          // from 1 on
    struct mg_timer due;
    struct mg_buf body; // what it sends
    bool answered;
    struct mg_buf answer; // one that is streamed,
    size_t poured;        // and how much of it its sink has
    struct mg_task pouring;
};

struct mg_standins {
    struct mg_loop *loop;
    struct mg_standin *items; // of the configuration's backends, then those that need none
    unsigned count;
    struct mg_list calls;
    unsigned ids;
    // A call was started; it has landed, or goes on unheard ("unheard"): `how` is a word.
    void (*started)(void *owner, const struct mg_standin_call *call);
    void (*ended)(void *owner, const struct mg_standin_call *call, const char *how);
    void *owner;
};

// One for each of the backends, and one for each kind of call that needs none, where exchanges look
// for them. False: no memory; close it all the same.
bool mg_standins_open(struct mg_standins *standins, const struct mg_plan_backend *backends,
                      unsigned count, struct mg_backends *opened);
void mg_standins_close(struct mg_standins *standins, struct mg_backends *opened); // none is open

// The call of that id, landed or not; NULL: there is none.
struct mg_standin_call *mg_standins_find(struct mg_standins *standins, unsigned id);

struct mg_str mg_standin_backend(const struct mg_standin_call *call); // its name

// Lands it so, from outside of the loop's turns: with `error`, or by status, headers and body,
// which need not stay. Of a service the Content-Type says what form the body has, else `form`.
// False: it is not open any more.
bool mg_standin_answer(struct mg_standin_call *call, const struct mg_result *answer);

void mg_standins_forget(struct mg_standins *standins); // none is open

#endif
