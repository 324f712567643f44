// What is wrong with a gateway's files: collected while loading, so that all of it is told at once.
#ifndef MG_DATA_FAULT_H
#define MG_DATA_FAULT_H

#include "base/arena.h"
#include "base/buf.h"

struct mg_fault {
    struct mg_str file; // relative to the gateway's folder
    int line;           // from 1 on; 0: the file as a whole
    struct mg_str message;
};

void mg_fault_put(struct mg_buf *out, const struct mg_fault *fault); // "file:line: message"

struct mg_faults {
    struct mg_arena arena;
    struct mg_fault *items;
    unsigned count, cap;
    bool lost; // there was no memory to say more
};

// Copies what it is given.
void mg_faults_add(struct mg_faults *faults, struct mg_str file, int line, struct mg_str message);
static inline bool mg_faults_any(const struct mg_faults *faults)
{
    return faults->count || faults->lost;
}
void mg_faults_sort(struct mg_faults *faults); // by file, then line
void mg_faults_fini(struct mg_faults *faults);

#endif
