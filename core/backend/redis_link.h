// A link: one connection to Redis as a stream of bytes. It finds the address, connects within a
// bound of its own, writes what is put into it and hands on what comes. What the bytes mean, and
// when to try again, is for redis.c.
#ifndef MG_BACKEND_REDIS_LINK_H
#define MG_BACKEND_REDIS_LINK_H

#include "backend/redis_url.h"
#include "backend/resolver.h"
#include "base/buf.h"

struct mg_redis_socket;

struct mg_redis_link {
    struct mg_loop *loop;
    const struct mg_redis_url *url;
    struct mg_resolver_seat *names; // NULL: the URL has no name
    uint64_t connect_ms;
    uint64_t silence_ms; // until the kernel gives up on bytes that nobody confirms

    // None of these runs inside a function of the link.
    void (*up)(struct mg_redis_link *link);                        // it stands
    void (*data)(struct mg_redis_link *link, struct mg_str bytes); // may drop the link
    void (*room)(struct mg_redis_link *link);                      // all that was put has gone out
    // It cannot be made, or has ended. Only `why` is for people.
    void (*down)(struct mg_redis_link *link, enum mg_status error, const char *why);

    struct mg_buf out; // to be sent: appended to by the owner, who then says flush

    // The rest is its own.
    struct mg_redis_socket *socket; // that is connecting or connected
    bool standing;
    unsigned open;        // sockets that have not closed yet
    size_t out_at;        // bytes of `out` that are sent
    uint64_t until;       // when connecting ends at the latest
    unsigned tried;       // how many of the addresses
    unsigned first;       // the one that answered last
    enum mg_status wrong; // of the last that failed
    struct mg_addresses *addresses;
    struct mg_timer timer;
    struct mg_task dialling, flushing, closing;
    struct mg_name_wait wait;
    void (*closed)(void *owner);
    void *owner;
};

void mg_redis_link_init(struct mg_redis_link *link);  // the first members are filled
void mg_redis_link_open(struct mg_redis_link *link);  // `up` or `down` follows, in a later turn
void mg_redis_link_flush(struct mg_redis_link *link); // sends `out` at the end of this turn
void mg_redis_link_drop(struct mg_redis_link *link);  // ends it at once, and says nothing
// Ends it for good; closed(owner) in a later turn, when its memory may go.
void mg_redis_link_close(struct mg_redis_link *link, void (*closed)(void *owner), void *owner);

#endif
