// A worker: one thread with one event loop, its own Lua state, connections and backends. The
// gateway starts it, tells it to drain or to give up, and joins it.
#ifndef MG_GATEWAY_WORKER_H
#define MG_GATEWAY_WORKER_H

#include <pthread.h>
#include <sys/socket.h>

#include "base/apart.h"
#include "gateway/clock.h"
#include "gateway/generation.h"
#include "gateway/tasks.h"
#include "net/listener.h"
#include "script/sight.h"

struct mg_dev;
struct mg_exchange;

// What all workers see; none of it changes but for the counters.
struct mg_common {
    const struct mg_grounds *grounds;
    struct mg_store *store; // behind gate.shared; it outlives what is loaded
    struct mg_dev *dev;     // NULL: without --dev
    unsigned worker_count;  // 0: none does anything but answer what it is asked
    // As the newest generation has them, for the main thread: connections, and ms of the watchdog.
    _Atomic unsigned connections_most;
    _Atomic uint64_t stuck, hung;
    pthread_mutex_t in_use; // held by who looks at a worker's generation from outside
    // Told on its worker's loop of each exchange that has ended, its calls landed, just before it
    // goes (gateway/trace reads what it was about). NULL: nobody asks.
    void (*ended)(void *owner, struct mg_exchange *exchange);
    void *owner;                                     // of `ended`
    _Alignas(MG_APART) _Atomic unsigned connections; // open now
    _Alignas(MG_APART) _Atomic unsigned at_once;     // requests in work now
};

enum mg_worker_state {
    MG_WORKER_STARTING,
    MG_WORKER_SERVING,
    MG_WORKER_DRAINING,
    MG_WORKER_CLOSING
};

struct mg_worker {
    struct mg_common *common;
    unsigned index;     // among the workers
    const int *sockets; // listening; the gateway's
    unsigned socket_count;
    pthread_t thread;
    struct mg_loop loop;
    struct mg_mailbox mailbox;
    struct mg_net net;
    struct mg_conn_limits limits;     // as the newest generation has them
    struct mg_http *http;             // what carries the calls of all its generations
    struct mg_generation *generation; // of new requests; the starter gives the first
    struct mg_list generations;       // all that have not ended, that one too
    struct mg_listener **listeners;
    struct mg_list exchanges;
    struct mg_sight sight; // what it is at: the watchdog's to read
    struct mg_clock clock;
    struct mg_backend *tickets; // NULL: none are kept
    struct mg_tasks tasks;
    enum mg_worker_state state;
    bool hurried;           // it was told to give up
    uint64_t last_moment;   // of what is left to gate.finally, once it was
    struct mg_task settle;  // looks whether draining has come to its end
    struct mg_timer look;   // has it look again
    uint64_t seed, counter; // of request ids
    struct mg_mail drain, abort;
    void (*ready)(struct mg_worker *worker, bool ok); // on the worker's thread
    void *owner;
    struct mg_buf why; // what went wrong at the start
};

// Starts the thread; `ready` runs once. False: no thread could be had.
bool mg_worker_start(struct mg_worker *worker);
void mg_worker_drain(struct mg_worker *worker); // any thread, once: finish what is begun, then end
void mg_worker_abort(struct mg_worker *worker); // any thread, once, after drain: cut what is left
void mg_worker_join(struct mg_worker *worker);  // waits for its end
void mg_worker_fini(struct mg_worker *worker);  // after the join, when nobody tells it anything

// Serves a socket that the main thread has accepted in its place, having taken a place among the
// connections of the process. False: no memory; socket and place stay the caller's. The main
// thread.
bool mg_worker_hand(struct mg_worker *worker, int fd, const struct sockaddr_storage *peer);

// New requests begin on this generation from now on. Any thread; false: it has ended, the
// generation stays the caller's.
bool mg_worker_give(struct mg_worker *worker, struct mg_generation *generation);

// Whether the worker's generation holds too much memory for new runs. Before it comes to that,
// another one is asked for, once, which takes its place. On the worker's loop.
bool mg_worker_full(struct mg_worker *worker, struct mg_generation *generation);

// An exchange that began on this generation has ended; on the worker's loop.
void mg_worker_leave(struct mg_worker *worker, struct mg_generation *generation);

#endif
