#include "backend/local_tickets.h"

#include <stdlib.h>
#include <time.h>

#include "backend/ticket_book.h"
#include "base/log.h"
#include "base/now.h"

// jobs_most: that wait for the thread, but for those that nobody would repeat.
enum { jobs_most = 4096 };
enum { seats_most = 256, orders_in_one = 256, expire_in_one = 256 };
// When the file cannot be written, it is tried again after so long. What expires is collected for
// so long. The wall clock may be set: it is looked at again after so long.
enum { pause_ms = 1000, collect_ms = 1000, look_ms = 30000 };

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
    unsigned asked; // of them may be refused
    struct mg_ticket_seat seats[seats_most];
    unsigned round;                       // of the routes; 0: nothing is to be begun
    bool taken, resting, stopping, poked; // taken: the thread serves what is asked
    // The thread's:
    struct mg_ticket_counts counts;
    uint64_t used; // bytes of the file, at the beginning of a batch, and arguments that came since
    struct mg_ticket_order *orders; // to be sent after the commit
    struct mg_ticket_job *kept;     // that could not be written and must be
    uint64_t expires;               // ms of the wall clock; 0: nothing does
    uint64_t again;                 // ms of the monotonic clock: until then the file is left alone
    bool failing, more;             // failing: it was told; more: there may be more to begin
};

