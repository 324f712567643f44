// What carries HTTP exchanges to backends: libcurl now, others beside it later, all below the same
// queue, limits and rules (backend/http). One transport per worker, used on its loop only.
#ifndef MG_BACKEND_HTTP_TRANSPORT_H
#define MG_BACKEND_HTTP_TRANSPORT_H

#include "backend/resolver.h"
#include "backend/url.h"
#include "data/call.h"

struct mg_http_transfer;

enum mg_http_flow {
    MG_HTTP_ON,
    MG_HTTP_PAUSE, // read no more until resume; what was handed over counts as taken
    MG_HTTP_STOP,  // it is of no use: the end comes soon, as MG_CANCELLED
};

// What the transport tells its user, in this order, in later turns than start. The user may start,
// cut or resume any transfer from within, this one included. After the end it is forgotten.
struct mg_http_events {
    // The answer's head; not for 1xx. The fields are borrowed; each is a token and a clean value,
    // and those of the framing say one thing only (http/response_gate.h).
    enum mg_http_flow (*head)(struct mg_http_transfer *transfer, int status,
                              const struct mg_headers *headers);
    enum mg_http_flow (*data)(struct mg_http_transfer *transfer, struct mg_str bytes);
    // MG_OK: the answer was whole. Else the kind of failure and a line for people.
    void (*end)(struct mg_http_transfer *transfer, enum mg_status error, const char *message);
};

// What is sent, read during start only.
struct mg_http_order {
    enum mg_method method;
    struct mg_url site;                   // where it goes
    const struct mg_addresses *addresses; // of its host; NULL where the host is an address
    const struct mg_header *headers;      // checked; the transport adds none but Host (where there
    unsigned header_count;                // is none) and Content-Length
    bool has_body;                        // it is the transfer's
    bool chunked;                         // the length of its supply is not known
    uint64_t connect_ms;                  // until the connection stands
    size_t head_most;                     // bytes of the answer's header sections, 1xx included
};

// One request and its answer; embedded in its user's.
struct mg_http_transfer {
    const struct mg_http_events *events;
    struct mg_str body; // kept by the user until the end; may move meanwhile, with the same bytes
    // In place of `body`, and then the request goes out at most once whatever its method, and an
    // answer that is whole before the supply has ended is the end. The user may set it to NULL once
    // the supply has ended and shows nothing.
    struct mg_supply *supply;
    void *inner; // the transport's; NULL when it is not under way
};

// A streamed body that is not out when its call is given up cannot come any more: its request is no
// whole one to anybody.
static inline bool mg_http_transfer_is_out(const struct mg_http_transfer *transfer)
{
    struct mg_supply *supply = transfer->supply;
    return !supply || (supply->ended && supply->look(supply).len == 0);
}

struct mg_http_transport {
    // Ends with the end event. A method that is not safe goes out at most once; a safe one may go
    // again if a kept connection dies before it brought a byte. False, and nothing will happen:
    // no memory.
    bool (*start)(struct mg_http_transport *transport, struct mg_http_transfer *transfer,
                  const struct mg_http_order *order);
    // True when its first byte may have been sent.
    bool (*sent)(struct mg_http_transport *transport, struct mg_http_transfer *transfer);
    void (*resume)(struct mg_http_transport *transport, struct mg_http_transfer *transfer);
    // The transfer's supply has more, or has ended. No event comes of it at once.
    void (*feed)(struct mg_http_transport *transport, struct mg_http_transfer *transfer);
    // No more events; its connection is closed within this turn or the next.
    void (*cut)(struct mg_http_transport *transport, struct mg_http_transfer *transfer);
    // Nothing is under way: closes what is kept; closed(owner) in a later turn, it is gone then.
    void (*close)(struct mg_http_transport *transport, void (*closed)(void *owner), void *owner);
};

#endif
