// A pass: the streaming end of an exchange. The plan's last call takes the client's body while it
// comes, and its answer goes to the client while it comes, both unread; whoever is slow stops the
// reading of the other side. It speaks to connection and backend by mg_conn_begin and mg_sink and
// knows nothing of what the backend is.
//
// `within` counts until the answer's head, and anew with each piece of the body that the backend
// has taken; while it is the client that is waited for, the client's limits count. From the head on
// `idle` counts: the time without progress in either direction.
#ifndef MG_GATEWAY_PASS_H
#define MG_GATEWAY_PASS_H

#include "gateway/exchange.h"

struct mg_pass;

// In the exchange's arena, before its calls start; NULL: no memory.
struct mg_pass *mg_pass_new(struct mg_exchange *exchange);
void mg_pass_fini(struct mg_pass *pass); // no call is in flight

// All other calls have landed: the call that passes. It is filled and started like any other,
struct mg_asked *mg_pass_asked(struct mg_pass *pass);
// and gets its sink, its supply and its times here.
void mg_pass_attach(struct mg_pass *pass, struct mg_call *call);
void mg_pass_landed(struct mg_pass *pass);

// What the connection says (mg_conn_handler).
bool mg_pass_piece(struct mg_pass *pass, struct mg_str bytes);
void mg_pass_drained(struct mg_pass *pass);

bool mg_pass_has_body(const struct mg_pass *pass); // all of the client's body, or there is none

#endif