static uint64_t wall(void)
{
    return mg_now_ms(CLOCK_REALTIME);
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

// How a task has ended is told once: were it lost, the task would run for ever.
static bool is_told_once(const struct mg_ticket_job *job)
{
    return job->ask.verb == MG_TICKET_END || job->ask.verb == MG_TICKET_REQUEUE;
}

static void ask(struct mg_tickets *base, struct mg_ticket_job *job)
{
    struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    pthread_mutex_lock(&tickets->lock);
    bool kept_here = tickets->taken, bound = !is_told_once(job);
    bool taken = kept_here && (!bound || tickets->asked < jobs_most);
    job->next = NULL;
    if (taken) {
        tickets->asked += bound;
        *tickets->last = job;
        tickets->last = &job->next;
        pthread_cond_signal(&tickets->changed);
    }
    pthread_mutex_unlock(&tickets->lock);
    if (taken)
        return;
    fail(job, MG_BUSY,
         kept_here ? "too much is asked of the keeper of tasks" : "no tasks are kept here");
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
// The round that it is for, or 0.
static unsigned may_begin(const struct tickets *tickets)
{
    for (unsigned i = 0; i < tickets->options.seats; i++)
        if (!tickets->seats[i].mailbox)
            return 0;
    return tickets->resting ? 0 : tickets->round;
}

// How long the thread waits for what is asked, in ms; UINT64_MAX: for as long as nothing is.
static uint64_t patience(const struct tickets *tickets)
{
    uint64_t now = mg_now_ms(CLOCK_MONOTONIC), due = tickets->expires + collect_ms, time = wall();
    if (tickets->again)
        return tickets->again > now ? tickets->again - now : 0;
    if (tickets->more)
        return 0;
    if (!tickets->expires)
        return UINT64_MAX;
    uint64_t left = due > time ? due - time : 0;
    return left < look_ms ? left : look_ms;
}

// Under the lock. False: the time is over.
static bool wait_for(struct tickets *tickets, uint64_t ms, uint64_t until)
{
    const struct timespec at = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};
    if (ms == UINT64_MAX)
        return pthread_cond_wait(&tickets->changed, &tickets->lock) == 0;
    return ms && pthread_cond_timedwait(&tickets->changed, &tickets->lock, &at) == 0;
}

// The next batch: jobs, or NULL when there is something else to do. False: it is time to end.
static bool take(struct tickets *tickets, struct mg_ticket_job **jobs, unsigned *begins)
{
    uint64_t ms = patience(tickets), until = mg_now_ms(CLOCK_MONOTONIC) + ms;
    pthread_mutex_lock(&tickets->lock);
    while (!tickets->first && !tickets->stopping && !tickets->poked)
        if (!wait_for(tickets, ms, until))
            break;
    *jobs = tickets->first;
    tickets->first = NULL;
    tickets->last = &tickets->first;
    tickets->asked = 0;
    tickets->poked = false;
    *begins = may_begin(tickets);
    bool on = *jobs || !tickets->stopping;
    pthread_mutex_unlock(&tickets->lock);
    return on;
}

// Full: what was there before is still there, what is new is not taken. Why, or NULL.
static const char *is_full(const struct tickets *tickets, const struct mg_ticket_job *job)
{
    if (job->ask.verb != MG_TICKET_ADD)
        return NULL;
    if (tickets->counts.queued >= tickets->options.waiting)
        return "as many tasks as may be are waiting";
    return tickets->used >= tickets->options.file_most
               ? "the tasks that are kept fill their file (limits.tasks_file)"
               : NULL;
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

static void drop_orders(struct tickets *tickets, const struct mg_ticket_order *down_to)
{
    for (struct mg_ticket_order *order; (order = tickets->orders) != down_to;) {
        tickets->orders = order->next;
        free(order);
    }
}

// Writing

static void cannot_write(struct tickets *tickets)
{
    if (!tickets->failing)
        mg_log(MG_LOG_ERROR, "the file of tasks cannot be written: %s", tickets->options.path);
    tickets->failing = true;
    if (!tickets->again)
        tickets->again = mg_now_ms(CLOCK_MONOTONIC) + pause_ms;
}

static bool commit(struct tickets *tickets)
{
    bool wrote;
    if (!mg_ticket_book_commit(tickets->book, &wrote))
        return false;
    if (wrote && tickets->failing && !tickets->again) {
        mg_log(MG_LOG_INFO, "the file of tasks can be written again: %s", tickets->options.path);
        tickets->failing = false;
    }
    return true;
}

// False: the transaction is to be given up.
static bool do_job(struct tickets *tickets, struct mg_ticket_job *job, uint64_t now)
{
    const char *full = is_full(tickets, job);
    int stopped = -1;
    if (job->unwanted && job->ask.verb == MG_TICKET_ADD) {
        fail(job, MG_CANCELLED, "cancelled");
        return true;
    }
    if (full) {
        fail(job, MG_BUSY, full);
        return true;
    }
    if (!mg_ticket_book_do(tickets->book, job, now, tickets->options.result_most, &tickets->counts,
                           &stopped))
        return false;
    if (job->ask.verb == MG_TICKET_ADD)
        tickets->used += job->ask.text.len;
    if (stopped >= 0)
        order_stop(tickets, job->ask.id, stopped);
    return true;
}

// All of them, or none.
static bool do_together(struct tickets *tickets, struct mg_ticket_job *jobs, uint64_t now)
{
    const struct mg_ticket_counts before = tickets->counts;
    const struct mg_ticket_order *ordered = tickets->orders;
    struct mg_ticket_job *job = mg_ticket_book_begin(tickets->book) ? jobs : NULL;
    tickets->used = mg_ticket_book_used(tickets->book);
    while (job && do_job(tickets, job, now))
        job = job->next;
    if (commit(tickets))
        return true;
    tickets->counts = before;
    drop_orders(tickets, ordered);
    return false;
}

static void keep(struct tickets *tickets, struct mg_ticket_job *job)
{
    job->next = tickets->kept;
    tickets->kept = job;
}

static void do_alone(struct tickets *tickets, struct mg_ticket_job *job, uint64_t now)
{
    mg_buf_fini(&job->body);
    job->error = MG_OK;
    job->next = NULL;
    if (do_together(tickets, job, now)) {
        give_back(job);
        return;
    }
    cannot_write(tickets);
    if (is_told_once(job)) {
        keep(tickets, job);
        return;
    }
    if (job->error == MG_OK)
        fail(job, MG_SQL, "the file of tasks cannot be written");
    give_back(job);
}

// Together for the speed of it; when that fails, so that none fails for another's sake, alone.
static void do_jobs(struct tickets *tickets, struct mg_ticket_job *jobs, uint64_t now)
{
    bool done = jobs && do_together(tickets, jobs, now);
    for (struct mg_ticket_job *job; (job = jobs);) {
        jobs = job->next;
        if (done)
            give_back(job);
        else
            do_alone(tickets, job, now);
    }
}

static struct mg_ticket_job *with_kept(struct tickets *tickets, struct mg_ticket_job *jobs)
{
    for (struct mg_ticket_job *job; (job = tickets->kept);) {
        tickets->kept = job->next;
        job->next = jobs;
        jobs = job;
    }
    return jobs;
}

// True: there may be more to begin.
static bool begin_queued(struct tickets *tickets)
{
    const struct mg_ticket_counts before = tickets->counts;
    const struct mg_ticket_order *ordered = tickets->orders;
    struct mg_ticket_order *order;
    int begun = 0;
    if (!before.queued || before.running >= tickets->options.at_once)
        return false;
    bool on = mg_ticket_book_begin(tickets->book);
    while (on && begun < orders_in_one && tickets->counts.running < tickets->options.at_once &&
           (order = mg_ticket_book_next(tickets->book, tickets->options.seats))) {
        tickets->counts.queued--;
        tickets->counts.running++;
        add_order(tickets, order);
        begun++;
    }
    if (commit(tickets))
        return begun == orders_in_one;
    tickets->counts = before;
    drop_orders(tickets, ordered);
    cannot_write(tickets);
    return false;
}

static void expire(struct tickets *tickets, uint64_t now)
{
    tickets->expires = mg_ticket_book_earliest(tickets->book);
    if (tickets->again || !tickets->expires || tickets->expires + collect_ms > now)
        return;
    if (mg_ticket_book_begin(tickets->book))
        mg_ticket_book_expire(tickets->book, now, expire_in_one);
    if (!commit(tickets))
        cannot_write(tickets);
    tickets->expires = mg_ticket_book_earliest(tickets->book);
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

// Each in a transaction of its own: what is asked is answered even when nothing can be begun or
// forgotten.
static void turn(struct tickets *tickets, struct mg_ticket_job *jobs, unsigned begins)
{
    uint64_t now = wall();
    if (tickets->again && mg_now_ms(CLOCK_MONOTONIC) >= tickets->again)
        tickets->again = 0;
    do_jobs(tickets, tickets->again ? jobs : with_kept(tickets, jobs), now);
    if (begins && !tickets->again && !mg_ticket_book_renew(tickets->book, begins))
        cannot_write(tickets);
    tickets->more = begins && !tickets->again && begin_queued(tickets);
    send_orders(tickets);
    expire(tickets, now);
}

static void *work(void *owner)
{
    struct tickets *tickets = owner;
    struct mg_ticket_job *jobs;
    unsigned begins;
    while (take(tickets, &jobs, &begins))
        turn(tickets, jobs, begins);
    tickets->again = 0;
    turn(tickets, NULL, 0); // what could not be written has a last try
    while ((jobs = tickets->kept)) {
        tickets->kept = jobs->next;
        mg_ticket_job_free(jobs);
    }
    return NULL;
}

static void init_changed(pthread_cond_t *changed)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct mg_tickets *mg_local_tickets_new(void)
{
    struct tickets *tickets = calloc(1, sizeof *tickets);
    if (!tickets)
        return NULL;
    tickets->base = (struct mg_tickets){ask, sit, rest};
    tickets->last = &tickets->first;
    pthread_mutex_init(&tickets->lock, NULL);
    init_changed(&tickets->changed);
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

void mg_local_tickets_begin(struct mg_tickets *base)
{
    struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    if (!tickets->open)
        return;
    pthread_mutex_lock(&tickets->lock);
    tickets->round++;
    poke(tickets);
    pthread_mutex_unlock(&tickets->lock);
}

const struct mg_local_tickets_options *mg_local_tickets_options(const struct mg_tickets *base)
{
    const struct tickets *tickets = MG_OWNER(base, struct tickets, base);
    return tickets->open ? &tickets->options : NULL;
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
