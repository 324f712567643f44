// Redis: one connection for each worker, which all its calls share, one behind the other without
// waiting (pipelining). Replies come in the order of the commands, so a call that is given up
// leaves its place behind, which swallows its reply. A command is never sent twice: what was sent
// when a connection ends fails as MG_RESET. What Redis answers with an error is MG_REDIS with its
// words.
#ifndef MG_BACKEND_REDIS_H
#define MG_BACKEND_REDIS_H

#include "backend/backend.h"
#include "backend/redis_url.h"
#include "backend/resolver.h"

// Zeroes stand for the defaults.
struct mg_redis_config {
    struct mg_str name;  // as in gateway.lua
    struct mg_str url;   // see redis_url.h
    uint64_t connect_ms; // until a connection stands and has been let in; 1,000
    unsigned at_once;    // commands of the process that wait for a reply; 8,192
    uint64_t silence_ms; // see mg_redis_open; 5,000
    size_t reply_most;   // bytes of one value that are read, wanted or not; 64 MiB
};

// One Redis, for all workers.
struct mg_redis;

// NULL: *why says what is wrong.
struct mg_redis *mg_redis_new(const struct mg_redis_config *config, struct mg_resolver *resolver,
                              const char **why);
void mg_redis_free(struct mg_redis *redis); // after the last backend has closed; NULL allowed

// One worker's backend, ended by mg_backend_close; NULL: no memory. It connects with its first
// call. While there is no connection to be had its calls fail at once, and it tries again every few
// hundred ms as long as there are such calls. A connection on which nothing comes for silence_ms is
// given up when the call that is next to be answered has been, too.
struct mg_backend *mg_redis_open(struct mg_redis *redis, struct mg_resolver *resolver,
                                 struct mg_loop *loop, struct mg_mailbox *home);

#endif
