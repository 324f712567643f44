// What a worker's connections call when requests arrive.
#ifndef MG_GATEWAY_ARRIVAL_H
#define MG_GATEWAY_ARRIVAL_H

#include "gateway/exchange.h"

extern const struct mg_conn_handler mg_arrival_handler; // its owner is the worker

#endif
