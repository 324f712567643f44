#include "loop/pool.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct mg_pool {
    struct mg_pool_options options;
    char name[16];
    pthread_mutex_t lock; // of all below
    pthread_cond_t filled, ended;
    struct mg_job *first, **last;
    unsigned waiting, running;
    uint64_t mean;    // running mean of a job's time in ns
    uint64_t taken;   // when a job was last begun, in ns
    unsigned started; // threads that pthread_create has made
    unsigned over;    // of these: their last job is done
    bool stopping;
    pthread_t threads[];
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void come_home(struct mg_mail *mail)
{
    struct mg_job *job = MG_OWNER(mail, struct mg_job, mail);
    job->done(job);
}

static void send_home(struct mg_job *job)
{
    if (!job->home) {
        job->done(job);
        return;
    }
    job->mail.deliver = come_home;
    bool sent = mg_mailbox_send(job->home, &job->mail);
    assert(sent); // a loop with jobs out keeps its mailbox open
    (void)sent;
}

// The oldest job of the queue, waiting for one; NULL when the pool stops and the queue is empty.
static struct mg_job *take(struct mg_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping)
        pthread_cond_wait(&pool->filled, &pool->lock);
    struct mg_job *job = pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first)
            pool->last = &pool->first;
        pool->waiting--;
        uint64_t now = now_ns();
        job->skipped = atomic_load(&job->cancelled);
        job->late = !job->skipped && now - job->since > job->patience;
        if (!job->skipped && !job->late) {
            pool->running++;
            pool->taken = now;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void run(struct mg_pool *pool, struct mg_job *job, void *desk)
{
    uint64_t began = now_ns();
    job->run(job, desk);
    int64_t spent = (int64_t)(now_ns() - began);
    pthread_mutex_lock(&pool->lock);
    pool->running--;
    int64_t mean = (int64_t)pool->mean;
    if (mean && spent > 8 * mean)
        spent = 8 * mean; // where the machine is short of processors one job says little
    pool->mean = (uint64_t)(mean ? mean + (spent - mean) / 8 : spent);
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *data)
{
    struct mg_pool *pool = data;
    const struct mg_pool_options *options = &pool->options;
    pthread_setname_np(pthread_self(), pool->name);
    if (options->nice)
        setpriority(PRIO_PROCESS, (id_t)gettid(), options->nice);
    void *desk = options->desk_open ? options->desk_open(options->owner) : NULL;
    for (struct mg_job *job; (job = take(pool));) {
        if (!job->skipped && !job->late)
            run(pool, job, desk);
        send_home(job);
    }
    if (options->desk_close)
        options->desk_close(desk);
    pthread_mutex_lock(&pool->lock);
    pool->over++;
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

// Signals belong to the main thread: the pool's threads are born with all of them blocked.
static bool start_threads(struct mg_pool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->started < pool->options.threads &&
           pthread_create(&pool->threads[pool->started], NULL, work, pool) == 0)
        pool->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->started == pool->options.threads;
}

static bool init_conditions(struct mg_pool *pool)
{
    pthread_condattr_t clock; // of what mg_pool_leave waits by
    if (pthread_cond_init(&pool->filled, NULL) != 0)
        return false;
    bool ok = pthread_condattr_init(&clock) == 0;
    if (ok) {
        ok = pthread_condattr_setclock(&clock, CLOCK_MONOTONIC) == 0 &&
             pthread_cond_init(&pool->ended, &clock) == 0;
        pthread_condattr_destroy(&clock);
    }
    if (!ok)
        pthread_cond_destroy(&pool->filled);
    return ok;
}

struct mg_pool *mg_pool_new(const struct mg_pool_options *options)
{
    struct mg_pool *pool = calloc(1, sizeof *pool + options->threads * sizeof pool->threads[0]);
    if (!pool)
        return NULL;
    pool->options = *options;
    snprintf(pool->name, sizeof pool->name, "%s", options->name);
    pool->options.name = pool->name;
    pool->last = &pool->first;
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool);
        return NULL;
    }
    if (!init_conditions(pool)) {
        pthread_mutex_destroy(&pool->lock);
        free(pool);
        return NULL;
    }
    if (!start_threads(pool)) {
        mg_pool_free(pool);
        return NULL;
    }
    return pool;
}

// In ns. While every thread is busy, what the jobs that run take beyond the mean counts too, once:
// so a pool that hangs refuses soon, and one whose threads were not run for a moment does not.
static uint64_t expected_wait(const struct mg_pool *pool)
{
    unsigned threads = pool->options.threads, jobs = pool->waiting + pool->running;
    if (jobs < threads)
        return 0;
    uint64_t wait = (jobs - threads + 1) * pool->mean / threads;
    uint64_t running = pool->running == threads ? now_ns() - pool->taken : 0;
    return running > pool->mean ? wait + running - pool->mean : wait;
}

enum mg_status mg_pool_submit(struct mg_pool *pool, struct mg_job *job, struct mg_mailbox *home,
                              uint64_t patience)
{
    pthread_mutex_lock(&pool->lock);
    unsigned jobs = pool->waiting + pool->running;
    uint64_t wait = expected_wait(pool);
    if (wait && pool->options.to_end)
        wait += pool->mean;
    bool busy = patience != MG_POOL_FOREVER &&
                (jobs >= pool->options.threads + pool->options.queue || wait / 1000000 > patience);
    if (!busy) {
        job->home = home;
        job->since = now_ns();
        bool on_credit = pool->mean == 0 && jobs >= pool->options.threads;
        job->patience =
            on_credit && patience < UINT64_MAX / 1000000 ? patience * 1000000 : UINT64_MAX;
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->waiting++;
        pthread_cond_signal(&pool->filled);
    }
    pthread_mutex_unlock(&pool->lock);
    return busy ? MG_BUSY : MG_OK;
}

static void stop(struct mg_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
}

void mg_pool_free(struct mg_pool *pool)
{
    if (!pool)
        return;
    stop(pool);
    while (pool->started)
        pthread_join(pool->threads[--pool->started], NULL);
    pthread_cond_destroy(&pool->filled);
    pthread_cond_destroy(&pool->ended);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

// Whether all threads are over, in time.
static bool await_threads(struct mg_pool *pool, uint64_t ms)
{
    uint64_t at = now_ns() + ms * 1000000;
    const struct timespec until = {(time_t)(at / 1000000000), (long)(at % 1000000000)};
    int wrong = 0;
    pthread_mutex_lock(&pool->lock);
    while (pool->over < pool->started && !wrong)
        wrong = pthread_cond_timedwait(&pool->ended, &pool->lock, &until);
    bool over = pool->over == pool->started;
    pthread_mutex_unlock(&pool->lock);
    return over;
}

bool mg_pool_leave(struct mg_pool *pool, uint64_t ms)
{
    if (!pool)
        return true;
    stop(pool);
    if (await_threads(pool, ms)) {
        mg_pool_free(pool);
        return true;
    }
    for (unsigned i = 0; i < pool->started; i++)
        pthread_detach(pool->threads[i]);
    return false;
}
