// The memory of one exchange: allocations are never freed one by one, all end together, after the
// end-of-life hooks have run (last registered first). All-zeroes is an empty arena.
#ifndef MG_BASE_ARENA_H
#define MG_BASE_ARENA_H

#include "base/str.h"

struct mg_arena_block;
struct mg_arena_hook;

// Blocks that ended arenas have left for the next, so that a busy thread need not ask malloc. Of
// one thread; all-zeroes but for `most` is an empty store. It outlives its arenas.
struct mg_arena_store {
    struct mg_arena_block *spare;
    unsigned count, most; // blocks of 4 KiB
};

struct mg_arena {
    struct mg_arena_block *blocks; // newest first
    char *at, *end;                // free room in the newest
    struct mg_arena_hook *hooks;
    struct mg_arena_store *store; // NULL: none
    size_t used;                  // bytes of its blocks, for limits
    bool starved;                 // it had no memory once: what was made in it may lack a part
};

// Runs the hooks, frees all, leaves an empty arena. The arena itself may lie in its own memory.
void mg_arena_fini(struct mg_arena *arena);

void mg_arena_store_fini(struct mg_arena_store *store); // frees the blocks, leaves an empty store

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
