// A link: one plain connection to a peer, by TCP or over a unix socket, and the exchange that it
// carries now. What is read from it is for http_plain.c to make sense of; here are the socket
// calls. Private to the plain path.
#ifndef MG_BACKEND_HTTP_LINK_H
#define MG_BACKEND_HTTP_LINK_H

#include "backend/http_sockets.h"
#include "backend/http_transport.h"
#include "backend/http_upload.h"
#include "http/response_parser.h"

struct mg_http_peer;

enum mg_http_link_state {
    MG_LINK_NEW,
    MG_LINK_DIALLING, // the connection does not stand yet
    MG_LINK_BUSY,     // it carries an exchange
    MG_LINK_KEPT,     // it waits for the next one
    MG_LINK_DEAD,     // closed; its memory goes in a later turn
};

struct mg_http_link {
    struct mg_list node; // among its peer's kept ones, or in a list of the transport
    struct mg_list aged; // kept: among those of all peers
    struct mg_http_peer *peer;
    struct mg_http_sockets *sockets;
    int fd; // -1: none
    enum mg_http_link_state state;
    uint64_t born, idle; // loop time in ms since when it stands, since when it is kept

    struct mg_timer timer; // while dialling
    uint64_t until;        // when dialling ends at the latest
    unsigned tried;        // how many of the addresses
    int wrong;             // errno of the last that failed
    struct mg_addresses *addresses;

    struct mg_http_transfer *transfer; // NULL: none
    struct mg_response_parser *parser; // NULL until the first byte of the first answer
    struct mg_buf request;        // its head; kept until the end, since it may have to go out again
    size_t body_len, sent;        // bytes behind that head; bytes of both that went out
    struct mg_http_upload upload; // what follows the head, if the body is streamed
    struct mg_buf held;           // what was read and not handed over, while it is paused
    uint64_t connect_ms;
    size_t head_most;
    int status;    // of the answer; 0: no head yet
    bool to_head;  // the method is HEAD
    bool safe;     // the method is
    bool streams;  // its body is streamed
    bool dry;      // nothing of it was there when it was last asked for
    bool reused;   // it had carried an exchange before this one
    bool heard;    // a byte came
    bool paused;   // nothing is read
    bool mute;     // no more is sent, though not all was
    bool broken;   // sending has failed
    bool answered; // the answer is whole, the request is still going out
    bool extra;    // bytes came that do not belong to it
};

struct mg_http_link *mg_http_link_new(struct mg_http_sockets *sockets); // NULL: no memory
void mg_http_link_free(struct mg_http_link *link);                      // its socket is closed

// Begins to connect to the next of its addresses; where the connection stands at once, the request
// goes out, too, and the state is BUSY. Nothing is watched yet; without a socket it is the timer
// that goes on. False: there is no more of them;
// `wrong` says what became of the last.
bool mg_http_link_dial(struct mg_http_link *link);
// While dialling, when the socket is ready: 0 and BUSY, or errno of what went wrong with this
// address.
int mg_http_link_outcome(struct mg_http_link *link);

// Sends what is left of the request, as much as goes. False: the connection takes no more.
bool mg_http_link_send(struct mg_http_link *link);
bool mg_http_link_sent_all(const struct mg_http_link *link);

// The first byte of an answer has come: the parser is made ready. False: no memory.
bool mg_http_link_expect(struct mg_http_link *link);

// Bytes read, 0 at the end of the connection, or -errno.
ssize_t mg_http_link_receive(struct mg_http_link *link, char *room, size_t len);
// True when nothing has come that was not asked for, the connection's end included.
bool mg_http_link_quiet(struct mg_http_link *link);

// Abrupt: with a reset, so that the peer knows at once and no TIME_WAIT is left.
void mg_http_link_close(struct mg_http_link *link, bool abrupt);

#endif
