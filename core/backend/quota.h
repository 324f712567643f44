// A bound that counts for the whole process, such as a service's at_once: taken and given back once
// per use by any worker. A worker that is refused registers, and is mailed when a place is free.
#ifndef MG_BACKEND_QUOTA_H
#define MG_BACKEND_QUOTA_H

#include "loop/mailbox.h"

struct mg_quota;      // shared by the workers, made by the gateway before they start
struct mg_quota_seat; // one worker's place at it

struct mg_quota *mg_quota_new(unsigned at_once, unsigned waiting);
void mg_quota_free(struct mg_quota *quota); // after the last seat has left

// `free` runs on the worker's loop when a place may be had again after a refused take, and only
// while something waits (mg_quota_wait_take): take until refused or nothing waits any more.
struct mg_quota_seat *mg_quota_join(struct mg_quota *quota, struct mg_mailbox *home,
                                    void (*free)(void *owner), void *owner);
// Before the mailbox closes, when the seat holds no place and nothing waits. NULL allowed.
void mg_quota_leave(struct mg_quota_seat *seat);

// False: none is free; `free` will be called, so enter the queue now or fail the call.
bool mg_quota_take(struct mg_quota_seat *seat);
void mg_quota_give(struct mg_quota_seat *seat);
bool mg_quota_wait_take(struct mg_quota_seat *seat); // a place in the queue; false: full (busy)
void mg_quota_wait_give(struct mg_quota_seat *seat);

#endif
