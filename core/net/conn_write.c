// Replies out: a head and a list of pieces, written from where the last write stopped. What the
// socket takes at once needs no memory; the rest goes a few pieces at a time, so that neither the
// length of a reply nor a slow reader makes anything grow.
#include "net/conn_inner.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "http/reply_writer.h"

enum {
    window_most = 64,   // pieces in one try
    queued_most = 4,    // pieces handed to libuv: what uv_write_t has room for without memory
    joined_most = 2048, // bytes of a body that are copied behind the head: cheaper than pieces
    gather_ns = 100000, // how long a reply may wait for others of its turn of the loop
};

static uint64_t now(const struct mg_conn *conn)
{
    return mg_loop_now(conn->net->loop);
}

// The next bytes of the reply; 0: all are out.
static unsigned window(const struct mg_conn_out *out, uv_buf_t *bufs, unsigned most)
{
    unsigned n = 0;
    size_t offset = out->offset;
    if (out->head.len)
        bufs[n++] = uv_buf_init((char *)out->head.data, (unsigned)out->head.len);
    for (unsigned at = out->at; at < out->count && n < most; at++, offset = 0) {
        struct mg_str rest = mg_str_cut(out->pieces[at], offset, out->pieces[at].len);
        if (rest.len) {
            bufs[n].base = (char *)rest.data;
            bufs[n++].len = rest.len;
        }
    }
    return n;
}

static void advance(struct mg_conn_out *out, size_t len)
{
    out->taken += len;
    size_t head = len < out->head.len ? len : out->head.len;
    out->head = mg_str_cut(out->head, head, out->head.len);
    len -= head;
    while (len) {
        size_t rest = out->pieces[out->at].len - out->offset;
        if (len < rest) {
            out->offset += len;
            return;
        }
        len -= rest;
        out->at++;
        out->offset = 0;
    }
}

// What libuv is to hold must stay: within `gone`, and where it is streamed, it leaves its owner.
// False: no memory, or more than is worth it.
bool mg_conn_keep_rest(struct mg_conn *conn)
{
    struct mg_conn_out *out = &conn->out;
    if (!conn->leaving && !conn->replying)
        return true;
    if (out->kept.len) // the head lies in there, what went out before it
        mg_buf_drop(&out->kept, out->kept.len - out->head.len);
    else
        mg_buf_put(&out->kept, out->head);
    for (; out->at < out->count; out->at++, out->offset = 0) {
        struct mg_str piece = out->pieces[out->at];
        mg_buf_put(&out->kept, mg_str_cut(piece, out->offset, piece.len));
    }
    out->head = mg_buf_str(&out->kept);
    return out->kept.failed == MG_OK;
}

static void finish(struct mg_conn *conn)
{
    mg_buf_fini(&conn->out.kept);
    mg_buf_fini(&conn->out.next);
    mg_conn_change(conn, MG_CONN_SENT);
    mg_conn_until(conn, 0);
}

// What of a streamed reply came while libuv held the rest goes next.
static void take_next(struct mg_conn_out *out)
{
    struct mg_buf kept = out->kept;
    out->kept = out->next;
    out->next = kept;
    mg_buf_clear(&out->next);
    out->head = mg_buf_str(&out->kept);
}

static void on_written(uv_write_t *write, int status)
{
    struct mg_conn *conn = write->handle->data;
    if (conn->state == MG_CONN_CLOSED)
        return;
    if (status < 0) {
        mg_conn_cut(conn, false);
        return;
    }
    size_t len = conn->out.queued;
    conn->out.queued = 0;
    advance(&conn->out, len);
    if (conn->replying && conn->out.next.len)
        take_next(&conn->out);
    mg_conn_push(conn);
    if (conn->failed || conn->state == MG_CONN_SENT) {
        mg_loop_defer(conn->net->loop, &conn->later);
    } else if (conn->out.blocked && !conn->out.queued) {
        conn->out.blocked = false;
        conn->net->handler->drained(conn->net->owner, conn->request);
    }
}

// Time without progress is looked at four times as often as it is long.
static void watch(struct mg_conn *conn)
{
    uint64_t step = conn->net->limits->write_ms / 4;
    mg_conn_until(conn, now(conn) + (step ? step : 1));
}

// Bytes that the client's side has confirmed. The socket's own buffer may be large, and libuv hears
// of room in it only when a third is free: a slow client would seem to stand still.
uint64_t mg_conn_confirmed(struct mg_conn *conn)
{
    uv_os_fd_t fd;
    int buffered = 0;
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) != 0 || ioctl(fd, SIOCOUTQ, &buffered) != 0)
        buffered = 0;
    size_t waiting = uv_stream_get_write_queue_size(mg_conn_stream(conn));
    return conn->out.taken + conn->out.queued - waiting - (uint64_t)buffered;
}

static void queue(struct mg_conn *conn)
{
    struct mg_conn_out *out = &conn->out;
    uv_buf_t bufs[queued_most];
    if (!mg_conn_keep_rest(conn)) {
        conn->failed = true;
        return;
    }
    unsigned count = window(out, bufs, queued_most);
    for (unsigned i = 0; i < count; i++)
        out->queued += bufs[i].len;
    if (uv_write(&conn->write, mg_conn_stream(conn), bufs, count, on_written) != 0) {
        out->queued = 0;
        conn->failed = true;
        return;
    }
    if (!conn->deadline && !conn->replying) { // a streamed reply's time is its owner's
        out->progress = mg_conn_confirmed(conn);
        out->moved = now(conn);
        watch(conn);
    }
}

