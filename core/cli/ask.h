// What `moongate call` is to ask, as its command line says it.
#ifndef MG_CLI_ASK_H
#define MG_CLI_ASK_H

#include "base/buf.h"
#include "data/method.h"

struct mg_ask {
    const char *dir;
    enum mg_method method;
    struct mg_str target; // path and query
    bool json;            // the answer is for a program
    struct mg_buf fields; // header lines, as they are sent
    bool has_host, has_type, has_agent, has_accept;
    bool has_body;
    struct mg_buf body;
};

// Reads DIR METHOD PATH [-H HEADER]... [-d BODY]... [--json]. Returns 0, or the exit code after
// having said what is wrong; end it in either case.
int mg_ask_read(struct mg_ask *ask, int argc, char **argv);
void mg_ask_fini(struct mg_ask *ask);

// The request as it is sent (RFC 9112). False: no memory.
bool mg_ask_write(const struct mg_ask *ask, struct mg_buf *out);

#endif
