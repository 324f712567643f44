// A reply's head as bytes (RFC 9112 §4, §5). Pure.
#ifndef MG_HTTP_REPLY_WRITER_H
#define MG_HTTP_REPLY_WRITER_H

#include "base/buf.h"
#include "data/reply.h"

struct mg_reply_framing {
    bool keep_alive; // else "Connection: close"
    bool old;        // the request was HTTP/1.0: keep-alive must be said, chunked must not be used
    bool head;       // the request was HEAD: same head as GET, no body
    bool chunked;    // the length is not known: Transfer-Encoding: chunked
    uint64_t length; // otherwise Content-Length
    struct mg_str date; // IMF-fixdate (RFC 9110 §5.6.7)
};

// Appends status line, fields, framing and the empty line. 204 and 304 get neither length nor
// coding (RFC 9110 §8.6). A field whose name or value is not sound is left out and makes it return
// false, so that nothing a script sets can split the reply.
bool mg_reply_write_head(struct mg_buf *buf, const struct mg_reply *reply,
                         const struct mg_reply_framing *framing);

#endif
