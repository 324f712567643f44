// What an exchange says to its client: the fields every reply carries, problems, planned replies.
#ifndef MG_GATEWAY_ANSWER_H
#define MG_GATEWAY_ANSWER_H

#include "gateway/exchange.h"

// Fills in what the head does not say: request id, the client's address, what to forward.
void mg_answer_identify(struct mg_exchange *exchange);

// A request id of our own; empty when there is no memory.
struct mg_str mg_answer_new_id(struct mg_worker *worker, struct mg_arena *arena);

// Makes exchange->reply a problem; names the request. A plain reply when there is no memory.
void mg_answer_problem(struct mg_exchange *exchange, struct mg_problem problem);

// 404, 405 with Allow, or the reply to OPTIONS; `methods`: what the path has, as the router says.
void mg_answer_no_route(struct mg_exchange *exchange, uint32_t methods);

// Makes exchange->reply what the plan's template, or the merge of its calls, says. False: no
// memory.
bool mg_answer_plan(struct mg_exchange *exchange);

enum { MG_ANSWER_HEADERS_MOST = 48 * 1024 }; // bytes of a reply's header fields; beyond: 500

bool mg_answer_fits(const struct mg_headers *headers);

// Names of calls come from keys of Lua tables: in a header what is no token character becomes "_".
void mg_answer_put_token(struct mg_buf *buf, struct mg_str name);

// Adds X-Request-Id and Moongate-Partial; under --dev what that shows.
void mg_answer_finish(struct mg_exchange *exchange);

// The failed calls as a JSON array; with `late`, those in flight count as timed out.
struct mg_str mg_answer_failed_calls(struct mg_exchange *exchange, bool late);

// Puts a fallback with placeholders in place of a failed call's body.
void mg_answer_fallback(struct mg_exchange *exchange, struct mg_asked *asked);

// Logs what a script raised, or what its author should know, with the request's id and route.
void mg_answer_log(struct mg_exchange *exchange, struct mg_str text);
void mg_answer_warn(struct mg_exchange *exchange, struct mg_str text);

#endif
