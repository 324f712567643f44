// What the files of a connection share: conn.c (its life, states and time limits), conn_read.c
// (bytes in) and conn_write.c (replies out). For nobody else.
#ifndef MG_NET_CONN_INNER_H
#define MG_NET_CONN_INNER_H

#include "net/conn.h"

enum mg_conn_state {
    MG_CONN_IDLE,   // between requests: nothing of the next has come
    MG_CONN_HEAD,   // a request has begun
    MG_CONN_BODY,   // the handler knows of it; its body is being read; a streamed reply may go out
    MG_CONN_ANSWER, // the handler is at work
    MG_CONN_WRITE,  // the reply is going out
    MG_CONN_SENT,   // it is out; `sent` is said in a later turn
    MG_CONN_LINGER, // our side is shut; what still comes is dropped
    MG_CONN_CLOSED, // until libuv's close callback
    MG_CONN_STATES
};

enum {
    MG_CONN_DROPPED_MOST = 256 * 1024,  // bytes read for nothing after a refusal
    MG_CONN_FAREWELL_MOST = 256 * 1024, // bytes kept of a reply whose owner has let go of it
    MG_CONN_PEER = 48                   // an IPv6 address as text
};

// How far the reply has gone out: first the head, then the pieces from pieces[at] + offset on.
struct mg_conn_out {
    struct mg_str head; // and a small body; in the request's arena, or in `kept`
    struct mg_buf kept;
    const struct mg_str *pieces;
    unsigned at, count;
    size_t offset;
    size_t queued;     // bytes libuv holds
    uint64_t taken;    // bytes the socket took before those, of all replies
    uint64_t progress; // how many the client had confirmed when it was last looked at,
    uint64_t moved;    // and when that had last grown (loop time in ms)
    // Of a streamed reply:
    struct mg_buf next; // what came while libuv held `kept`
    bool chunked;       // its end has to be said
    bool whole;         // nothing is written any more
    bool blocked;       // the handler waits for `drained`
    bool bodiless;      // what is written goes nowhere
    uint64_t due;       // bytes that were announced and not written; counts down
    bool announced;     // there was a length
};

struct mg_conn {
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct mg_task later;  // what a reply given within a callback leads to
    struct mg_timer timer; // in the heap as long as the connection lives, often too early
    uint64_t deadline;     // the time limit of the state, loop time in ms; 0: none
    struct mg_list node;   // in net->conns
    struct mg_list ready;  // in net->replies: nothing of the reply was written yet
    struct mg_net *net;
    enum mg_conn_state state;
    bool reading;       // libuv reads from the socket
    bool ended;         // the client closed its sending side
    bool told;          // the handler knows `request`, and neither `sent` nor `gone` was said of it
    bool keep;          // serve another request after this one
    bool polite;        // it is the client that wants the close
    bool deaf;          // what comes is dropped, never parsed
    bool leaving;       // within `gone`
    bool failed;        // the reply could not be written
    bool reset;         // when it has failed: end with a reset
    bool streams;       // the request's body is handed over as it comes
    bool expecting;     // the client waits for 100 (Continue) before it sends that
    bool idling;        // no more of it is wanted for now, since
    uint64_t idling_at; // this time (loop time in ms)
    bool replying;      // a streamed reply has begun
    unsigned served;
    struct mg_request_parser *parser;
    struct mg_request *request;   // the connection's own until told
    const struct mg_reply *early; // waits for the rest of the body
    uint64_t body_began;          // loop time in ms
    uint64_t body_bytes;
    struct mg_buf ahead; // bytes of later requests, from ahead_at on
    size_t ahead_at;
    size_t dropped;
    struct mg_conn_out out;
    char peer[MG_CONN_PEER];
};

static inline uv_stream_t *mg_conn_stream(struct mg_conn *conn)
{
    return (uv_stream_t *)&conn->tcp;
}

static inline size_t mg_conn_waiting(const struct mg_conn *conn) // bytes read ahead
{
    return conn->ahead.len - conn->ahead_at;
}

// conn.c. The one place that changes the state; a transition that is not in its table is a bug.
void mg_conn_change(struct mg_conn *conn, enum mg_conn_state state);
void mg_conn_until(struct mg_conn *conn, uint64_t at); // sets the deadline; 0: none
void mg_conn_close(struct mg_conn *conn);              // at once
void mg_conn_part(struct mg_conn *conn);               // after a reply, so that it is read
void mg_conn_cut(struct mg_conn *conn, bool reset);    // and tells the handler, if it waits
void mg_conn_retire(struct mg_conn *conn);             // idle while the net drains

// conn_read.c
bool mg_conn_read_on(struct mg_conn *conn);
void mg_conn_read_off(struct mg_conn *conn);
void mg_conn_next(struct mg_conn *conn); // the reply is out: the next request, or the end
bool mg_conn_is_reset(struct mg_conn *conn);
void mg_conn_look(struct mg_conn *conn); // is a client still there that is not read from?
// Refuses a request that the handler knows of.
void mg_conn_refuse(struct mg_conn *conn, int status, const char *detail);
void mg_conn_overdue(struct mg_conn *conn); // the client did not send in time

// conn_stream.c
void mg_conn_begin_body(struct mg_conn *conn, bool more); // a streamed one is to come, or has begun
void mg_conn_take_piece(struct mg_conn *conn, struct mg_str data);
void mg_conn_end_body(struct mg_conn *conn);
void mg_conn_look_idle(struct mg_conn *conn);    // is a client still there that is not read from?
bool mg_conn_more(struct mg_conn *conn);         // puts the end of a streamed reply into `out`
void mg_conn_flush_stream(struct mg_conn *conn); // what is not with libuv

// conn_write.c. All may run within a call of the handler's, so they defer what they lead to.
void mg_conn_send(struct mg_conn *conn, const struct mg_reply *reply);
// As much of `out` as goes now; `later` has to do what that leads to.
void mg_conn_push(struct mg_conn *conn);
bool mg_conn_keep_rest(struct mg_conn *conn); // copies it; false: no memory
// The head of a reply, into out->head; false: no memory, or too large.
struct mg_reply_framing;
bool mg_conn_write_head(struct mg_conn *conn, const struct mg_reply *reply,
                        struct mg_reply_framing *framing);
bool mg_conn_keeps(const struct mg_conn *conn, const struct mg_reply *reply);
bool mg_conn_bodiless(const struct mg_conn *conn, const struct mg_reply *reply);
void mg_conn_flush(struct mg_net *net);      // writes what is ready
void mg_conn_continue(struct mg_conn *conn); // 100 (Continue)
void mg_conn_stalled(struct mg_conn *conn);  // looks whether the client still takes bytes

#endif
