// Places are taken and given back by one atomic; the lock and the line of refused seats are touched
// only when there are none left. No wake-up is lost: who is refused enters the line and then tries
// once more, who gives back looks at the line afterwards, and a woken seat that leaves places over
// wakes the next one.
#include "backend/quota.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/apart.h"

struct mg_quota {
    _Alignas(MG_APART) unsigned at_once; // all that taking and giving look at, on one line
    unsigned waiting_most;
    _Atomic unsigned taken, waiting;
    _Atomic unsigned in_line; // length of the line, read without the lock
    pthread_mutex_t lock;     // of the line, and of each seat's `mailed`
    struct mg_list line;      // refused seats, next to be woken first
};

struct mg_quota_seat {
    struct mg_mail mail; // at most one is on its way
    struct mg_list node; // in the line
    struct mg_quota *quota;
    struct mg_mailbox *home;
    void (*free)(void *owner);
    void *owner;
    unsigned waiting; // places in the queue that this seat holds
    bool mailed;      // `mail` is on its way
    bool woken;       // `free` is running
    bool left;        // goes when `mail` has arrived and `free` has returned
};

struct mg_quota *mg_quota_new(unsigned at_once, unsigned waiting)
{
    struct mg_quota *quota = aligned_alloc(MG_APART, sizeof *quota);
    if (!quota)
        return NULL;
    *quota = (struct mg_quota){.at_once = at_once, .waiting_most = waiting};
    mg_list_init(&quota->line);
    if (pthread_mutex_init(&quota->lock, NULL) != 0) {
        free(quota);
        return NULL;
    }
    return quota;
}

void mg_quota_free(struct mg_quota *quota)
{
    if (!quota)
        return;
    assert(mg_list_empty(&quota->line));
    pthread_mutex_destroy(&quota->lock);
    free(quota);
}

static bool take(_Atomic unsigned *count, unsigned most)
{
    unsigned now = atomic_load(count);
    while (now < most)
        if (atomic_compare_exchange_weak(count, &now, now + 1))
            return true;
    return false;
}

// Mails under the lock, so that a seat that is not in the line and not `mailed` has none on its
// way.
static void wake_next(struct mg_quota *quota)
{
    if (!atomic_load(&quota->in_line))
        return;
    pthread_mutex_lock(&quota->lock);
    struct mg_list *node = mg_list_pop(&quota->line);
    if (node) {
        struct mg_quota_seat *seat = MG_OWNER(node, struct mg_quota_seat, node);
        atomic_fetch_sub(&quota->in_line, 1);
        seat->mailed = true;
        bool sent = mg_mailbox_send(seat->home, &seat->mail);
        assert(sent);
        (void)sent;
    }
    pthread_mutex_unlock(&quota->lock);
}

static void pass_on(struct mg_quota *quota)
{
    if (atomic_load(&quota->taken) < quota->at_once)
        wake_next(quota);
}

static void arrive(struct mg_mail *mail)
{
    struct mg_quota_seat *seat = MG_OWNER(mail, struct mg_quota_seat, mail);
    if (seat->left) {
        free(seat);
        return;
    }
    struct mg_quota *quota = seat->quota;
    pthread_mutex_lock(&quota->lock);
    seat->mailed = false;
    pthread_mutex_unlock(&quota->lock);
    if (seat->waiting) {
        seat->woken = true;
        seat->free(seat->owner);
        seat->woken = false;
    }
    if (seat->left && !seat->mailed)
        free(seat);
    pass_on(quota);
}

struct mg_quota_seat *mg_quota_join(struct mg_quota *quota, struct mg_mailbox *home,
                                    void (*free)(void *owner), void *owner)
{
    struct mg_quota_seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return NULL;
    seat->mail.deliver = arrive;
    seat->quota = quota;
    seat->home = home;
    seat->free = free;
    seat->owner = owner;
    return seat;
}

// A seat that was woken and got too little keeps its turn; any other goes to the end of the line.
static void enter_line(struct mg_quota_seat *seat)
{
    struct mg_quota *quota = seat->quota;
    pthread_mutex_lock(&quota->lock);
    if (!seat->mailed && !mg_list_in(&seat->node)) {
        mg_list_push(seat->woken ? quota->line.next : &quota->line, &seat->node);
        atomic_fetch_add(&quota->in_line, 1);
    }
    pthread_mutex_unlock(&quota->lock);
}

// True when a mail to the seat is on its way nevertheless.
static bool leave_line(struct mg_quota_seat *seat)
{
    struct mg_quota *quota = seat->quota;
    pthread_mutex_lock(&quota->lock);
    if (mg_list_in(&seat->node)) {
        mg_list_drop(&seat->node);
        atomic_fetch_sub(&quota->in_line, 1);
    }
    bool mailed = seat->mailed;
    pthread_mutex_unlock(&quota->lock);
    return mailed;
}

void mg_quota_leave(struct mg_quota_seat *seat)
{
    if (!seat)
        return;
    assert(!seat->waiting);
    struct mg_quota *quota = seat->quota;
    seat->left = true;
    bool mailed = leave_line(seat);
    if (!mailed && !seat->woken)
        free(seat);
    else
        pass_on(quota);
}

bool mg_quota_take(struct mg_quota_seat *seat)
{
    struct mg_quota *quota = seat->quota;
    if (take(&quota->taken, quota->at_once))
        return true;
    enter_line(seat);
    if (!take(&quota->taken, quota->at_once))
        return false;
    if (!seat->waiting)
        leave_line(seat);
    return true;
}

void mg_quota_give(struct mg_quota_seat *seat)
{
    atomic_fetch_sub(&seat->quota->taken, 1);
    wake_next(seat->quota);
}

bool mg_quota_wait_take(struct mg_quota_seat *seat)
{
    if (!take(&seat->quota->waiting, seat->quota->waiting_most)) {
        if (!seat->waiting)
            leave_line(seat);
        return false;
    }
    seat->waiting++;
    return true;
}

void mg_quota_wait_give(struct mg_quota_seat *seat)
{
    atomic_fetch_sub(&seat->quota->waiting, 1);
    if (--seat->waiting == 0)
        leave_line(seat);
}
