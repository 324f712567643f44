// What happens on a stage, written as JSON objects, one behind the other with a comma:
//   {"event":"call","run":1,"id":3,"name":"profile","planned":true,"backend":"users","kind":"http",
//    "at":0, and what it asks}
//   {"event":"end","id":3,"how":"timeout","at":30000}
//   {"event":"reply","run":1,"status":200,"headers":[["Content-Type","text/plain"]],"whole":true}
//   {"event":"log","text":"..."}
#ifndef MG_GATEWAY_STAGE_NEWS_H
#define MG_GATEWAY_STAGE_NEWS_H

#include "gateway/standin.h"

void mg_stage_news_call(struct mg_buf *news, unsigned run, uint64_t at,
                        const struct mg_standin_call *call);
void mg_stage_news_end(struct mg_buf *news, uint64_t at, const struct mg_standin_call *call,
                       const char *how);
void mg_stage_news_reply(struct mg_buf *news, unsigned run, int status,
                         const struct mg_header *fields, unsigned count, bool whole);
void mg_stage_news_log(struct mg_buf *news, struct mg_str text);

#endif
