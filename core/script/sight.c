#include "script/sight.h"

#include <stdio.h>
#include <string.h>

void mg_sight_note(struct mg_sight *sight, const char *file, int line)
{
    unsigned ticks = atomic_load_explicit(&sight->ticks, memory_order_relaxed);
    atomic_store_explicit(&sight->ticks, ticks + 1, memory_order_relaxed);
    pthread_mutex_lock(&sight->lock);
    snprintf(sight->file, sizeof sight->file, "%s", file);
    sight->line = line;
    sight->of = atomic_load_explicit(&sight->begun, memory_order_relaxed);
    pthread_mutex_unlock(&sight->lock);
}

// Never waits: the thread may have been stopped with the lock in its hands.
bool mg_sight_place(struct mg_sight *sight, char file[MG_SIGHT_FILE], int *line)
{
    if (pthread_mutex_trylock(&sight->lock) != 0)
        return false;
    bool known = sight->line && sight->of == atomic_load(&sight->begun);
    memcpy(file, sight->file, MG_SIGHT_FILE);
    *line = sight->line;
    pthread_mutex_unlock(&sight->lock);
    return known;
}
