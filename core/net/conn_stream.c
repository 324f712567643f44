// Bodies that are not kept: a request's, handed over as it comes, and a reply's, written as it is
// made. What the other side does not take stops the reading, so that nothing piles up.
#include <assert.h>
#include <stdio.h>

#include "http/reply_writer.h"
#include "net/conn_inner.h"

enum {
    blind_ms = 100,   // between looks at a connection that is not read from
    small = 2 << 10,  // chunks of less go out together, at the latest in this turn
    batch = 16 << 10, // or when there is so much of them
};

static uint64_t now(const struct mg_conn *conn)
{
    return mg_loop_now(conn->net->loop);
}

static void idle(struct mg_conn *conn)
{
    if (!conn->idling)
        conn->idling_at = now(conn);
    conn->idling = true;
}

void mg_conn_begin_body(struct mg_conn *conn, bool more)
{
    conn->expecting = !more && mg_request_parser_expects(conn->parser);
    idle(conn);
    mg_conn_until(conn, 0);
    conn->net->handler->complete(conn->net->owner, conn->request);
}

void mg_conn_take_piece(struct mg_conn *conn, struct mg_str data)
{
    size_t limit = conn->request->body.limit;
    conn->expecting = false;
    if (limit && conn->body_bytes > limit) {
        mg_conn_refuse(conn, 413, "The body is larger than allowed.");
        return;
    }
    bool more = conn->net->handler->piece(conn->net->owner, conn->request, data);
    if (more || conn->state != MG_CONN_BODY || conn->early)
        return;
    idle(conn);
    mg_conn_read_off(conn);
    mg_conn_until(conn, now(conn) + blind_ms);
}

void mg_conn_end_body(struct mg_conn *conn)
{
    conn->idling = false;
    if (mg_conn_read_on(conn) && !conn->replying)
        mg_conn_until(conn, 0); // its end will show itself
    conn->net->handler->piece(conn->net->owner, conn->request, (struct mg_str){0});
}

// Not a client that has closed its sending side: what it sent before that is still to be read.
void mg_conn_look_idle(struct mg_conn *conn)
{
    if (mg_conn_is_reset(conn))
        mg_conn_cut(conn, false);
    else
        mg_conn_until(conn, now(conn) + blind_ms);
}

void mg_conn_read_body(struct mg_conn *conn, struct mg_request *request)
{
    if (conn->state != MG_CONN_BODY || !conn->idling)
        return;
    if (conn->expecting && !conn->early)
        mg_conn_continue(conn);
    conn->expecting = conn->idling = false;
    conn->body_began += now(conn) - conn->idling_at;
    mg_conn_until(conn, now(conn) + conn->net->limits->body_idle_ms);
    if (!mg_conn_read_on(conn))
        mg_conn_break(conn, request);
}

static void flush_later(struct mg_conn *conn)
{
    mg_loop_defer(conn->net->loop, &conn->later);
}

void mg_conn_break(struct mg_conn *conn, struct mg_request *request)
{
    if (conn->state == MG_CONN_CLOSED)
        return;
    conn->failed = true;
    // A chunked body without its end is no whole one; any other could be taken for it (RFC 9112
    // §8), unless the connection ends in an error.
    conn->reset = !conn->out.chunked;
    flush_later(conn);
}

