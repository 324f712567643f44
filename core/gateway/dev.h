// What `serve --dev` adds to replies, for the author of the routes; without it nothing of this is
// told to anybody. A failure says where in which file, how the code came there and what became of
// each call: as the member `dev` of the problem, or as a page when a browser asks. Each reply says
// how long its calls took, and what of the files does not load.
#ifndef MG_GATEWAY_DEV_H
#define MG_GATEWAY_DEV_H

#include "gateway/exchange.h"
#include "gateway/trouble.h"

struct mg_dev {
    struct mg_trouble trouble;
};

// Adds to a problem what the author wants to know of it.
void mg_dev_explain(struct mg_exchange *exchange, struct mg_problem *problem);

// True: some file does not load and a browser asks, which was shown that. Programs are served by
// the routes that are loaded, and told in a header.
bool mg_dev_trouble(struct mg_exchange *exchange);

// The reply is about to be given: its headers, and the page in place of a problem.
void mg_dev_finish(struct mg_exchange *exchange);

#endif
