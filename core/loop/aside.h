// Asides: rare work that blocks and may hang for long, each on a thread of its own that nobody has
// to wait for. Where work is common, or always ends, a pool is the place (loop/pool.h).
#ifndef MG_LOOP_ASIDE_H
#define MG_LOOP_ASIDE_H

#include "loop/mailbox.h"

struct mg_asides; // those of one loop

// First member of what is done; malloc'd, and nobody's but the thread's until it is through.
struct mg_aside {
    struct mg_mail mail;
    struct mg_asides *asides;
    void (*run)(struct mg_aside *aside);  // on the thread
    void (*done)(struct mg_aside *aside); // then, on the loop, unless the asides were closed before
    void (*drop)(struct mg_aside *aside); // frees it: after done, or instead of it on any thread
};

struct mg_asides *mg_asides_new(struct mg_mailbox *home, unsigned most); // NULL: no memory
// On the loop, before its mailbox closes. What is still under way ends unheard. NULL allowed.
void mg_asides_close(struct mg_asides *asides);

// False: too many are under way, or there is no thread to have; the aside stays the caller's.
bool mg_aside_start(struct mg_asides *asides, struct mg_aside *aside);

#endif
