// The calls of an exchange for people and for programs: each as a bar on a time axis, or as JSON.
#ifndef MG_CLI_TIMELINE_H
#define MG_CLI_TIMELINE_H

#include "gateway/trace.h"

struct mg_timeline {
    unsigned width; // of a line, in characters; 0: as long as what is said of a call
    bool colours;
    bool blocks; // the terminal has more than ASCII
};

// As the descriptor's terminal is; plain and 100 wide where it is none.
struct mg_timeline mg_timeline_of(int fd);

// A line for each call; nothing when there is none.
void mg_timeline_put(struct mg_buf *out, const struct mg_timeline *timeline,
                     const struct mg_trace *trace);
// A JSON array.
void mg_timeline_put_json(struct mg_buf *out, const struct mg_trace *trace);

#endif
