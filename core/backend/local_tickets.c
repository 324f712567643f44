#include "backend/local_tickets.h"

#include <stdlib.h>
#include <time.h>

#include "backend/ticket_book.h"
#include "base/log.h"

enum { seats_most = 256, orders_in_one = 256 };

struct tickets {
    struct mg_tickets base;
    struct mg_ticket_book *book;
    struct mg_local_tickets_options options;
    pthread_t thread;
    bool open; // the opener's
    // Under the lock:
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct mg_ticket_job *first, **last;
    struct mg_ticket_seat seats[seats_most];
    bool taken, resting, stopping, poked; // taken: the thread serves what is asked
    // The thread's:
    struct mg_ticket_counts counts;
    struct mg_ticket_order *orders; // to be sent after the commit
    uint64_t expires;               // ms of the wall clock; 0: nothing does
};

static uint64_t wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void give_back(struct mg_ticket_job *job)
{
    if (!job->home || !mg_mailbox_send(job->home, &job->mail))
        mg_ticket_job_free(job);
}

static void fail(struct mg_ticket_job *job, enum mg_status error, const char *message)
{
    mg_buf_fini(&job->body);
    job->error = error;
    job->message = message;
}

static void ask(struct mg_tickets *base, struct mg_ticket_job *job)
{
    struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    pthread_mutex_lock(&tickets->lock);
    bool taken = tickets->taken;
    job->next = NULL;
    if (taken) {
        *tickets->last = job;
        tickets->last = &job->next;
        pthread_cond_signal(&tickets->changed);
    }
    pthread_mutex_unlock(&tickets->lock);
    if (taken)
        return;
    fail(job, MG_BUSY, "no tasks are kept here");
    give_back(job);
}

static void poke(struct tickets *tickets)
{
    tickets->poked = true;
    pthread_cond_signal(&tickets->changed);
}

static void sit(struct mg_tickets *base, unsigned index, const struct mg_ticket_seat *seat)
{
    struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    pthread_mutex_lock(&tickets->lock);
    if (index < seats_most)
        tickets->seats[index] = *seat;
    poke(tickets);
    pthread_mutex_unlock(&tickets->lock);
}

static void rest(struct mg_tickets *base)
{
    struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    pthread_mutex_lock(&tickets->lock);
    tickets->resting = true;
    pthread_mutex_unlock(&tickets->lock);
}

// Under the lock. All seats are needed before anything is begun: an order could not be delivered.
static bool may_begin(const struct tickets *tickets)
{
    for (unsigned i = 0; i < tickets->options.seats; i++)
        if (!tickets->seats[i].mailbox)
            return false;
    return !tickets->resting;
}

// The next batch: jobs, or NULL when there is something else to do. False: it is time to end.
static bool take(struct tickets *tickets, struct mg_ticket_job **jobs, bool *begins)
{
    pthread_mutex_lock(&tickets->lock);
    while (!tickets->first && !tickets->stopping && !tickets->poked) {
        if (!tickets->expires) {
            pthread_cond_wait(&tickets->changed, &tickets->lock);
            continue;
        }
        struct timespec until = {(time_t)(tickets->expires / 1000) + 1, 0};
        if (pthread_cond_timedwait(&tickets->changed, &tickets->lock, &until) != 0)
            break;
    }
    *jobs = tickets->first;
    tickets->first = NULL;
    tickets->last = &tickets->first;
    tickets->poked = false;
    *begins = may_begin(tickets);
    bool on = *jobs || !tickets->stopping;
    pthread_mutex_unlock(&tickets->lock);
    return on;
}

// Full: what was queued before is still there, what is new is not taken.
static bool is_full(const struct tickets *tickets, const struct mg_ticket_job *job)
{
    return job->ask.verb == MG_TICKET_ADD && tickets->counts.queued >= tickets->options.waiting;
}

static void add_order(struct tickets *tickets, struct mg_ticket_order *order)
{
    order->next = tickets->orders;
    tickets->orders = order;
}

static void order_stop(struct tickets *tickets, struct mg_str id, int seat)
{
    struct mg_ticket_order *order = calloc(1, sizeof *order + id.len);
    if (!order)
        return; // it runs on, and its end is not recorded
    order->id = (struct mg_str){memcpy(order + 1, id.data, id.len), id.len};
    order->seat = (unsigned)seat % tickets->options.seats;
    order->stop = true;
    add_order(tickets, order);
}

static void do_jobs(struct tickets *tickets, struct mg_ticket_job *jobs, uint64_t now)
{
    for (struct mg_ticket_job *job = jobs; job; job = job->next) {
        int stopped = -1;
        if (is_full(tickets, job)) {
            fail(job, MG_BUSY, "as many tasks as may be are waiting");
            continue;
        }
        mg_ticket_book_do(tickets->book, job, now, tickets->options.result_most, &tickets->counts,
                          &stopped);
        if (stopped >= 0)
            order_stop(tickets, job->ask.id, stopped);
    }
}

static void begin_queued(struct tickets *tickets)
{
    for (int i = 0; i < orders_in_one && tickets->counts.queued &&
                    tickets->counts.running < tickets->options.at_once;
         i++) {
        struct mg_ticket_order *order = mg_ticket_book_next(tickets->book, tickets->options.seats);
        if (!order)
            return;
        tickets->counts.queued--;
        tickets->counts.running++;
        add_order(tickets, order);
    }
}

