#include "data/fault.h"

#include <stdlib.h>

void mg_fault_put(struct mg_buf *out, const struct mg_fault *fault)
{
    mg_buf_put(out, fault->file);
    if (fault->line)
        mg_buf_printf(out, ":%d", fault->line);
    mg_buf_put(out, MG_STR(": "));
    mg_buf_put(out, fault->message);
}

void mg_faults_add(struct mg_faults *faults, struct mg_str file, int line, struct mg_str message)
{
    if (faults->count >= faults->cap) {
        unsigned cap = faults->cap ? faults->cap * 2 : 8;
        struct mg_fault *items = mg_arena_alloc(&faults->arena, cap * sizeof *items);
        if (!items) {
            faults->lost = true;
            return;
        }
        if (faults->count)
            memcpy(items, faults->items, faults->count * sizeof *items);
        faults->items = items;
        faults->cap = cap;
    }
    faults->items[faults->count++] = (struct mg_fault){mg_arena_copy(&faults->arena, file), line,
                                                       mg_arena_copy(&faults->arena, message)};
}

static int compare(const void *a, const void *b)
{
    const struct mg_fault *one = a, *other = b;
    int order = mg_str_cmp(one->file, other->file);
    return order ? order : (one->line > other->line) - (one->line < other->line);
}

void mg_faults_sort(struct mg_faults *faults)
{
    if (faults->items)
        qsort(faults->items, faults->count, sizeof *faults->items, compare);
}

void mg_faults_fini(struct mg_faults *faults)
{
    mg_arena_fini(&faults->arena);
    *faults = (struct mg_faults){0};
}
