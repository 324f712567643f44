// Client connections of one worker: bytes into requests, replies into bytes, with all limits and
// time-outs of the client side. Requests of a connection are answered one after the other
// (pipelining, RFC 9112 §9.3.2); reading stays armed meanwhile, so that a client that leaves is
// seen.
#ifndef MG_NET_CONN_H
#define MG_NET_CONN_H

#include <stdatomic.h>

#include "data/reply.h"
#include "data/request.h"
#include "http/date.h"
#include "http/request_parser.h"
#include "loop/loop.h"

struct mg_conn;

struct mg_conn_limits {
    struct mg_request_limits request; // must outlive every connection, like all of the limits
    uint64_t header_ms;    // from the first byte of a request to the end of its head; beyond: 408
    uint64_t body_idle_ms; // without a byte of the body: 408
    unsigned body_rate; // bytes a second a body must keep up on average, after the first idle time
    uint64_t idle_ms;   // between requests: closed without a word
    uint64_t write_ms;  // without the client taking a byte of a reply: reset
    unsigned requests;  // per connection, then "Connection: close"
    size_t pipelined;   // bytes read ahead while a request is answered, then reading stops; not 0
    uint64_t linger_ms; // after a close of ours: reading and dropping before it, at most 256 KiB
    unsigned connections; // of the process
};

// What the connection asks of whoever answers. All run on the worker's loop. For each request that
// `head` saw, exactly one of `sent` and `gone` is the last that is said of it; after it the
// connection holds no reference to the request or its reply.
struct mg_conn_handler {
    // The head is complete and checked; the request belongs to the callee from here on. It sets
    // request->body.limit (0: none; checked against Content-Length before reading: 413), or replies
    // at once. The request must stay until `sent` or `gone`. With request->streamed the body is
    // not collected: see `piece`.
    void (*head)(void *owner, struct mg_conn *conn, struct mg_request *request);
    // The body is complete (collected in request->body); a streamed one may have to come yet, but
    // nothing speaks against it. Not called when a reply was given before.
    void (*complete)(void *owner, struct mg_request *request);
    // A piece of a streamed body, borrowed, after `complete`. Empty: it has ended; not said when no
    // body was to come. False: read no more until mg_conn_read_body.
    bool (*piece)(void *owner, struct mg_request *request, struct mg_str bytes);
    // The socket has taken all of a streamed reply that was written so far, after mg_conn_write had
    // said false.
    void (*drained)(void *owner, struct mg_request *request);
    // A message refused after its head (413, 408, 400, 417; 500: no memory): the handler answers
    // it, at once or later; the connection closes after that.
    void (*refused)(void *owner, struct mg_request *request, int status, const char *detail);
    // The reply is out of the worker's hands.
    void (*sent)(void *owner, struct mg_request *request);
    // The client has left (closed its sending side, reset), or the reply could not be written. A
    // reply may still be given within this call: it is written if it can be (what the socket does
    // not take at once is copied, up to 256 KiB). Then it is forgotten: the request and the reply
    // may be freed within the call, after mg_conn_reply, and the connection must not be named
    // again.
    void (*gone)(void *owner, struct mg_request *request);
    // A request so broken that no head came of it: fills `reply` (a problem; memory in `arena`).
    void (*broken)(void *owner, struct mg_arena *arena, int status, const char *detail,
                   struct mg_reply *reply);
};

// What the connections of one worker share. The caller fills in the first five, then opens it.
struct mg_net {
    struct mg_loop *loop;
    const struct mg_conn_limits *limits;
    const struct mg_conn_handler *handler;
    void *owner;
    _Atomic unsigned *connections; // of the process, counted against limits->connections
    // The net's own:
    struct mg_list conns, listeners;
    struct mg_list replies; // to be written before this turn of the loop ends,
    uint64_t replies_since; // the first of them since then (ns)
    bool draining;
    uint64_t accept_ms;   // how long those connections had waited that were left to be accepted
    uint64_t accept_turn; // in this turn of the loop, the last that left any
    char date[MG_DATE_SIZE];
    int64_t date_at;              // the second that `date` says
    char *scratch;                // one read buffer for all connections
    struct mg_buf head;           // and one for the heads of replies
    struct mg_arena_store blocks; // of requests; it must outlive them
};

enum { MG_NET_SCRATCH = 64 * 1024, MG_NET_BLOCKS = 256 };

// The process must ignore SIGPIPE.
enum mg_status mg_net_init(struct mg_net *net);

// A place among the connections of the process. Whoever accepts takes one first; the connection
// gives it back when it has closed. False: there are as many as there may be.
bool mg_net_take(struct mg_net *net);
void mg_net_give(struct mg_net *net);

// How long (ms) connections wait to be accepted, as far as that is known; 0: they do not.
uint64_t mg_net_accept_wait(const struct mg_net *net);

// The Date field's value, made once a second.
struct mg_str mg_net_date(struct mg_net *net);

// Serves an accepted, non-blocking socket, for which a place was taken. False: no memory; socket
// and place are given back.
bool mg_conn_open(struct mg_net *net, int fd, const struct sockaddr *peer);

// Every reply from here on says "Connection: close". Idle connections have a moment (100 ms, at
// most linger_ms) for a request that is on its way, those that never asked anything all of
// linger_ms. The listeners are the caller's to close, before.
void mg_net_drain(struct mg_net *net);
bool mg_net_idle(const struct mg_net *net); // no connection is left
void mg_net_abort(struct mg_net *net);      // closes all that is left, replies cut
void mg_net_fini(struct mg_net *net);       // after it is idle and the loop has turned

// Answers the request that is being answered on this connection, once. `reply` and its bytes must
// stay until `sent` or `gone`. HEAD, 204, 304 are seen to here. Never calls the handler back
// directly. A reply given before the body has come waits for the rest of it when that is small and
// announced, otherwise it goes out at once and the connection closes after it.
void mg_conn_reply(struct mg_conn *conn, struct mg_request *request, const struct mg_reply *reply);

// How a streamed reply is framed.
struct mg_conn_stream {
    int64_t length;     // -1: not known
    struct mg_str date; // of whoever made it; empty: ours
};

// Begins a reply whose body comes by mg_conn_write, in place of mg_conn_reply, and says its head:
// status, headers and close of `reply`, which need not stay. It goes out with the first bytes, or
// in this turn. HEAD, 204, 304 are seen to here. While the request's body is still coming the
// connection closes after the reply. None of these calls the handler back directly.
void mg_conn_begin(struct mg_conn *conn, struct mg_request *request, const struct mg_reply *reply,
                   const struct mg_conn_stream *stream);
// Takes all bytes. False: the socket does not, what is left was copied; nothing more may be written
// until `drained`. At most what was announced, or it is cut.
bool mg_conn_write(struct mg_conn *conn, struct mg_request *request, struct mg_str bytes);
// The reply is whole; `sent` or `gone` follows. With less than was announced, it is cut.
void mg_conn_end(struct mg_conn *conn, struct mg_request *request);
// It never will be: the connection closes so that nobody can take it for whole; `gone` follows.
void mg_conn_break(struct mg_conn *conn, struct mg_request *request);
// Bytes of replies that the client's side has confirmed, ever.
uint64_t mg_conn_confirmed(struct mg_conn *conn);

// More of a streamed body is wanted: reads on, answers an expected 100 (Continue). Until it is
// called first, what comes by itself is handed over, but the client need not keep up any rate.
void mg_conn_read_body(struct mg_conn *conn, struct mg_request *request);

#endif
