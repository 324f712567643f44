#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct mg_arena_block {
    struct mg_arena_block *next;
    size_t size;
    _Alignas(max_align_t) char room[];
};

struct mg_arena_hook {
    struct mg_arena_hook *next;
    void (*end)(void *thing);
    void *thing;
};

enum {
    alignment = _Alignof(max_align_t),
    small_room = 4096 - sizeof(struct mg_arena_block), // of the blocks that a store keeps
    large_room = 65536,                                // no block is larger without need
};

// The sanitizers see no use of what has ended once it belongs to somebody else.
#ifdef MG_SANITIZED
enum { reuse = false };
#else
enum { reuse = true };
#endif

static struct mg_arena_block *take_block(struct mg_arena_store *store, size_t room)
{
    struct mg_arena_block *block;
    if (room == small_room && store && store->spare) {
        block = store->spare;
        store->spare = block->next;
        store->count--;
        return block;
    }
    block = malloc(sizeof *block + room);
    if (block)
        block->size = room;
    return block;
}

static void leave_block(struct mg_arena_store *store, struct mg_arena_block *block)
{
    if (!reuse || !store || block->size != small_room || store->count >= store->most) {
        free(block);
        return;
    }
    block->next = store->spare;
    store->spare = block;
    store->count++;
}

void mg_arena_store_fini(struct mg_arena_store *store)
{
    while (store->spare) {
        struct mg_arena_block *block = store->spare;
        store->spare = block->next;
        free(block);
    }
    store->count = 0;
}

void mg_arena_fini(struct mg_arena *arena)
{
    for (struct mg_arena_hook *hook = arena->hooks; hook; hook = hook->next)
        hook->end(hook->thing);
    struct mg_arena_block *block = arena->blocks;
    struct mg_arena_store *store = arena->store;
    *arena = (struct mg_arena){.store = store};
    while (block) {
        struct mg_arena_block *next = block->next;
        leave_block(store, block);
        block = next;
    }
}

// Each block is as large as all before it together, so that a second small one costs little and
// many bytes need few blocks.
static bool grow(struct mg_arena *arena, size_t size)
{
    size_t room =
        arena->used > small_room ? arena->used - sizeof(struct mg_arena_block) : small_room;
    if (room > large_room)
        room = large_room;
    if (room < size)
        room = size;
    struct mg_arena_block *block = take_block(arena->store, room);
    if (!block)
        return false;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->at = block->room;
    arena->end = block->room + room;
    arena->used += sizeof *block + room;
    return true;
}

void *mg_arena_alloc(struct mg_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size += !size; // an address for nothing, too: NULL says that there is no memory
    size = (size + alignment - 1) & ~(size_t)(alignment - 1);
    if ((size_t)(arena->end - arena->at) < size && !grow(arena, size)) {
        arena->starved = true;
        return NULL;
    }
    void *room = arena->at;
    arena->at += size;
    return room;
}

void *mg_arena_zero(struct mg_arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 2 / size)
        return NULL;
    void *room = mg_arena_alloc(arena, count * size);
    return room ? memset(room, 0, count * size) : NULL;
}

struct mg_str mg_arena_copy(struct mg_arena *arena, struct mg_str bytes)
{
    char *room = mg_arena_alloc(arena, bytes.len + 1);
    if (!room)
        return (struct mg_str){0};
    if (bytes.len)
        memcpy(room, bytes.data, bytes.len);
    room[bytes.len] = '\0';
    return (struct mg_str){room, bytes.len};
}

struct mg_str mg_arena_printf(struct mg_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = len < 0 ? NULL : mg_arena_alloc(arena, (size_t)len + 1);
    if (room)
        vsnprintf(room, (size_t)len + 1, format, again);
    va_end(again);
    return (struct mg_str){room, room ? (size_t)len : 0};
}

bool mg_arena_at_end(struct mg_arena *arena, void (*end)(void *thing), void *thing)
{
    struct mg_arena_hook *hook = mg_arena_alloc(arena, sizeof *hook);
    if (!hook)
        return false;
    *hook = (struct mg_arena_hook){arena->hooks, end, thing};
    arena->hooks = hook;
    return true;
}
