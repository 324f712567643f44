// The page that a browser is shown in place of a problem under --dev. It is whole in itself: no
// script, nothing that is fetched from elsewhere.
#ifndef MG_GATEWAY_PAGE_H
#define MG_GATEWAY_PAGE_H

#include "gateway/report.h"
#include "gateway/trace.h"

// In the exchange's arena; empty when there is no memory.
struct mg_str mg_page_of(const struct mg_report *report, const struct mg_trace *trace);

// Its Content-Security-Policy: its own style, known by its digest, and nothing else.
struct mg_str mg_page_policy(struct mg_arena *arena);

extern const char mg_page_style[]; // CSS

// The calls on their axis of time.
void mg_page_put_calls(struct mg_buf *page, const struct mg_trace *trace);

#endif
