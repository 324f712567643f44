// Spare blocks of one size: what is made and freed for every call or request is taken from here and
// given back, up to a number of them. One thread's. All-zeroes but for size and most is none.
#ifndef MG_BASE_SPARES_H
#define MG_BASE_SPARES_H

#include <stddef.h>

struct mg_spare;

struct mg_spares {
    size_t size;   // of each block; at least that of a pointer
    unsigned most; // kept at once
    unsigned count;
    struct mg_spare *first; // the one given back last
};

void *mg_spares_take(struct mg_spares *spares); // zeroed; NULL: no memory
void mg_spares_give(struct mg_spares *spares, void *block);
void mg_spares_fini(struct mg_spares *spares); // frees those that are kept

#endif
