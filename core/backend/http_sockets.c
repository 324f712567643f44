#include "backend/http_sockets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct mg_http_socket {
    uv_poll_t poll;
    struct mg_http_sockets *sockets;
    void *thing;
    int fd;      // -1: libcurl has closed it
    ino_t inode; // tells it from a later one of the same number
    bool connected;
    int wanted, watched; // UV_READABLE | UV_WRITABLE
};

void mg_http_sockets_fini(struct mg_http_sockets *sockets)
{
    assert(sockets->open == 0);
    free(sockets->of_fd);
    sockets->of_fd = NULL;
    sockets->cap = 0;
}

static bool make_room(struct mg_http_sockets *sockets, int fd)
{
    if (fd < sockets->cap)
        return true;
    int cap = fd < 64 ? 128 : fd * 2;
    struct mg_http_socket **of_fd = realloc(sockets->of_fd, (size_t)cap * sizeof *of_fd);
    if (!of_fd)
        return false;
    memset(of_fd + sockets->cap, 0, (size_t)(cap - sockets->cap) * sizeof *of_fd);
    sockets->of_fd = of_fd;
    sockets->cap = cap;
    return true;
}

static struct mg_http_socket *find(const struct mg_http_sockets *sockets, int fd)
{
    return fd < sockets->cap ? sockets->of_fd[fd] : NULL;
}

static ino_t inode_of(int fd)
{
    struct stat stat;
    return fstat(fd, &stat) == 0 ? stat.st_ino : 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct mg_http_socket *socket = MG_OWNER(handle, struct mg_http_socket, poll);
    struct mg_http_sockets *sockets = socket->sockets;
    if (socket->fd >= 0)
        close(socket->fd);
    free(socket);
    if (--sockets->open == 0)
        sockets->drained(sockets->owner);
}

// libcurl 7.88 closes a socket that never connected by itself, without a word to the callback; it
// only says later that it need not be watched any more. Its number may be another thread's by then.
static void forget(struct mg_http_sockets *sockets, struct mg_http_socket *socket)
{
    sockets->of_fd[socket->fd] = NULL;
    sockets->lost++;
    socket->fd = -1;
    uv_close((uv_handle_t *)&socket->poll, on_closed);
}

static bool is_gone(const struct mg_http_socket *socket)
{
    return !socket->connected && inode_of(socket->fd) != socket->inode;
}

static void watch(struct mg_http_socket *socket, int events);

int mg_http_sockets_open(struct mg_http_sockets *sockets, int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), wanted = 0;
    if (fd < 0)
        return -1;
    struct mg_http_socket *made = calloc(1, sizeof *made), *stale = find(sockets, fd);
    if (stale) {
        wanted = stale->wanted; // libcurl takes it for the same socket and does not say it again
        forget(sockets, stale);
    }
    if (!made || !make_room(sockets, fd) ||
        uv_poll_init(&sockets->loop->uv, &made->poll, fd) != 0) {
        free(made);
        close(fd);
        return -1;
    }
    made->sockets = sockets;
    made->fd = fd;
    made->inode = inode_of(fd);
    made->wanted = wanted;
    sockets->of_fd[fd] = made;
    sockets->open++;
    if (wanted)
        watch(made, wanted);
    return fd;
}

void mg_http_sockets_give(struct mg_http_sockets *sockets, int fd, void *thing)
{
    sockets->of_fd[fd]->thing = thing;
}

void *mg_http_sockets_thing(struct mg_http_sockets *sockets, int fd)
{
    return sockets->of_fd[fd]->thing;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct mg_http_socket *socket = MG_OWNER(poll, struct mg_http_socket, poll);
    struct mg_http_sockets *sockets = socket->sockets;
    int fd = socket->fd;
    if (status < 0) { // libuv has stopped it, though there may be more to read than is read now
        socket->watched = 0;
        sockets->ready(sockets->owner, fd, socket->wanted | UV_DISCONNECT);
        // One that never connected may be closed by now: see forget.
        if (find(sockets, fd) == socket && socket->connected && !socket->watched && socket->wanted)
            watch(socket, socket->wanted);
    } else if (events & socket->wanted) {
        sockets->ready(sockets->owner, fd, events & socket->wanted);
    } else {
        // Nobody wants to read now: a kept connection was closed by the peer, or a paused one has
        // more. Watched further it would wake the loop again and again.
        watch(socket, 0);
    }
}

static void watch(struct mg_http_socket *socket, int events)
{
    int failed = 0;
    if (events)
        failed = uv_poll_start(&socket->poll, events, on_poll);
    else
        uv_poll_stop(&socket->poll);
    assert(!failed); // it fails only for a descriptor watched twice
    (void)failed;
    socket->watched = events;
}

void mg_http_sockets_want(struct mg_http_sockets *sockets, int fd, int events)
{
    struct mg_http_socket *socket = find(sockets, fd);
    if (!socket)
        return;
    if (events == 0 && is_gone(socket)) {
        forget(sockets, socket);
        return;
    }
    socket->connected = socket->connected || (events & UV_READABLE);
    socket->wanted = events;
    if (events == 0 && (socket->watched & UV_WRITABLE))
        events = UV_READABLE;
    if (events && events != socket->watched)
        watch(socket, events);
}

void mg_http_sockets_sweep(struct mg_http_sockets *sockets)
{
    for (int fd = 0; fd < sockets->cap; fd++)
        if (sockets->of_fd[fd] && is_gone(sockets->of_fd[fd]))
            forget(sockets, sockets->of_fd[fd]);
}

void mg_http_sockets_close(struct mg_http_sockets *sockets, int fd)
{
    struct mg_http_socket *closing = find(sockets, fd);
    if (!closing)
        return;
    sockets->of_fd[fd] = NULL;
    if (sockets->abrupt) {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    uv_close((uv_handle_t *)&closing->poll, on_closed);
}