static void drop_orders(struct tickets *tickets)
{
    for (struct mg_ticket_order *order; (order = tickets->orders);) {
        tickets->orders = order->next;
        free(order);
    }
}

// One that nobody takes any more is queued again, for who comes next.
static void take_back(struct tickets *tickets, struct mg_ticket_order *order)
{
    const struct mg_ticket_ask again = {.verb = MG_TICKET_REQUEUE, .id = order->id};
    struct mg_ticket_job *job = order->stop ? NULL : mg_ticket_job_new(sizeof *job, &again);
    if (job)
        ask(&tickets->base, job);
    free(order);
}

static void send_orders(struct tickets *tickets)
{
    struct mg_ticket_order *order, *turned = NULL;
    while ((order = tickets->orders)) { // the oldest first
        tickets->orders = order->next;
        order->next = turned;
        turned = order;
    }
    while ((order = turned)) {
        turned = order->next;
        struct mg_ticket_seat seat;
        pthread_mutex_lock(&tickets->lock);
        seat = tickets->seats[order->seat];
        pthread_mutex_unlock(&tickets->lock);
        order->owner = seat.owner;
        order->mail.deliver = seat.deliver;
        if (!mg_mailbox_send(seat.mailbox, &order->mail)) {
            rest(&tickets->base);
            take_back(tickets, order);
        }
    }
}

static void give_all_back(struct mg_ticket_job *jobs, bool done)
{
    for (struct mg_ticket_job *job; (job = jobs);) {
        jobs = job->next;
        if (!done)
            fail(job, MG_SQL, "the file of tasks cannot be written");
        give_back(job);
    }
}

static void turn(struct tickets *tickets, struct mg_ticket_job *jobs, bool begins)
{
    uint64_t now = wall();
    bool done = mg_ticket_book_begin(tickets->book);
    if (done) {
        do_jobs(tickets, jobs, now);
        if (begins)
            begin_queued(tickets);
        tickets->expires = mg_ticket_book_expire(tickets->book, now);
        done = mg_ticket_book_commit(tickets->book);
    }
    if (!done) {
        mg_log(MG_LOG_ERROR, "the file of tasks cannot be written: %s", tickets->options.path);
        drop_orders(tickets);
        mg_ticket_book_count(tickets->book, &tickets->counts);
    }
    give_all_back(jobs, done);
    send_orders(tickets);
}

// There may be more to begin than one turn does.
static bool has_more(const struct tickets *tickets, bool begins)
{
    return begins && tickets->counts.queued && tickets->counts.running < tickets->options.at_once;
}

static void *work(void *owner)
{
    struct tickets *tickets = owner;
    struct mg_ticket_job *jobs;
    bool begins;
    while (take(tickets, &jobs, &begins)) {
        turn(tickets, jobs, begins);
        if (has_more(tickets, begins)) {
            pthread_mutex_lock(&tickets->lock);
            poke(tickets);
            pthread_mutex_unlock(&tickets->lock);
        }
    }
    return NULL;
}

struct mg_tickets *mg_local_tickets_new(void)
{
    struct tickets *tickets = calloc(1, sizeof *tickets);
    if (!tickets)
        return NULL;
    tickets->base = (struct mg_tickets){ask, sit, rest};
    tickets->last = &tickets->first;
    pthread_mutex_init(&tickets->lock, NULL);
    pthread_cond_init(&tickets->changed, NULL);
    return &tickets->base;
}

bool mg_local_tickets_open(struct mg_tickets *base, const struct mg_local_tickets_options *options,
                           struct mg_buf *why)
{
    struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    tickets->options = *options;
    tickets->options.path = strdup(options->path);
    tickets->book = tickets->options.path ? mg_ticket_book_open(options->path, why) : NULL;
    if (tickets->book && mg_ticket_book_recover(tickets->book, wall()) &&
        mg_ticket_book_count(tickets->book, &tickets->counts)) {
        tickets->open = pthread_create(&tickets->thread, NULL, work, tickets) == 0;
        pthread_mutex_lock(&tickets->lock);
        tickets->taken = tickets->open;
        poke(tickets);
        pthread_mutex_unlock(&tickets->lock);
    }
    if (tickets->open) {
        pthread_setname_np(tickets->thread, "tasks");
        return true;
    }
    if (!why->len)
        mg_buf_printf(why, "tasks: %s cannot be used", options->path);
    mg_ticket_book_close(tickets->book);
    free((char *)tickets->options.path);
    tickets->book = NULL;
    tickets->options.path = NULL;
    return false;
}

bool mg_local_tickets_is_open(const struct mg_tickets *base)
{
    return MG_OWNER(base, struct tickets, base)->open;
}

void mg_local_tickets_stop(struct mg_tickets *base)
{
    struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    if (!tickets->open)
        return;
    pthread_mutex_lock(&tickets->lock);
    tickets->stopping = tickets->resting = true;
    pthread_cond_signal(&tickets->changed);
    pthread_mutex_unlock(&tickets->lock);
    pthread_join(tickets->thread, NULL);
    tickets->open = false;
}

void mg_local_tickets_free(struct mg_tickets *base)
{
    if (!base)
        return;
    struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    mg_ticket_book_close(tickets->book);
    free((char *)tickets->options.path);
    pthread_mutex_destroy(&tickets->lock);
    pthread_cond_destroy(&tickets->changed);
    free(tickets);
}
