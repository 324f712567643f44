// gate.value(x, { delay = ... }): a constant that lands as JSON after its delay. It holds no thread
// and no connection, only a timer.
#ifndef MG_BACKEND_VALUE_H
#define MG_BACKEND_VALUE_H

#include "backend/backend.h"

// Ended by mg_backend_close. NULL: no memory. call->value.json must last as long as call->arena.
struct mg_backend *mg_value_new(struct mg_loop *loop);

#endif
