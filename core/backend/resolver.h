// Names of backends, looked up on a few threads of its own, never on a loop. Names of configured
// services are looked up at once and again every 30 s for as long as the process runs; when that
// fails, the last answer stays. Names that redirects bring are looked up when they are asked for
// and forgotten when nobody asks any more. Made by the gateway before the workers.
#ifndef MG_BACKEND_RESOLVER_H
#define MG_BACKEND_RESOLVER_H

#include <stdatomic.h>

#include "backend/address.h"
#include "loop/mailbox.h"

enum { MG_ADDRESSES_MOST = 8 }; // of one name; more are left out

// What a name stands for: never changed once made, counted, shared by all threads.
struct mg_addresses {
    _Atomic unsigned uses;
    unsigned count; // 1 to MG_ADDRESSES_MOST
    struct mg_address items[MG_ADDRESSES_MOST];
    char text[MG_ADDRESSES_MOST * MG_ADDRESS_TEXT]; // "127.0.0.1,[::1]"
};

void mg_addresses_drop(struct mg_addresses *addresses); // any thread; NULL allowed

struct mg_resolver_options {
    unsigned threads;     // 0: 2
    unsigned names;       // of redirects, kept or waiting, at most; 0: 64
    unsigned in_flight;   // of those, waiting or being looked up, at most; 0: 8
    uint64_t refresh_ms;  // 0: 30,000
    uint64_t patience_ms; // until a name that failed is tried again; 0: 1,000, then twice that ...
    // Fills items, returns how many, 0: none. Runs on a resolver thread and may block. NULL:
    // libc's.
    unsigned (*look_up)(void *owner, const char *name, struct mg_address items[MG_ADDRESSES_MOST]);
    void *owner;
};

struct mg_resolver;

struct mg_resolver *mg_resolver_new(const struct mg_resolver_options *options); // NULL: no memory
// After the last seat has left. Waits for look-ups, 1 s at most: the thread of one that hangs
// longer ends by itself, so `owner` must stay for its sake.
void mg_resolver_free(struct mg_resolver *resolver);

// A configured name: looked up now and kept fresh. False: no memory. Any thread.
bool mg_resolver_keep(struct mg_resolver *resolver, struct mg_str name);

enum mg_name_state {
    MG_NAME_KNOWN,
    MG_NAME_PENDING, // being looked up for the first time
    MG_NAME_UNKNOWN, // the look-up failed
    MG_NAME_BUSY,    // too many names are in flight, or no memory
};

// One worker's place at it; used on that worker's loop.
struct mg_resolver_seat;

struct mg_resolver_seat *mg_resolver_join(struct mg_resolver *resolver, struct mg_mailbox *home);
void mg_resolver_leave(struct mg_resolver_seat *seat); // nobody waits; before the mailbox closes

// Never blocks. KNOWN: *found is counted for the caller, who drops it.
enum mg_name_state mg_resolver_ask(struct mg_resolver_seat *seat, struct mg_str name,
                                   struct mg_addresses **found);

// Waits after PENDING: `again` runs, out of the list, when some answer has come: ask again then.
struct mg_name_wait {
    struct mg_list node;
    void (*again)(struct mg_name_wait *wait);
};
void mg_resolver_wait(struct mg_resolver_seat *seat, struct mg_name_wait *wait);
void mg_name_wait_drop(struct mg_name_wait *wait); // not waiting: no effect

#endif
