// A connection's life: opening, states, time limits, closing.
#include "net/conn_inner.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    resting_ms = 60000, // how far away the timer of a connection without a deadline stands
    farewell_ms = 100   // for a request on a kept connection that crosses with our leaving
};

void mg_conn_change(struct mg_conn *conn, enum mg_conn_state state)
{
#define TO(name) (1u << MG_CONN_##name)
    static const unsigned legal[MG_CONN_STATES] = {
        [MG_CONN_IDLE] = TO(HEAD) | TO(CLOSED),
        [MG_CONN_HEAD] = TO(BODY) | TO(WRITE) | TO(CLOSED),
        [MG_CONN_BODY] = TO(ANSWER) | TO(WRITE) | TO(CLOSED),
        [MG_CONN_ANSWER] = TO(WRITE) | TO(CLOSED),
        [MG_CONN_WRITE] = TO(SENT) | TO(CLOSED),
        [MG_CONN_SENT] = TO(IDLE) | TO(LINGER) | TO(CLOSED),
        [MG_CONN_LINGER] = TO(CLOSED),
        [MG_CONN_CLOSED] = 0,
    };
#undef TO
    assert(legal[conn->state] & (1u << state));
    conn->state = state;
}

// Moving a timer costs a walk in the heap, so it only ever moves forward; when it fires before the
// deadline it is set anew. A timer that never leaves the heap can be moved without memory.
void mg_conn_until(struct mg_conn *conn, uint64_t at)
{
    conn->deadline = at;
    if (at && at < conn->timer.at)
        mg_timer_set(conn->net->loop, &conn->timer, at);
}

