#include "backend/http_sockets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// libcurl 7.88 closes a socket whose connecting has failed with close(), without asking
// CURLOPT_CLOSESOCKETFUNCTION. As every socket has an inode of its own, and its number may be
// another file's a moment later, the inode says whether the descriptor is still this socket.
struct mg_http_socket {
    uv_poll_t poll;
    struct mg_http_sockets *sockets;
    int fd;              // -1: it was closed behind our back
    int wanted, watched; // UV_READABLE | UV_WRITABLE
    ino_t inode;
    bool connected; // somebody has wanted to read: from here on libcurl asks us to close it
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

static void on_closed(uv_handle_t *handle);

// Takes note that the descriptor is closed. What it had for a number may be in use again.
static void forget(struct mg_http_socket *socket)
{
    socket->sockets->of_fd[socket->fd] = NULL;
    uv_close((uv_handle_t *)&socket->poll, on_closed);
    socket->fd = -1;
}

static bool lost(const struct mg_http_socket *socket)
{
    struct stat stat;
    return fstat(socket->fd, &stat) != 0 || !S_ISSOCK(stat.st_mode) || stat.st_ino != socket->inode;
}

static void watch(struct mg_http_socket *socket, int events);

int mg_http_sockets_open(struct mg_http_sockets *sockets, int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0)
        return -1;
    struct stat stat;
    struct mg_http_socket *made = calloc(1, sizeof *made);
    int wanted = 0;
    if (made && make_room(sockets, fd) && sockets->of_fd[fd]) {
        // libcurl does not tell us again what it has told us of this number.
        wanted = sockets->of_fd[fd]->wanted;
        forget(sockets->of_fd[fd]);
    }
    if (!made || fd >= sockets->cap || fstat(fd, &stat) != 0 ||
        uv_poll_init(&sockets->loop->uv, &made->poll, fd) != 0) {
        free(made);
        close(fd);
        return -1;
    }
    made->sockets = sockets;
    made->fd = fd;
    made->inode = stat.st_ino;
    sockets->of_fd[fd] = made;
    sockets->open++;
    mg_http_sockets_want(sockets, fd, wanted);
    return fd;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct mg_http_socket *socket = MG_OWNER(poll, struct mg_http_socket, poll);
    if (status < 0) {
        socket->watched = 0; // libuv has stopped it
        events = 0;
    } else if (!(events & socket->wanted)) {
        // Nobody wants to read now: a kept connection was closed by the peer, or a paused one has
        // more. Watched further it would wake the loop again and again.
        watch(socket, 0);
        return;
    }
    socket->sockets->ready(socket->sockets->owner, socket->fd, events & socket->wanted);
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
    struct mg_http_socket *socket = fd < sockets->cap ? sockets->of_fd[fd] : NULL;
    if (!socket)
        return;
    socket->wanted = events;
    socket->connected = socket->connected || (events & UV_READABLE);
    if (events == 0 && !socket->connected && lost(socket)) {
        forget(socket);
        return;
    }
    if (events == 0 && (socket->watched & UV_WRITABLE))
        events = UV_READABLE;
    if (events && events != socket->watched)
        watch(socket, events);
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

void mg_http_sockets_close(struct mg_http_sockets *sockets, int fd)
{
    struct mg_http_socket *closing = fd < sockets->cap ? sockets->of_fd[fd] : NULL;
    if (!closing)
        return;
    sockets->of_fd[fd] = NULL;
    if (sockets->abrupt) {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    uv_close((uv_handle_t *)&closing->poll, on_closed);
}
