// Bytes in: from the socket through the parser to the handler, and what cannot be a request.
#include "net/conn_inner.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

enum {
    drop_small = 64 * 1024, // a body worth reading for nothing to keep the connection
    blind_ms = 100          // between looks at a connection that is not read from
};

static uint64_t now(const struct mg_conn *conn)
{
    return mg_loop_now(conn->net->loop);
}

static bool parsing(const struct mg_conn *conn)
{
    return conn->state <= MG_CONN_BODY;
}

// The client has closed its sending side while a request of its is with the handler. What the
// handler gives within the call is the last that is written.
static void leave(struct mg_conn *conn)
{
    struct mg_request *request = conn->request;
    if (conn->state == MG_CONN_BODY)
        mg_conn_change(conn, MG_CONN_ANSWER);
    conn->told = false;
    conn->leaving = true;
    conn->net->handler->gone(conn->net->owner, request);
    conn->leaving = false;
    conn->request = NULL;
    if (conn->state == MG_CONN_ANSWER)
        mg_conn_close(conn);
}

// The handler may take its time. The end of a client whose bytes are no longer read does not show
// itself: it has to be looked for.
static void await_answer(struct mg_conn *conn)
{
    mg_conn_until(conn, conn->reading ? 0 : now(conn) + blind_ms);
}

// What a unix socket has instead: it is closed on both sides at once, or on the other side only.
static unsigned char unix_state(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    if (poll(&look, 1, 0) <= 0)
        return TCP_ESTABLISHED;
    return look.revents & (POLLHUP | POLLERR) ? TCP_CLOSE : TCP_CLOSE_WAIT;
}

static unsigned char tcp_state(struct mg_conn *conn)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) != 0)
        return 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return unix_state(fd);
    return info.tcpi_state;
}

bool mg_conn_is_reset(struct mg_conn *conn)
{
    return tcp_state(conn) == TCP_CLOSE;
}

void mg_conn_look(struct mg_conn *conn)
{
    unsigned char state = tcp_state(conn);
    if (state == TCP_CLOSE)
        mg_conn_cut(conn, false);
    else if (state == TCP_CLOSE_WAIT)
        leave(conn);
    else
        await_answer(conn);
}

void mg_conn_refuse(struct mg_conn *conn, int status, const char *detail)
{
    conn->deaf = true;
    if (conn->early) {
        mg_conn_send(conn, conn->early);
        return;
    }
    mg_conn_change(conn, MG_CONN_ANSWER);
    await_answer(conn);
    conn->net->handler->refused(conn->net->owner, conn->request, status, detail);
}

// Refuses what did not come to be a request: it stays the connection's own.
static void refuse_head(struct mg_conn *conn, int status, const char *detail)
{
    struct mg_reply reply = {0};
    conn->deaf = true;
    conn->net->handler->broken(conn->net->owner, &conn->request->arena, status, detail, &reply);
    if (conn->state == MG_CONN_CLOSED)
        return;
    if (reply.status)
        mg_conn_send(conn, &reply);
    else
        mg_conn_close(conn);
}

static bool begin(struct mg_conn *conn)
{
    if (conn->request)
        return true;
    conn->request = mg_request_new(&conn->net->blocks);
    if (!conn->request)
        return false;
    conn->request->began = now(conn);
    mg_request_parser_begin(conn->parser, conn->request);
    return true;
}

static void enter_head(struct mg_conn *conn)
{
    mg_conn_change(conn, MG_CONN_HEAD);
    conn->request->began = now(conn);
    mg_conn_until(conn, now(conn) + conn->net->limits->header_ms);
}

// An expectation that is none of ours is refused; HTTP/1.0 has none (RFC 9110 §10.1.1).
static bool meets_expectation(const struct mg_request *request)
{
    unsigned index = 0;
    const struct mg_header *expect = mg_headers_next(&request->headers, MG_STR("expect"), &index);
    return !expect || request->old || mg_str_eq_nocase(expect->value, MG_STR("100-continue"));
}

// After the handler has seen the head: is the body to be read? `more`: bytes of it are here.
static void check_head(struct mg_conn *conn, bool more)
{
    int64_t length = mg_request_parser_length(conn->parser);
    size_t limit = conn->request->body.limit;
    if (!meets_expectation(conn->request))
        mg_conn_refuse(conn, 417, "The only expectation that is met is 100-continue.");
    else if (limit && length > 0 && (uint64_t)length > limit)
        mg_conn_refuse(conn, 413, "The body is larger than allowed.");
    else if (conn->streams)
        mg_conn_begin_body(conn, more);
    else if (mg_request_parser_expects(conn->parser) && !more)
        mg_conn_continue(conn);
}

