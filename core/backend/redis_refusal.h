// Commands that cannot be sent over a connection which all requests share: what they change stays,
// they wait, or their answers come unasked for. What is said of them to authors is in
// lua/moongate/redis.lua; this is the guard behind it.
#ifndef MG_BACKEND_REDIS_REFUSAL_H
#define MG_BACKEND_REDIS_REFUSAL_H

#include "data/call.h"

// Why not, or NULL. Names count in any case.
const char *mg_redis_refusal(const struct mg_redis_command *command);

#endif
