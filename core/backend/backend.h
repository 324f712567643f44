// What every kind of backend looks like to those who start calls. One object per backend and
// worker, used on that worker's loop only; what the process shares (pools, quotas) lies behind it.
#ifndef MG_BACKEND_BACKEND_H
#define MG_BACKEND_BACKEND_H

#include "data/call.h"
#include "loop/loop.h"

struct mg_backend {
    const struct mg_backend_kind *kind;
    struct mg_loop *loop;
    struct mg_str name;     // as in gateway.lua
    struct mg_call *failed; // mg_backend_fail's own, like `failing`; all-zeroes at first
    struct mg_task failing;
};

// The table each kind fills. mg_backend_* below see to what is common.
struct mg_backend_kind {
    const char *word; // "http", "sql", "file", "value"
    // Starts call->..., which sets call->running, or fails it, by mg_backend_fail.
    void (*start)(struct mg_backend *backend, struct mg_call *call);
    // The answer is no longer wanted: lands it as MG_CANCELLED as soon as its memory is free of
    // foreign hands (pool threads own copies, so that is the next turn). An HTTP call whose method
    // is not safe and whose first byte was sent goes on without its call (it lets go of the call's
    // memory first).
    void (*cancel)(struct mg_backend *backend, struct mg_call *call);
    // Streams: reads on after mg_sink.data said false. NULL where nothing is streamed.
    void (*resume)(struct mg_backend *backend, struct mg_call *call);
    // The call's supply has more, or has ended. NULL where none is read.
    void (*feed)(struct mg_backend *backend, struct mg_call *call);
    // Cancels what is in flight, then calls closed(owner) in a later turn; the object is gone then.
    // Calls that go on unheard are waited for.
    void (*close)(struct mg_backend *backend, void (*closed)(void *owner), void *owner);
    // After close: cuts those too. NULL where there are none, or they cannot be cut.
    void (*hurry)(struct mg_backend *backend);
};

// Sets call->began, starts it; call->landed runs exactly once, in a later turn.
void mg_backend_start(struct mg_backend *backend, struct mg_call *call);
// Landed already, or failing: no effect.
void mg_backend_cancel(struct mg_backend *backend, struct mg_call *call);
// For calls with a sink or a supply. Neither calls back but the supply. Landed: no effect.
void mg_backend_resume(struct mg_backend *backend, struct mg_call *call);
void mg_backend_feed(struct mg_backend *backend, struct mg_call *call);
void mg_backend_close(struct mg_backend *backend, void (*closed)(void *owner), void *owner);
void mg_backend_hurry(struct mg_backend *backend);

// For the kinds: ends a call. `error` is MG_OK or the kind of failure with `message` (copied into
// the call's arena). Fills result.ms, clears call->running, runs call->landed: so only from the
// loop, never inside start or cancel.
void mg_backend_land(struct mg_backend *backend, struct mg_call *call, enum mg_status error,
                     struct mg_str message);

// For the kinds, anywhere: lands the call so in a later turn. Needs no memory but that of the
// message. Until then the call is this function's: call->running is its own, kind->cancel is not
// called for it. A kind that closes defers closed() after its last failure, so that it comes after
// the landing.
void mg_backend_fail(struct mg_backend *backend, struct mg_call *call, enum mg_status error,
                     struct mg_str message);

#endif
