// The gate: what llhttp 8.1 lets through, or answers less precisely than we do, and this server
// refuses. Each check takes a line or a head and says with which status it is refused. Pure.
#ifndef MG_HTTP_GATE_H
#define MG_HTTP_GATE_H

#include "data/request.h"

struct mg_refusal {
    int status;         // HTTP status of the answer; 0: nothing to refuse
    const char *detail; // one line for the client that quotes nothing of the request
};

// How the body of a request is framed (RFC 9112 §6).
struct mg_framing {
    bool chunked;
    bool has_length;
    uint64_t length; // of Content-Length; at most INT64_MAX
};

// A request line without CR LF (RFC 9112 §3) into method, target and version of the request.
// `target_most`: bytes of the target; beyond: 414. *authority: see mg_target_parse.
struct mg_refusal mg_gate_request_line(struct mg_request *request, struct mg_str line,
                                       size_t target_most, struct mg_str *authority);

// A field line, of the head or of the trailers, into name and value (RFC 9112 §5). A line that
// begins with white space would continue the one before (obs-fold, §5.2) and is refused. So are
// names with "_": a backend that reads environment variables takes "_" and "-" for the same.
struct mg_refusal mg_gate_field(struct mg_str line, struct mg_str *name, struct mg_str *value);

// All fields are in request->headers: exactly one sound Host in 1.1 (RFC 9112 §3.2), a framing of
// the body that nobody could read differently (§6). Sets request->host, has_body and id. With an
// absolute target the Host field is overwritten by its authority (§3.2.2).
struct mg_refusal mg_gate_head(struct mg_request *request, struct mg_str authority,
                               struct mg_framing *framing);

// The line that opens a chunk (RFC 9112 §7.1): *digits is its size, at most 16 of them; what
// follows are extensions, checked and then ignored.
struct mg_refusal mg_gate_chunk(struct mg_str line, struct mg_str *digits);

// Whether a trailer field of that name may be kept: none that frames, routes, authenticates or
// says how to read the body (RFC 9110 §6.5.1).
bool mg_gate_trailer(struct mg_str name);

#endif
