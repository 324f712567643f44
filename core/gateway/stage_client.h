// A client on a stage: one request over one end of a socket pair, and its reply. It is kept until
// it is freed, long after its request has ended.
#ifndef MG_GATEWAY_STAGE_CLIENT_H
#define MG_GATEWAY_STAGE_CLIENT_H

#include "base/list.h"
#include "data/request.h"
#include "http/response_parser.h"

struct mg_stage_client {
    struct mg_list node;
    unsigned run;
    int fd;                        // -1: closed
    struct mg_buf out;             // the request,
    size_t sent;                   // so much of it is out
    struct mg_request *request;    // once its head was read, and as long as its exchange lives
    struct mg_response_parser *in; // NULL once the reply was told
    int status;                    // 0: no head of it has come
    struct mg_arena arena;         // of its fields
    struct mg_headers headers;
    struct mg_buf body;
};

// *fd is the gateway's end. NULL: no memory or descriptors.
struct mg_stage_client *mg_stage_client_new(struct mg_str bytes, int *fd);
void mg_stage_client_free(struct mg_stage_client *client); // no exchange of it lives
void mg_stage_client_close(struct mg_stage_client *client);

// Sends and reads what can be without waiting; true: there was something. *over: what came of the
// reply is all there will be, *whole or not; said once.
bool mg_stage_client_go_on(struct mg_stage_client *client, bool *over, bool *whole);

#endif
