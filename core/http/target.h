// The request target (RFC 9112 §3.2) and the authority, of an absolute target or of the Host field
// (RFC 9110 §4.2, §7.2), into what the request says of them. Pure.
#ifndef MG_HTTP_TARGET_H
#define MG_HTTP_TARGET_H

#include "data/request.h"

// Fills request->target, path and query; request->method must be set. Of an absolute target
// (http or https) *authority is what stands between "//" and the path, else it is empty. False when
// the target is none that this server answers, or there is no memory.
bool mg_target_parse(struct mg_request *request, struct mg_str text, struct mg_str *authority);

// The host of "host", "host:port" or "[v6]:port" in lower case, made in the arena. Its data is NULL
// when it is not a sound one (no user, no path, no list), or there is no memory.
struct mg_str mg_authority_host(struct mg_arena *arena, struct mg_str authority);

#endif
