// URLs of Redis: redis://user:password@host:port/db, and redis+unix:///run/redis.sock?db=1 for a
// socket of the file system. User and password are percent-decoded.
#ifndef MG_BACKEND_REDIS_URL_H
#define MG_BACKEND_REDIS_URL_H

#include "base/arena.h"

struct mg_redis_url {
    struct mg_str host;           // a name or an address, IPv6 with its brackets; empty: `path`
    bool literal;                 // the host is an address
    uint16_t port;                // 6379 where none is written
    struct mg_str path;           // of the socket, absolute
    struct mg_str user, password; // empty: none
    unsigned db;                  // 0 where none is written
};

// Fills *url with bytes of `text` and of the arena. NULL, or what is wrong, without a part of the
// text in it: there may be a password.
const char *mg_redis_url_parse(struct mg_str text, struct mg_arena *arena,
                               struct mg_redis_url *url);

#endif
