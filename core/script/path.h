// The paths of calls that running code describes, cut into their pieces. Code asks for the same few
// paths again and again: those with placeholders are kept cut, as many as there is room for.
#ifndef MG_SCRIPT_PATH_H
#define MG_SCRIPT_PATH_H

#include "base/arena.h"
#include "plan/template.h"

enum {
    MG_PATHS_MOST = 64,     // kept by one state
    MG_PATH_LEN_MOST = 256, // bytes of one that is kept
};

// Lies where the address of its text says, which is the string's for as long as it is kept.
struct mg_path {
    const char *text; // NULL: none is kept here
    int ref;          // keeps the string
    struct mg_template cut;
    struct mg_arena arena; // of the pieces
};

struct mg_reading;

// The path of the call that is read. It stands until another is cut. Raises what is wrong with it.
const struct mg_template *l_path_cut(struct mg_reading *r);

void mg_paths_fini(struct mg_path *paths); // MG_PATHS_MOST of them

#endif