// A request that is already in the socket must not be lost to a drain.
static bool has_bytes(struct mg_conn *conn)
{
    char byte;
    uv_os_fd_t fd;
    return uv_fileno((uv_handle_t *)&conn->tcp, &fd) == 0 &&
           recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

// A client that keeps its connection busy hears "Connection: close" from its next reply; a close
// between two of its requests would lose the one that is on its way.
void mg_conn_retire(struct mg_conn *conn)
{
    uint64_t grace = conn->net->limits->linger_ms;
    if (conn->served > 0 && grace > farewell_ms)
        grace = farewell_ms;
    if (grace == 0 && !has_bytes(conn))
        mg_conn_close(conn);
    else
        mg_conn_until(conn, mg_loop_now(conn->net->loop) + (grace ? grace : farewell_ms));
}

static void overdue(struct mg_conn *conn)
{
    switch (conn->state) {
    case MG_CONN_IDLE:
        if (conn->net->draining && has_bytes(conn))
            mg_conn_until(conn, mg_loop_now(conn->net->loop) + farewell_ms);
        else
            mg_conn_close(conn);
        break;
    case MG_CONN_HEAD:
    case MG_CONN_BODY:
        if (conn->state == MG_CONN_BODY && conn->idling)
            mg_conn_look_idle(conn);
        else
            mg_conn_overdue(conn);
        break;
    case MG_CONN_ANSWER:
        mg_conn_look(conn);
        break;
    case MG_CONN_WRITE:
        mg_conn_stalled(conn);
        break;
    default:
        mg_conn_close(conn);
    }
}

static void expire(struct mg_timer *timer)
{
    struct mg_conn *conn = MG_OWNER(timer, struct mg_conn, timer);
    uint64_t now = mg_loop_now(conn->net->loop);
    bool due = conn->deadline && conn->deadline <= now;
    uint64_t at = conn->deadline && !due ? conn->deadline : now + resting_ms;
    if (!mg_timer_set(conn->net->loop, timer, at)) {
        mg_conn_cut(conn, false);
        return;
    }
    if (due) {
        conn->deadline = 0;
        overdue(conn);
    }
}

// What a reply leads to that was given within a call of the handler's.
static void later(struct mg_task *task)
{
    struct mg_conn *conn = MG_OWNER(task, struct mg_conn, later);
    mg_conn_flush(conn->net);
    if (conn->replying)
        mg_conn_flush_stream(conn);
    if (conn->failed) {
        mg_conn_cut(conn, conn->reset);
        return;
    }
    if (conn->state != MG_CONN_SENT) // the rest goes out when there is room for it
        return;
    struct mg_request *request = conn->request;
    bool told = conn->told;
    conn->request = NULL;
    conn->told = conn->replying = false;
    if (told)
        conn->net->handler->sent(conn->net->owner, request);
    else
        mg_request_free(request);
    if (conn->state == MG_CONN_SENT)
        mg_conn_next(conn);
}

static void on_closed(uv_handle_t *handle)
{
    struct mg_conn *conn = handle->data;
    struct mg_net *net = conn->net;
    mg_list_drop(&conn->node);
    mg_request_parser_free(conn->parser);
    if (!conn->told)
        mg_request_free(conn->request);
    mg_buf_fini(&conn->ahead);
    mg_buf_fini(&conn->out.kept);
    mg_buf_fini(&conn->out.next);
    free(conn);
    mg_net_give(net);
}

static void shut(struct mg_conn *conn, bool reset)
{
    mg_conn_change(conn, MG_CONN_CLOSED);
    conn->reading = false;
    mg_task_drop(&conn->later);
    mg_list_drop(&conn->ready);
    mg_timer_drop(conn->net->loop, &conn->timer);
    if (!reset || uv_tcp_close_reset(&conn->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

void mg_conn_close(struct mg_conn *conn)
{
    assert(!conn->told);
    shut(conn, false);
}

void mg_conn_cut(struct mg_conn *conn, bool reset)
{
    // Closed first: libuv must not hold bytes of a reply whose owner hears that it is over.
    shut(conn, reset);
    if (!conn->told)
        return;
    struct mg_request *request = conn->request;
    conn->request = NULL;
    conn->told = false;
    conn->net->handler->gone(conn->net->owner, request);
}

// libuv 1.44 calls it without looking when a handle closes before it was shut.
static void on_shut(uv_shutdown_t *shutdown, int status)
{
}

static void linger(struct mg_conn *conn)
{
    mg_conn_change(conn, MG_CONN_LINGER);
    conn->deaf = true;
    conn->dropped = 0;
    mg_conn_until(conn, mg_loop_now(conn->net->loop) + conn->net->limits->linger_ms);
    if (uv_shutdown(&conn->shutdown, mg_conn_stream(conn), on_shut) != 0 || !mg_conn_read_on(conn))
        mg_conn_close(conn);
}

// A close with bytes unread, or still to come, would reset the connection and could take the reply
// with it before the client has read it (RFC 9112 §9.6).
void mg_conn_part(struct mg_conn *conn)
{
    if (conn->ended || (conn->polite && !conn->deaf && mg_conn_waiting(conn) == 0))
        mg_conn_close(conn);
    else
        linger(conn);
}

static void name_peer(struct mg_conn *conn, const struct sockaddr *peer)
{
    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
        inet_ntop(AF_INET, &in->sin_addr, conn->peer, sizeof conn->peer);
    } else if (peer->sa_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(in6))
            inet_ntop(AF_INET, &in6->s6_addr[12], conn->peer, sizeof conn->peer);
        else
            inet_ntop(AF_INET6, in6, conn->peer, sizeof conn->peer);
    } else if (peer->sa_family == AF_UNIX) {
        memcpy(conn->peer, MG_PEER_LOCAL, sizeof MG_PEER_LOCAL);
    }
}

static bool fill(struct mg_conn *conn, struct mg_net *net, const struct sockaddr *peer)
{
    conn->net = net;
    conn->later.run = later;
    conn->timer.run = expire;
    conn->deadline = mg_loop_now(net->loop) + net->limits->idle_ms;
    name_peer(conn, peer);
    conn->parser = mg_request_parser_new(&net->limits->request);
    return conn->parser && mg_timer_set(net->loop, &conn->timer, conn->deadline);
}

bool mg_conn_open(struct mg_net *net, int fd, const struct sockaddr *peer)
{
    struct mg_conn *conn = calloc(1, sizeof *conn);
    if (!conn || !fill(conn, net, peer)) {
        if (conn)
            mg_request_parser_free(conn->parser);
        free(conn);
        close(fd);
        mg_net_give(net);
        return false;
    }
    uv_tcp_init(&net->loop->uv, &conn->tcp);
    conn->tcp.data = conn;
    mg_list_push(&net->conns, &conn->node);
    if (uv_tcp_open(&conn->tcp, fd) != 0) {
        close(fd);
        mg_conn_close(conn);
        return false;
    }
    if (!mg_conn_read_on(conn)) {
        mg_conn_close(conn);
        return false;
    }
    return true;
}
