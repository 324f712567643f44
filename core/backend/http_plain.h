// Plain HTTP/1.1 over sockets of our own: what libcurl does for the other services, with fewer
// system calls. A kept connection stays watched, a request is one write, a small answer one read.
#ifndef MG_BACKEND_HTTP_PLAIN_H
#define MG_BACKEND_HTTP_PLAIN_H

#include "backend/http_transport.h"
#include "loop/loop.h"

// For http URLs only. `connections`: beyond which none is kept for the next exchange. NULL: no
// memory.
struct mg_http_transport *mg_http_plain_new(struct mg_loop *loop, unsigned connections);
// Of one that was never used.
void mg_http_plain_free(struct mg_http_transport *transport);

#endif
