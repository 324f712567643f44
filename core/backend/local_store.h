// The store in the memory of this process. It is bounded: what was not used for longest gives way.
// Keys are spread over shards, each under a lock of its own that is held for one look-up or change
// and never while anything else is called; so what gives way is the oldest of a shard.
#ifndef MG_BACKEND_LOCAL_STORE_H
#define MG_BACKEND_LOCAL_STORE_H

#include "data/store.h"

struct mg_local_store_options {
    size_t bytes;          // that all entries may take, with what it takes to keep them
    uint64_t (*now)(void); // ms that never go back; NULL: the monotonic clock
};

// NULL: no memory. A value may take a 64th of the bytes.
struct mg_store *mg_local_store_new(const struct mg_local_store_options *options);
void mg_local_store_free(struct mg_store *store); // no other thread asks any more; NULL allowed

struct mg_local_store_size {
    size_t entries, bytes;
};
struct mg_local_store_size mg_local_store_size(struct mg_store *store); // any thread

#endif
