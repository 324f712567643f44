// A client that asks once: sends a request over a connection and reads the answer meanwhile, as far
// as it comes.
#ifndef MG_CLI_CLIENT_H
#define MG_CLI_CLIENT_H

#include "http/response_parser.h"

struct mg_client {
    // Told as the answer comes; what they are given is borrowed.
    void (*head)(void *owner, const struct mg_response *response);
    void (*data)(void *owner, struct mg_str bytes);
    void *owner;
};

// `fd` is non-blocking and stays the caller's. `to_head`: the request is a HEAD. Returns NULL when
// the answer was whole, else a line that says why it was not.
const char *mg_client_ask(int fd, struct mg_str request, bool to_head,
                          const struct mg_client *client);

#endif