static void enter_body(struct mg_conn *conn, bool more)
{
    struct mg_net *net = conn->net;
    struct mg_request *request = conn->request;
    request->peer = mg_arena_copy(&request->arena, mg_str_of(conn->peer));
    conn->served++;
    conn->keep = mg_request_parser_keep_alive(conn->parser);
    conn->polite = !conn->keep;
    conn->body_began = now(conn);
    conn->body_bytes = 0;
    conn->told = true;
    mg_conn_change(conn, MG_CONN_BODY);
    mg_conn_until(conn, conn->body_began + net->limits->body_idle_ms);
    conn->streams = conn->idling = conn->replying = false;
    net->handler->head(net->owner, conn, request);
    conn->streams = request->streamed && request->body_length != 0;
    if (conn->state == MG_CONN_BODY && !conn->early)
        check_head(conn, more);
}

// On average a body must keep up with body_rate, so that it cannot drip for ever.
static bool too_slow(const struct mg_conn *conn)
{
    const struct mg_conn_limits *limits = conn->net->limits;
    uint64_t spent = now(conn) - conn->body_began;
    return spent > limits->body_idle_ms && conn->body_bytes * 1000 / spent < limits->body_rate;
}

static void take_body(struct mg_conn *conn, struct mg_str data)
{
    conn->body_bytes += data.len;
    if (!conn->idling)
        mg_conn_until(conn, now(conn) + conn->net->limits->body_idle_ms);
    if (!conn->idling && too_slow(conn)) {
        mg_conn_refuse(conn, 408, "The body came too slowly.");
        return;
    }
    if (conn->streams && !conn->early) {
        mg_conn_take_piece(conn, data);
        return;
    }
    struct mg_buf *body = &conn->request->body;
    if (conn->early || mg_buf_put(body, data))
        return;
    if (body->failed == MG_TOO_LARGE)
        mg_conn_refuse(conn, 413, "The body is larger than allowed.");
    else
        mg_conn_refuse(conn, 500, "There is no memory left for the body.");
}

static void complete(struct mg_conn *conn)
{
    mg_conn_change(conn, conn->replying ? MG_CONN_WRITE : MG_CONN_ANSWER);
    if (conn->replying)
        mg_conn_until(conn, 0);
    else
        await_answer(conn);
    if (conn->early)
        mg_conn_send(conn, conn->early);
    else if (conn->streams)
        mg_conn_end_body(conn);
    else
        conn->net->handler->complete(conn->net->owner, conn->request);
    if (conn->state == MG_CONN_ANSWER && conn->ended)
        leave(conn);
}

static void refused(struct mg_conn *conn)
{
    const char *detail = "";
    int status = mg_request_parser_refusal(conn->parser, &detail);
    if (conn->state == MG_CONN_BODY) {
        mg_conn_refuse(conn, status, detail);
        return;
    }
    if (conn->state == MG_CONN_IDLE)
        enter_head(conn);
    refuse_head(conn, status, detail);
}

// One step of the parser; false when it wants more bytes.
static bool step(struct mg_conn *conn, struct mg_str *input)
{
    struct mg_str data = {0};
    enum mg_parse parse = mg_request_parser_feed(conn->parser, input, &data);
    if (conn->state == MG_CONN_IDLE && parse != MG_PARSE_REFUSED &&
        mg_request_parser_started(conn->parser))
        enter_head(conn);
    switch (parse) {
    case MG_PARSE_MORE:
        return false;
    case MG_PARSE_HEAD:
        enter_body(conn, input->len > 0);
        break;
    case MG_PARSE_DATA:
        take_body(conn, data);
        break;
    case MG_PARSE_COMPLETE:
        complete(conn);
        break;
    case MG_PARSE_REFUSED:
        refused(conn);
        break;
    }
    return true;
}

// Parses up to the end of one request. What is left in *input then belongs to later ones.
static void feed(struct mg_conn *conn, struct mg_str *input)
{
    do {
        if (!begin(conn)) {
            mg_conn_close(conn);
            return;
        }
    } while (step(conn, input) && parsing(conn));
}

static void keep_ahead(struct mg_conn *conn, struct mg_str bytes)
{
    if (conn->ahead_at) {
        mg_buf_drop(&conn->ahead, conn->ahead_at);
        conn->ahead_at = 0;
    }
    if (!mg_buf_put(&conn->ahead, bytes))
        mg_conn_cut(conn, false);
    else if (conn->ahead.len >= conn->net->limits->pipelined)
        mg_conn_read_off(conn);
}

static void drop(struct mg_conn *conn, size_t len)
{
    conn->dropped += len;
    if (conn->dropped <= MG_CONN_DROPPED_MOST)
        return;
    if (conn->state == MG_CONN_LINGER)
        mg_conn_close(conn);
    else
        mg_conn_read_off(conn);
}