void mg_conn_begin(struct mg_conn *conn, struct mg_request *request, const struct mg_reply *reply,
                   const struct mg_conn_stream *stream)
{
    struct mg_conn_out *out = &conn->out;
    struct mg_reply_framing framing = {.chunked = stream->length < 0, .date = stream->date};
    assert(conn->told && conn->request == request && !conn->early && !conn->replying);
    bool until_close = framing.chunked && request->old;
    out->bodiless = mg_conn_bodiless(conn, reply);
    conn->keep = mg_conn_keeps(conn, reply) && conn->state != MG_CONN_BODY &&
                 (!until_close || out->bodiless);
    if (reply->close || conn->net->draining || conn->state == MG_CONN_BODY)
        conn->polite = false;
    if (conn->state == MG_CONN_ANSWER) {
        mg_conn_change(conn, MG_CONN_WRITE);
        mg_conn_until(conn, 0);
    }
    conn->replying = true;
    framing.length = framing.chunked ? 0 : (uint64_t)stream->length;
    mg_buf_init(&out->kept, MG_CONN_FAREWELL_MOST);
    mg_buf_init(&out->next, MG_CONN_FAREWELL_MOST);
    out->pieces = NULL;
    out->at = out->count = 0;
    out->offset = 0;
    out->whole = out->blocked = false;
    out->chunked = framing.chunked && !until_close && !out->bodiless;
    out->announced = !framing.chunked && !out->bodiless;
    out->due = framing.length;
    if (mg_conn_write_head(conn, reply, &framing))
        flush_later(conn);
    else
        mg_conn_break(conn, request);
}

void mg_conn_flush_stream(struct mg_conn *conn)
{
    if (conn->state != MG_CONN_SENT && !conn->out.queued && !conn->failed)
        mg_conn_push(conn);
}

// The head, or a batch of small chunks, has just proved too much for the socket.
static void keep_for_later(struct mg_conn *conn)
{
    struct mg_conn_out *out = &conn->out;
    for (unsigned i = 0; i < out->count; i++)
        mg_buf_put(&out->next, out->pieces[i]);
    if (out->next.failed != MG_OK)
        mg_conn_break(conn, conn->request);
}

bool mg_conn_write(struct mg_conn *conn, struct mg_request *request, struct mg_str bytes)
{
    struct mg_conn_out *out = &conn->out;
    char size[20];
    struct mg_str pieces[3] = {{size, 0}, bytes, MG_STR("\r\n")};
    if (conn->failed || out->bodiless || !bytes.len)
        return true;
    assert(conn->replying && !out->whole && !out->blocked);
    if (out->announced && bytes.len > out->due) {
        mg_conn_break(conn, request);
        return true;
    }
    out->due -= out->announced ? bytes.len : 0;
    if (out->chunked)
        pieces[0].len = (size_t)snprintf(size, sizeof size, "%zx\r\n", bytes.len);
    out->pieces = out->chunked ? pieces : pieces + 1;
    out->count = out->chunked ? 3 : 1;
    out->at = 0;
    out->offset = 0;
    if (out->queued)
        keep_for_later(conn);
    else if (out->chunked && bytes.len < small && out->kept.len < batch && mg_conn_keep_rest(conn))
        flush_later(conn);
    else
        mg_conn_push(conn);
    out->pieces = NULL; // they are this call's
    out->at = out->count = 0;
    if (conn->failed)
        flush_later(conn);
    out->blocked = out->queued > 0;
    return !out->blocked;
}

bool mg_conn_more(struct mg_conn *conn)
{
    static const struct mg_str last_chunk = {"0\r\n\r\n", 5};
    struct mg_conn_out *out = &conn->out;
    if (!conn->replying || !out->whole || !out->chunked)
        return false;
    out->chunked = false;
    out->pieces = &last_chunk;
    out->at = 0;
    out->count = 1;
    out->offset = 0;
    return true;
}

void mg_conn_end(struct mg_conn *conn, struct mg_request *request)
{
    struct mg_conn_out *out = &conn->out;
    if (conn->failed || conn->state == MG_CONN_CLOSED)
        return;
    assert(conn->replying && !out->whole);
    if (out->announced && out->due) {
        mg_conn_break(conn, request);
        return;
    }
    if (conn->state == MG_CONN_BODY) {
        conn->deaf = true; // the rest of the request
        mg_conn_change(conn, MG_CONN_WRITE);
    }
    if (conn->state == MG_CONN_WRITE)
        mg_conn_until(conn, 0);
    out->whole = true;
    out->blocked = false;
    if (!out->queued) {
        mg_conn_more(conn); // together with what is still here
        mg_conn_push(conn);
    }
    flush_later(conn);
}
