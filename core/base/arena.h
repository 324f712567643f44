// The memory of one exchange: allocations are never freed one by one, all end together, after the
// end-of-life hooks have run (last registered first). All-zeroes is an empty arena.
#ifndef MG_BASE_ARENA_H
#define MG_BASE_ARENA_H

#include "base/str.h"

struct mg_arena_block;
struct mg_arena_hook;

struct mg_arena {
    struct mg_arena_block *blocks; // newest first
    char *at, *end;                // free room in the newest
    struct mg_arena_hook *hooks;
    size_t used; // bytes asked of malloc, for limits
};

void mg_arena_fini(struct mg_arena *arena); // runs the hooks, frees all, leaves an empty arena

// Uninitialised memory aligned for any type; NULL when there is no memory.
void *mg_arena_alloc(struct mg_arena *arena, size_t size);

// Zeroed memory for `count` things of `size` bytes; NULL when there is no memory or it overflows.
void *mg_arena_zero(struct mg_arena *arena, size_t count, size_t size);

#define MG_ARENA_NEW(arena, type) ((type *)mg_arena_zero((arena), 1, sizeof(type)))

// A copy with a NUL behind it that does not count; data is NULL when there is no memory.
struct mg_str mg_arena_copy(struct mg_arena *arena, struct mg_str bytes);

// printf into the arena, NUL-terminated; data is NULL when there is no memory.
struct mg_str mg_arena_printf(struct mg_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Runs end(thing) when the arena ends. False, and nothing registered, when there is no memory.
bool mg_arena_at_end(struct mg_arena *arena, void (*end)(void *thing), void *thing);

#endif
