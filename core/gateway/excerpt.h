// Some lines of a file, around one of them. They are borrowed from its text.
#ifndef MG_GATEWAY_EXCERPT_H
#define MG_GATEWAY_EXCERPT_H

#include "base/str.h"

enum { MG_EXCERPT_AROUND = 4, MG_EXCERPT_LINES = 2 * MG_EXCERPT_AROUND + 1 };

struct mg_excerpt {
    int first; // number of the first line
    unsigned count;
    struct mg_str lines[MG_EXCERPT_LINES]; // without their ends
};

// None when the text has no such line.
struct mg_excerpt mg_excerpt_of(struct mg_str text, int line);

// A line as it is shown: a very long one is cut.
struct mg_str mg_excerpt_cut(struct mg_str line);

#endif
