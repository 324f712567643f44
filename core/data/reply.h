// What the client is sent. The body is a list of pieces, so that parts of backends' bodies go out
// without being copied; the bytes live in the exchange's arena or in results, until it was sent.
#ifndef MG_DATA_REPLY_H
#define MG_DATA_REPLY_H

#include "data/headers.h"

struct mg_reply {
    int status;                // 200 to 599; 1xx are the connection's own
    struct mg_headers headers; // without Date, Connection, Content-Length, Transfer-Encoding
    struct mg_str *pieces;
    unsigned piece_count;
    bool close; // close the connection after it
};

// The registered reason phrase of a status, or "" (RFC 9110 §15).
const char *mg_reply_reason(int status);

#endif
