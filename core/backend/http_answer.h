// An answer on its way into its call's result, whatever carried it: its body is collected up to the
// call's limit or handed to the call's sink, JSON validated.
#ifndef MG_BACKEND_HTTP_ANSWER_H
#define MG_BACKEND_HTTP_ANSWER_H

#include "backend/http_transport.h"
#include "data/call.h"

// All-zeroes at first. It has no memory of its own: what it collects belongs to the call's arena.
struct mg_http_answer {
    struct mg_buf *body; // of a length not known before; NULL until the first byte came
    char *room;          // of a length that was announced and is small; NULL: not that
    size_t len, announced;
    bool bodiless;        // to HEAD, 204, 304: no body, whatever the head says
    bool json;            // by its Content-Type
    enum mg_status error; // what is wrong with it, and a line about it
    const char *message;
};

// Headers that speak of the connection are left out of the result.
enum mg_http_flow mg_http_answer_head(struct mg_http_answer *answer, struct mg_call *call,
                                      int status, const struct mg_headers *headers);
enum mg_http_flow mg_http_answer_data(struct mg_http_answer *answer, struct mg_call *call,
                                      struct mg_str bytes);

// It is whole: MG_OK and the result is filled, or answer->error.
enum mg_status mg_http_answer_end(struct mg_http_answer *answer, struct mg_call *call);

#endif
