// A streamed request body on its way out: what of it goes into the next write, framed. Pure; the
// bytes are the supply's.
#ifndef MG_BACKEND_HTTP_UPLOAD_H
#define MG_BACKEND_HTTP_UPLOAD_H

#include "data/call.h"

enum { MG_HTTP_UPLOAD_PARTS = 2 };

struct mg_http_upload {
    bool chunked;
    bool begun;    // a chunk was opened
    bool over;     // nothing is left but `text`
    char text[24]; // framing that goes out before the next bytes
    unsigned text_at, text_len;
    uint64_t left; // of the open chunk, or of the announced length
};

// `length`: -1: chunked (RFC 9112 §7.1).
void mg_http_upload_begin(struct mg_http_upload *upload, int64_t length);

// The next bytes, up to MG_HTTP_UPLOAD_PARTS of them in `parts`; 0: there are none now. NULL stands
// for a supply that has ended and shows nothing.
unsigned mg_http_upload_parts(struct mg_http_upload *upload, struct mg_supply *supply,
                              struct mg_str *parts);

// `len` bytes of those parts are out.
void mg_http_upload_sent(struct mg_http_upload *upload, struct mg_supply *supply, size_t len);

// All is out.
bool mg_http_upload_over(const struct mg_http_upload *upload);

#endif
