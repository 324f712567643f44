// Bytes of a connection into requests (RFC 9112), by llhttp in strict mode and a gate of our own
// behind it that refuses what llhttp 8.1 lets through. Pure: no sockets, no clock.
#ifndef MG_HTTP_REQUEST_PARSER_H
#define MG_HTTP_REQUEST_PARSER_H

#include "data/request.h"
#include "http/parse.h"

struct mg_request_limits {
    size_t target;     // bytes of the request target; beyond: 414
    size_t header;     // bytes of request line and header section; beyond: 431
    unsigned count;    // header fields; beyond: 431
    size_t trailer;    // bytes of the trailer section
    size_t extensions; // bytes of chunk extensions per message
};

struct mg_request_parser; // opaque: only the parsers see message.h, and so llhttp.h

// NULL: no memory. The limits are not copied and must outlive the parser.
struct mg_request_parser *mg_request_parser_new(const struct mg_request_limits *limits);
void mg_request_parser_free(struct mg_request_parser *parser);

// Makes it ready for the next request of the same connection, which is filled into `request`
// (headers, target and so on live in the request's arena: the input may go away after each feed).
void mg_request_parser_begin(struct mg_request_parser *parser, struct mg_request *request);

// Takes bytes from the front of *input and leaves the rest in it. Call again until it says MORE
// with nothing left, COMPLETE or REFUSED. After COMPLETE, what is left belongs to the next request.
enum mg_parse mg_request_parser_feed(struct mg_request_parser *parser, struct mg_str *input,
                                     struct mg_str *data);

bool mg_request_parser_started(const struct mg_request_parser *parser);    // a byte of it was taken
bool mg_request_parser_keep_alive(const struct mg_request_parser *parser); // after HEAD
// It is HTTP/1.1 and says "Expect: 100-continue", whether a body is to come or not. After HEAD.
bool mg_request_parser_expects(const struct mg_request_parser *parser);
// The announced Content-Length, or -1 when there is none (chunked, or no body). After HEAD.
int64_t mg_request_parser_length(const struct mg_request_parser *parser);

// After REFUSED: the status, and one line for the problem's detail that quotes nothing verbatim.
int mg_request_parser_refusal(const struct mg_request_parser *parser, const char **detail);

#endif
