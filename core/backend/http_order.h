// What goes out for a call: its URL and its header fields, checked here once more, since a CR or LF
// that slipped through would be a second request to whoever reads it.
#ifndef MG_BACKEND_HTTP_ORDER_H
#define MG_BACKEND_HTTP_ORDER_H

#include "backend/http_transport.h"
#include "data/call.h"

// A copy of ask.headers without those that speak of the connection or are the transport's to say
// (Content-Length, Expect), with "Accept: */*" where there is none. `foreign`: for a redirect to
// another origin, where only what is harmless goes along. MG_OK; MG_MALFORMED and *why, a line for
// people; MG_NO_MEMORY.
enum mg_status mg_http_order_fields(struct mg_http_order *order, const struct mg_http_ask *ask,
                                    bool foreign, struct mg_arena *arena, const char **why);

// *site: the service's URL with the call's path behind its own, borrowed from both or made in the
// arena. MG_OK; MG_MALFORMED and *why; MG_NO_MEMORY.
enum mg_status mg_http_order_site(struct mg_url *site, const struct mg_url *base,
                                  struct mg_str path, struct mg_arena *arena, const char **why);

#endif