void mg_conn_push(struct mg_conn *conn)
{
    uv_buf_t bufs[window_most];
    unsigned count;
    do {
        while ((count = window(&conn->out, bufs, window_most))) {
            int taken = uv_try_write(mg_conn_stream(conn), bufs, count);
            if (taken == UV_EAGAIN) {
                queue(conn);
                return;
            }
            if (taken < 0) {
                conn->failed = true;
                return;
            }
            advance(&conn->out, (size_t)taken);
        }
    } while (mg_conn_more(conn));
    if (!conn->replying || conn->out.whole)
        finish(conn);
    else
        mg_buf_clear(&conn->out.kept);
}

void mg_conn_flush(struct mg_net *net)
{
    for (struct mg_list *node; (node = mg_list_pop(&net->replies));)
        mg_conn_push(MG_OWNER(node, struct mg_conn, ready));
}

// Replies are written together at the end of the loop's turn: each write wakes its reader, which on
// the same machine runs while the others are written, and the code of one kind of work stays in the
// cache.
static void gather(struct mg_conn *conn)
{
    struct mg_net *net = conn->net;
    uint64_t now_ns = uv_hrtime();
    if (mg_list_empty(&net->replies))
        net->replies_since = now_ns;
    mg_list_push(&net->replies, &conn->ready);
    if (conn->leaving || now_ns - net->replies_since > gather_ns)
        mg_conn_flush(net);
}

void mg_conn_stalled(struct mg_conn *conn)
{
    struct mg_conn_out *out = &conn->out;
    uint64_t progress = mg_conn_confirmed(conn);
    if (progress != out->progress) {
        out->progress = progress;
        out->moved = now(conn);
    }
    if (now(conn) - out->moved >= conn->net->limits->write_ms)
        mg_conn_cut(conn, true);
    else
        watch(conn);
}

bool mg_conn_keeps(const struct mg_conn *conn, const struct mg_reply *reply)
{
    return conn->keep && !conn->deaf && !reply->close && !conn->net->draining &&
           conn->served < conn->net->limits->requests &&
           (!conn->ended || mg_conn_waiting(conn) > 0);
}

// HEAD has no body, nor have these (RFC 9110 §6.4.1).
bool mg_conn_bodiless(const struct mg_conn *conn, const struct mg_reply *reply)
{
    return conn->request->method == MG_HEAD || reply->status == 204 || reply->status == 304;
}

// The head, made in the net's buffer, and a body that is small go into one piece of memory.
bool mg_conn_write_head(struct mg_conn *conn, const struct mg_reply *reply,
                        struct mg_reply_framing *framing)
{
    struct mg_buf *head = &conn->net->head;
    struct mg_conn_out *out = &conn->out;
    framing->keep_alive = conn->keep;
    framing->old = conn->request->old;
    framing->head = conn->request->method == MG_HEAD;
    if (!framing->date.len)
        framing->date = mg_net_date(conn->net);
    mg_buf_clear(head);
    if (!mg_reply_write_head(head, reply, framing) && head->failed == MG_OK)
        mg_log(MG_LOG_WARN, "a reply's header field is not sound and was left out");
    if (framing->length <= joined_most) {
        for (; out->at < out->count; out->at++)
            mg_buf_put(head, out->pieces[out->at]);
    }
    out->head = mg_arena_copy(&conn->request->arena, mg_buf_str(head));
    if (head->failed == MG_OK && out->head.data)
        return true;
    mg_log(MG_LOG_WARN, "a reply's head is too large, or there is no memory for it");
    return false;
}

void mg_conn_send(struct mg_conn *conn, const struct mg_reply *reply)
{
    struct mg_conn_out *out = &conn->out;
    mg_loop_defer(conn->net->loop, &conn->later);
    conn->early = NULL;
    conn->keep = mg_conn_keeps(conn, reply);
    if (reply->close || conn->net->draining || !conn->told)
        conn->polite = false;
    mg_conn_change(conn, MG_CONN_WRITE);
    mg_conn_until(conn, 0);
    mg_buf_init(&out->kept, MG_CONN_FAREWELL_MOST);
    out->pieces = reply->pieces;
    out->at = 0;
    out->count = mg_conn_bodiless(conn, reply) ? 0 : reply->piece_count;
    out->offset = 0;
    struct mg_reply_framing framing = {0};
    for (unsigned i = 0; i < reply->piece_count; i++)
        framing.length += reply->pieces[i].len;
    if (mg_conn_write_head(conn, reply, &framing))
        gather(conn);
    else
        conn->failed = true;
}

// When the socket does not take it the client goes on by itself: it must not wait for ever (RFC
// 9110 §10.1.1). Half of it would spoil the connection.
void mg_conn_continue(struct mg_conn *conn)
{
    static const struct mg_str text = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
    uv_buf_t buf = uv_buf_init((char *)text.data, (unsigned)text.len);
    int taken = uv_try_write(mg_conn_stream(conn), &buf, 1);
    conn->failed = taken != UV_EAGAIN && taken != (int)text.len;
    if (conn->failed)
        mg_loop_defer(conn->net->loop, &conn->later);
}
