// Accepting, by uv_poll and accept4: libuv's own listening accepts until nothing is left and cannot
// be made to stop, which starves other connections and spins when descriptors run out.
#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

enum {
    accept_budget = 64, // connections accepted before others have their turn
    backlog_most = 4096,
    pause_ms = 100,
    quiet_ms = 1000 // between two lines of the log about the same
};

struct mg_listener {
    uv_poll_t poll;
    struct mg_list node; // in net->listeners
    struct mg_timer again;
    struct mg_net *net;
    int fd; // our own duplicate
    bool paused, closing;
    bool said_any;
    uint64_t said_at;  // loop time in ms of the last line logged
    unsigned long hit; // pauses since then
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void listen_on(struct mg_listener *listener)
{
    if (!listener->paused || listener->closing)
        return;
    listener->paused = false;
    mg_timer_drop(listener->net->loop, &listener->again);
    uv_poll_start(&listener->poll, UV_READABLE, on_ready);
}

static void resume(struct mg_timer *timer)
{
    listen_on(MG_OWNER(timer, struct mg_listener, again));
}

void mg_listener_resume(struct mg_net *net)
{
    for (struct mg_list *node = net->listeners.next; node != &net->listeners; node = node->next)
        listen_on(MG_OWNER(node, struct mg_listener, node));
}

static void log_pause(struct mg_listener *listener, const char *why)
{
    uint64_t now = mg_loop_now(listener->net->loop);
    listener->hit++;
    if (listener->said_any && now - listener->said_at < quiet_ms)
        return;
    struct mg_buf address = {0};
    mg_listener_address(listener->fd, &address);
    mg_log(MG_LOG_WARN, "%.*s: not accepting: %s (%lu times)", (int)address.len,
           address.len ? address.data : "", why, listener->hit);
    mg_buf_fini(&address);
    listener->said_any = true;
    listener->said_at = now;
    listener->hit = 0;
}

// Until a connection of ours closes, or the time is up.
static void pause_for(struct mg_listener *listener, const char *why)
{
    log_pause(listener, why);
    uint64_t at = mg_loop_now(listener->net->loop) + pause_ms;
    if (!mg_timer_set(listener->net->loop, &listener->again, at))
        return; // no memory for a timer: stay awake rather than sleep for ever
    listener->paused = true;
    uv_poll_stop(&listener->poll);
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// How long it is since the connection stood, or had sent something: it has waited so long at least.
static uint64_t age_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_last_data_recv : 0;
}

// Accepts one; false when there is none, or none can be taken now. The last in a turn shows how
// long those behind it have to wait.
static bool accept_one(struct mg_listener *listener, bool last)
{
    struct mg_net *net = listener->net;
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    if (!mg_net_take(net)) {
        pause_for(listener, "as many connections as there may be");
        return false;
    }
    int fd = accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (last) {
            net->accept_ms = age_of(fd);
            net->accept_turn = net->loop->rounds;
        }
        mg_conn_open(net, fd, (struct sockaddr *)&peer);
        return true;
    }
    int error = errno;
    // Not mg_net_give: no connection closed, nothing is to go on.
    atomic_fetch_sub(net->connections, 1);
    if (is_shortage(error))
        pause_for(listener, strerror(error));
    // The others speak of the connection that went away before it was accepted (accept(2)).
    return error != EAGAIN && !is_shortage(error) && error != EINVAL && error != EBADF;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct mg_listener *listener = poll->data;
    int left = accept_budget;
    while (left && accept_one(listener, left == 1) && !listener->closing)
        left--;
}

static struct mg_listener *discard(struct mg_listener *listener)
{
    if (listener && listener->fd >= 0)
        close(listener->fd);
    free(listener);
    return NULL;
}

struct mg_listener *mg_listener_new(struct mg_net *net, int fd)
{
    struct mg_listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return NULL;
    listener->net = net;
    listener->again.run = resume;
    listener->poll.data = listener;
    listener->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (listener->fd < 0 || uv_poll_init(&net->loop->uv, &listener->poll, listener->fd) != 0)
        return discard(listener);
    // Accepted sockets inherit it, which saves a system call for each.
    int on = 1;
    setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    mg_list_push(&net->listeners, &listener->node);
    listener->paused = true;
    listen_on(listener);
    return listener;
}

static void on_closed(uv_handle_t *handle)
{
    discard(handle->data);
}

void mg_listener_close(struct mg_listener *listener)
{
    assert(!listener->closing);
    listener->closing = true;
    mg_timer_drop(listener->net->loop, &listener->again);
    mg_list_drop(&listener->node);
    uv_close((uv_handle_t *)&listener->poll, on_closed);
    // The handle no longer looks at the descriptor; open on, it would gather connections.
    close(listener->fd);
    listener->fd = -1;
}

void mg_listener_finish(struct mg_listener *listener)
{
    for (int i = 0; i < backlog_most && accept_one(listener, false); i++)
        ;
    mg_listener_close(listener);
}
