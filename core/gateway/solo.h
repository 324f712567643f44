// A gateway for one client, without a listening socket: one worker, and one connection to it, which
// is a pair of sockets. Everything between the two is as it is when it serves.
#ifndef MG_GATEWAY_SOLO_H
#define MG_GATEWAY_SOLO_H

#include "gateway/loader.h"

struct mg_solo {
    // Told on the worker's thread of each exchange that has ended; set before it is opened.
    void (*ended)(void *owner, struct mg_exchange *exchange);
    void *owner;
    // Its own:
    struct mg_common common;
    struct mg_loader loader;
    struct mg_worker worker;
    int far_end; // of the connection: the worker's
    bool started, ready;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool known; // whether it is ready; under the lock
};

// Loads the folder. False: `faults` says why it does not load. Close it in either case. The process
// must ignore SIGPIPE.
bool mg_solo_load(struct mg_solo *solo, const char *dir, struct mg_faults *faults);

// Opens the backends and starts the worker. Returns the near end of the connection, non-blocking,
// the caller's; or -1 with *why a line.
int mg_solo_open(struct mg_solo *solo, struct mg_buf *why);

// Waits until nothing of a request is in work any more: of calls that go on unheard, too. False: a
// thread is left at work, which the process has to end without.
bool mg_solo_close(struct mg_solo *solo);

#endif
