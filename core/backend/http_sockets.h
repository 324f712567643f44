// The sockets of a transport that wants to be told when they are ready, each with one uv_poll for
// all its life: libuv takes one watcher per descriptor, and a descriptor must outlive its watcher.
// Watching for reading goes on between exchanges, since every change costs two system calls.
#ifndef MG_BACKEND_HTTP_SOCKETS_H
#define MG_BACKEND_HTTP_SOCKETS_H

#include "loop/loop.h"

struct mg_http_socket;

struct mg_http_sockets {
    struct mg_loop *loop;
    // Readable or writable as wanted. With UV_DISCONNECT it is in error, which reading or writing
    // tells: `events` are all that are wanted.
    void (*ready)(void *owner, int fd, int events);
    void (*drained)(void *owner); // the last one is gone; may end all this
    void *owner;
    bool abrupt; // sockets are closed with a reset: no TIME_WAIT, and the peer knows at once

    struct mg_http_socket **of_fd; // the rest is its own
    int cap;
    unsigned open; // until their handles are gone
    unsigned lost; // found closed by libcurl; whoever looks at it may set it back
};

void mg_http_sockets_fini(struct mg_http_sockets *sockets); // none is open

// A non-blocking socket; -1 when there is none to have.
int mg_http_sockets_open(struct mg_http_sockets *sockets, int family, int type, int protocol);
// What belongs to it, for `ready` to find again; NULL at first.
void mg_http_sockets_give(struct mg_http_sockets *sockets, int fd, void *thing);
void *mg_http_sockets_thing(struct mg_http_sockets *sockets, int fd);
// UV_READABLE | UV_WRITABLE; 0: nothing for now.
void mg_http_sockets_want(struct mg_http_sockets *sockets, int fd, int events);
// Lets go of what libcurl has closed without a word.
void mg_http_sockets_sweep(struct mg_http_sockets *sockets);
// It is closed when its handle is gone, in a later turn.
void mg_http_sockets_close(struct mg_http_sockets *sockets, int fd);

#endif
