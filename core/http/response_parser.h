// Bytes of a connection to a backend into responses (RFC 9112), by llhttp in strict mode and the
// gate before it (response_gate.h). 1xx responses are skipped (RFC 9110 §15.2), trailers dropped.
// Pure: no sockets, no clock.
#ifndef MG_HTTP_RESPONSE_PARSER_H
#define MG_HTTP_RESPONSE_PARSER_H

#include "base/status.h"
#include "http/parse.h"
#include "http/response_gate.h"

// What a feed hands over. It may be shared by parsers that take turns.
struct mg_response {
    int status;                                       // after HEAD
    unsigned count;                                   // of fields, after HEAD
    struct mg_header fields[MG_RESPONSE_FIELDS_MOST]; // borrowed until the parser's next feed
    struct mg_str data;                               // after DATA: borrowed from the input
};

struct mg_response_parser; // opaque: only the parsers see message.h, and so llhttp.h

struct mg_response_parser *mg_response_parser_new(void); // NULL: no memory
void mg_response_parser_free(struct mg_response_parser *parser);

// Makes it ready for the next response of its connection. `to_head`: it answers a HEAD request, so
// there is no body, whatever it says. `header_most`: bytes of its status lines, header fields and
// trailers together, those of 1xx responses included.
void mg_response_parser_begin(struct mg_response_parser *parser, bool to_head, size_t header_most);

// Takes bytes from the front of *input and leaves the rest in it. Call again until it says MORE,
// COMPLETE or REFUSED; COMPLETE may come without any input being left. What is left then does not
// belong to the response.
enum mg_parse mg_response_parser_feed(struct mg_response_parser *parser, struct mg_str *input,
                                      struct mg_response *response);

// The connection has ended in an orderly way: whether that makes the response whole (RFC 9112 §8).
bool mg_response_parser_finish(struct mg_response_parser *parser);

// The connection may carry another response. After COMPLETE.
bool mg_response_parser_keep_alive(const struct mg_response_parser *parser);

// After REFUSED or a finish in vain: MG_MALFORMED, MG_TOO_LARGE, MG_RESET or MG_NO_MEMORY, and a
// line for people that quotes nothing of the response.
enum mg_status mg_response_parser_error(const struct mg_response_parser *parser,
                                        const char **message);

#endif
