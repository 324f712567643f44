// What the author of the routes is told of a failed request under --dev: what went wrong, and where
// in the files. Made once for a problem; the member `dev` and the page are written of it. What it
// says has its secrets taken out.
#ifndef MG_GATEWAY_REPORT_H
#define MG_GATEWAY_REPORT_H

#include "gateway/excerpt.h"
#include "gateway/mask.h"
#include "gateway/trouble.h"

struct mg_report_place {
    struct mg_str file;
    int line;               // 0: the file as a whole
    struct mg_str function; // its name; or empty
    struct mg_str message;  // what is wrong there, of what does not load; or empty
    struct mg_excerpt excerpt;
};

struct mg_report {
    int status;
    struct mg_str title, detail; // as the client without --dev is told
    const struct mg_str *body;   // the reply's pieces that say so
    struct mg_str errors;        // JSON array of what is wrong with the input, or empty
    struct mg_str error;         // what was raised, without its place; or empty
    bool raised;                 // the places are the way to where it was raised, innermost first;
                                 // else the one place is that of the route,
    bool of_call;                // or of its call
    bool loading;                // the places are all that does not load
    struct mg_report_place *places;
    unsigned count;
    struct mg_mask mask;
};

// Of a problem. In the exchange's arena; NULL: no memory.
struct mg_report *mg_report_new(struct mg_exchange *exchange, const struct mg_problem *problem);
// Of what does not load. NULL: all does, or no memory.
struct mg_report *mg_report_trouble(struct mg_exchange *exchange, struct mg_trouble *trouble);

#endif