static void arrived(struct mg_conn *conn, struct mg_str bytes)
{
    if (parsing(conn))
        feed(conn, &bytes);
    if (bytes.len == 0 || conn->state == MG_CONN_CLOSED)
        return;
    if (conn->deaf)
        drop(conn, bytes.len);
    else
        keep_ahead(conn, bytes);
}

static void ended(struct mg_conn *conn)
{
    conn->ended = true;
    conn->reading = false;
    switch (conn->state) {
    case MG_CONN_BODY:
        conn->deaf = true;
        if (conn->early)
            mg_conn_send(conn, conn->early);
        else if (conn->replying)
            mg_conn_cut(conn, true);
        else
            leave(conn);
        break;
    case MG_CONN_ANSWER:
        leave(conn);
        break;
    case MG_CONN_WRITE:
        if (conn->replying && !conn->out.whole)
            mg_conn_cut(conn, true);
        break;
    case MG_CONN_SENT:
        break;
    default:
        mg_conn_close(conn);
    }
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct mg_conn *conn = handle->data;
    size_t room = MG_NET_SCRATCH;
    if (!parsing(conn) && !conn->deaf) {
        size_t left = conn->net->limits->pipelined - mg_conn_waiting(conn);
        room = left < room ? left : room;
    }
    *buf = uv_buf_init(conn->net->scratch, (unsigned)room);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct mg_conn *conn = stream->data;
    if (count > 0)
        arrived(conn, (struct mg_str){buf->base, (size_t)count});
    else if (count == UV_EOF)
        ended(conn);
    else if (count < 0)
        mg_conn_cut(conn, false);
}

bool mg_conn_read_on(struct mg_conn *conn)
{
    if (!conn->reading && !conn->ended)
        conn->reading = uv_read_start(mg_conn_stream(conn), on_room, on_read) == 0;
    return conn->reading;
}

void mg_conn_read_off(struct mg_conn *conn)
{
    uv_read_stop(mg_conn_stream(conn));
    conn->reading = false;
    if (conn->state == MG_CONN_ANSWER)
        await_answer(conn);
}

// What was read ahead, up to the end of the next request.
static void feed_ahead(struct mg_conn *conn)
{
    struct mg_str input = mg_str_cut(mg_buf_str(&conn->ahead), conn->ahead_at, conn->ahead.len);
    feed(conn, &input);
    conn->ahead_at = conn->deaf ? conn->ahead.len : conn->ahead.len - input.len;
    if (conn->ahead_at == conn->ahead.len) {
        mg_buf_fini(&conn->ahead);
        conn->ahead_at = 0;
    }
}

void mg_conn_next(struct mg_conn *conn)
{
    if (!conn->keep) {
        mg_conn_part(conn);
        return;
    }
    mg_conn_change(conn, MG_CONN_IDLE);
    mg_conn_until(conn, now(conn) + conn->net->limits->idle_ms);
    if (mg_conn_waiting(conn))
        feed_ahead(conn);
    if (conn->state == MG_CONN_CLOSED)
        return;
    if (parsing(conn) && conn->ended)
        ended(conn);
    else if (conn->state == MG_CONN_IDLE && conn->net->draining)
        mg_conn_retire(conn);
    else if (!conn->ended && mg_conn_waiting(conn) < conn->net->limits->pipelined &&
             !mg_conn_read_on(conn))
        mg_conn_cut(conn, false);
}

void mg_conn_overdue(struct mg_conn *conn)
{
    if (conn->state == MG_CONN_HEAD)
        refuse_head(conn, 408, "The request's head did not come in time.");
    else
        mg_conn_refuse(conn, 408, "The body did not come in time.");
}

// A reply that comes before its request has: worth waiting for the rest?
static bool rest_is_small(const struct mg_conn *conn)
{
    int64_t length = mg_request_parser_length(conn->parser);
    if (length < 0)
        return !conn->request->has_body;
    return length <= drop_small && (length == 0 || !mg_request_parser_expects(conn->parser));
}

void mg_conn_reply(struct mg_conn *conn, struct mg_request *request, const struct mg_reply *reply)
{
    if (conn->state == MG_CONN_CLOSED)
        return;
    assert((conn->told || conn->leaving) && conn->request == request && !conn->early);
    if (conn->state == MG_CONN_BODY && rest_is_small(conn)) {
        conn->early = reply;
        if (conn->idling)
            mg_conn_read_body(conn, request);
        return;
    }
    if (conn->state == MG_CONN_BODY)
        conn->deaf = true;
    mg_conn_send(conn, reply);
}
