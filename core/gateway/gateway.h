// A gateway as a process: loads a folder, binds its sockets, runs its workers, ends in order.
#ifndef MG_GATEWAY_GATEWAY_H
#define MG_GATEWAY_GATEWAY_H

#include "base/buf.h"
#include "data/fault.h"

struct mg_control;

struct mg_gateway_options {
    const char *dir;
    const char *listen; // in place of gateway.lua's; NULL: as it says
    bool dev;           // failures are shown to whoever asks, with all that is known (gateway/dev)
    unsigned workers;   // in place of gateway.lua's; 0: as it says
    const struct mg_control *control; // to the supervisor; NULL: there is none
};

// Serves until SIGTERM or SIGINT, then drains. Returns the exit code: 0 done, 1 it could not start
// (stderr says why, line by line). From the main thread, once.
int mg_gateway_serve(const struct mg_gateway_options *options);

#endif
