// A request as the client sent it, checked. It owns the arena in which everything of its exchange
// lives: itself, headers, parameters, calls, results, the reply. Freed once, by the exchange's end.
#ifndef MG_DATA_REQUEST_H
#define MG_DATA_REQUEST_H

#include "base/buf.h"
#include "data/headers.h"
#include "data/method.h"

struct mg_param {
    struct mg_str name, value; // value: percent-decoded
};

enum { MG_PARAMS_MOST = 16 };

#define MG_PEER_LOCAL "unix" // who comes over a unix socket, which has no address

struct mg_request {
    struct mg_arena arena;
    enum mg_method method;
    struct mg_str target; // as it came, without scheme and authority
    struct mg_str path;   // of the target, still percent-encoded; starts with "/" ("*": OPTIONS *)
    struct mg_str query;  // what follows "?", still encoded; may be empty
    struct mg_str host;   // Host without port, lower case; the authority of an absolute target
    struct mg_str peer;   // the connection's other end, such as "127.0.0.1"; or MG_PEER_LOCAL
    struct mg_str ip;     // the client's address: peer, or what a trusted proxy says
    struct mg_str proto;  // "http" or "https": how the client came, as far as it is believed
    struct mg_str authority;     // Host as it came, with port
    struct mg_str forwarded_for; // X-Forwarded-For to send on: a trusted proxy's list, and peer
    struct mg_headers headers;
    struct mg_headers trailers; // kept apart; framing and routing fields dropped (RFC 9110 §6.5)
    struct mg_str id;           // X-Request-Id: of the client if sound, else made
    bool old;                   // HTTP/1.0
    bool has_body;              // a body was announced, even if it turns out empty
    int64_t body_length;        // as it was announced; -1: a body whose length is not known
    struct mg_buf body;         // collected body; its limit is set by whoever handles the head
    bool streamed; // set by the same: the body is not collected but handed over as it comes
    struct mg_param *params; // of the path, set by the router's caller; at most MG_PARAMS_MOST
    unsigned param_count;
    uint64_t began; // loop time in ms when the first byte of the head was read
    void *exchange; // who answers it; not looked at by net/
};

// Its arena takes blocks from the store, which may be NULL, and leaves them there. NULL: no memory.
struct mg_request *mg_request_new(struct mg_arena_store *store);
void mg_request_free(struct mg_request *request); // NULL allowed

#endif
