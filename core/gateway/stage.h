// A gateway on a stage, for tests of its routes: requests are parsed, routed and run as ever, by
// the same exchanges, plans and scripts, but its backends are stand-ins, and its clock moves when
// it is moved. A client is the other end of a socket pair, so that the client's side is the real
// one too. There are no other threads and nothing listens; one stage at a time.
#ifndef MG_GATEWAY_STAGE_H
#define MG_GATEWAY_STAGE_H

#include "gateway/standin.h"

struct mg_stage;

// Loads the gateway of a folder. NULL: `faults` says why not. Log lines go to its news from here
// on.
struct mg_stage *mg_stage_new(const char *dir, struct mg_faults *faults);
void mg_stage_free(struct mg_stage *stage); // NULL allowed

// A request begins: its bytes as a client sends them. Everything that can happen without time
// passing has happened when this, and each of those below, returns. Returns the number of the run,
// from 1 on; 0: no memory or descriptors.
unsigned mg_stage_drive(struct mg_stage *stage, struct mg_str bytes);
// Time goes on by so many ms; what falls due meanwhile falls due in its order.
void mg_stage_tick(struct mg_stage *stage, uint64_t ms);
// A call of that id ends so. False: it is not open.
bool mg_stage_answer(struct mg_stage *stage, unsigned id, const struct mg_result *answer);
void mg_stage_leave(struct mg_stage *stage, unsigned run); // its client closes the connection
// All runs end as if their clients had left and their calls were never answered, and are forgotten;
// what gate.shared holds is gone. Times in the news are counted from here on.
void mg_stage_clear(struct mg_stage *stage);

// What has happened since it was last asked, as the members of a JSON array (stage_news.h);
// borrowed until the stage is told anything.
struct mg_str mg_stage_news(struct mg_stage *stage);

// The bytes of a reply, and of what a call sends; empty when there is none.
struct mg_str mg_stage_reply(struct mg_stage *stage, unsigned run);
struct mg_str mg_stage_sent(struct mg_stage *stage, unsigned id);

const struct mg_generation *mg_stage_generation(const struct mg_stage *stage);

#endif
