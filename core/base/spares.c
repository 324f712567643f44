#include "base/spares.h"

#include <stdlib.h>
#include <string.h>

struct mg_spare {
    struct mg_spare *next;
};

void *mg_spares_take(struct mg_spares *spares)
{
    struct mg_spare *spare = spares->first;
    if (!spare)
        return calloc(1, spares->size);
    spares->first = spare->next;
    spares->count--;
    return memset(spare, 0, spares->size);
}

void mg_spares_give(struct mg_spares *spares, void *block)
{
#ifdef MG_SANITIZED
    spares->most = 0; // sanitizers are to see that nobody looks at it any more
#endif
    if (spares->count >= spares->most) {
        free(block);
        return;
    }
    struct mg_spare *spare = block;
    spare->next = spares->first;
    spares->first = spare;
    spares->count++;
}

void mg_spares_fini(struct mg_spares *spares)
{
    while (spares->first) {
        struct mg_spare *spare = spares->first;
        spares->first = spare->next;
        free(spare);
    }
    spares->count = 0;
}
