// The process that a service manager sees: it holds the listening sockets and a server process, and
// does nothing else. It runs no Lua, has no thread, and parses neither requests nor configuration,
// so that what ends a server process does not end it. One that has died is followed by another on
// the same sockets, so no connection is refused meanwhile; one that hangs, or says that a worker of
// it is stuck, is followed while it lives, and killed when its other requests have had their time.
#ifndef MG_GATEWAY_SUPERVISOR_H
#define MG_GATEWAY_SUPERVISOR_H

#include "gateway/gateway.h"

// Serves as the options say. `command` is the command line that leads here, with a NULL at its end:
// a successor is started with it. Returns the exit code, in the supervisor when all has ended: that
// of the server process, 128 and the signal if one ended it; and in server processes, too.
int mg_supervisor_serve(const struct mg_gateway_options *options, char *const *command);

#endif
