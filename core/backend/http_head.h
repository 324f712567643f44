// The head of an answer, line by line: for transports whose library hands lines over but is more
// forgiving than we are. 1xx heads are skipped, trailers are not kept.
#ifndef MG_BACKEND_HTTP_HEAD_H
#define MG_BACKEND_HTTP_HEAD_H

#include "base/buf.h"
#include "http/response_gate.h"

struct mg_http_head {
    size_t left;          // bytes that heads and trailers may still have; set before each answer
    int status;           // 0: no status line yet
    bool whole;           // the final one has ended
    unsigned skipped;     // fields of the 1xx head that is coming in
    enum mg_status error; // what is wrong with it, and a line about it
    const char *message;
    struct mg_buf lines; // of the head that is coming in
};

void mg_http_head_begin(struct mg_http_head *head, size_t most);
void mg_http_head_fini(struct mg_http_head *head);

// A line as it came, its end included. False: head->error. The line at which head->whole becomes
// true is the time for mg_http_head_parse.
bool mg_http_head_line(struct mg_http_head *head, struct mg_str line);

// Cuts the fields: each a token and a value without control bytes. They borrow from the head.
// False: head->error.
bool mg_http_head_parse(struct mg_http_head *head, struct mg_header items[MG_RESPONSE_FIELDS_MOST],
                        unsigned *count);

#endif
