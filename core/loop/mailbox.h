// The door into another thread's loop. Mail belongs to the box from the moment it is sent, and to
// the receiver when deliver runs. The box is emptied whole under a short lock, one wake-up a batch.
#ifndef MG_LOOP_MAILBOX_H
#define MG_LOOP_MAILBOX_H

#include <pthread.h>

#include "loop/loop.h"

struct mg_mail {
    struct mg_mail *next;                  // the box's own
    void (*deliver)(struct mg_mail *mail); // on the receiver's loop; may free the mail
};

// All-zeroes is not open.
struct mg_mailbox {
    uv_async_t wake;
    pthread_mutex_t lock;
    struct mg_mail *first, **last;
    bool open;
};

enum mg_status mg_mailbox_open(struct mg_mailbox *box, struct mg_loop *loop);

// Any thread. Order is kept per sender. False: the box is not open, the mail stays the sender's.
bool mg_mailbox_send(struct mg_mailbox *box, struct mg_mail *mail);

// Any thread, while the box is open: its loop turns, whether or not there is mail. Takes no lock
// that the receiver could hold.
void mg_mailbox_nudge(struct mg_mailbox *box);

// On the receiver's loop: delivers what is there, then closes the handle; the memory must stay
// until the loop has turned once more.
void mg_mailbox_close(struct mg_mailbox *box);

// After it has closed and no thread is left that might send: until then a send is refused.
void mg_mailbox_fini(struct mg_mailbox *box);

#endif
