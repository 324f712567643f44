// The member `dev` of a problem under --dev: a report and the request's calls for a program.
#ifndef MG_GATEWAY_MEMBERS_H
#define MG_GATEWAY_MEMBERS_H

#include "gateway/report.h"
#include "gateway/trace.h"

// A JSON object in the exchange's arena; empty when there is no memory. `broken` is about what does
// not load, NULL when all does.
struct mg_str mg_members_of(const struct mg_report *report, const struct mg_report *broken,
                            const struct mg_trace *trace);

#endif
