// How a call ended. Lies inside its call; its bytes live in the call's arena.
#ifndef MG_DATA_RESULT_H
#define MG_DATA_RESULT_H

#include "base/status.h"
#include "data/headers.h"

enum mg_body_form {
    MG_BODY_TEXT, // bytes as they came
    MG_BODY_JSON, // its Content-Type says JSON, or the backend made it so; validated
};

struct mg_result {
    bool landed;
    enum mg_status error;      // MG_OK, or the kind of the failure
    struct mg_str message;     // one line for people; empty when error is MG_OK
    int status;                // HTTP status; 200, or 404 for a file or row that is not there
    struct mg_headers headers; // of HTTP, and of a file that goes into a sink
    struct mg_str body;        // JSON text or bytes; empty when it failed
    enum mg_body_form form;
    bool fallback; // it failed, and `body` is what the call says to use instead
    uint32_t ms;   // from start to landing, queueing included
};

#endif
