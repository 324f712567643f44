// Pools with jobs that stand at a gate until the spec opens it: what is refused and skipped then
// does not depend on time.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "loop/pool.h"

enum { jobs_most = 256 };

struct probe_desk {
    char name[16];
    int nice;
    bool signals_blocked;
};

struct probe_job {
    struct mg_job job;
    unsigned ms;          // how long it works; 0: until the gate opens
    bool ran, done, home; // `home`: done ran on the loop's thread
};

static struct {
    struct mg_loop loop;
    struct mg_mailbox box;
    struct mg_pool *pool, *left; // left: what is not freed has to be found by who looks for leaks
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned at_gate;
    struct probe_desk desks[64];
    unsigned desks_open, desks_closed;
    struct probe_job jobs[jobs_most];
    unsigned job_count, out;
} yard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *desk_open(void *owner)
{
    pthread_mutex_lock(&yard.lock);
    struct probe_desk *desk = &yard.desks[yard.desks_open++];
    pthread_mutex_unlock(&yard.lock);
    pthread_getname_np(pthread_self(), desk->name, sizeof desk->name);
    desk->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    desk->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT) &&
                            sigismember(&blocked, SIGPROF);
    return desk;
}

static void desk_close(void *desk)
{
    pthread_mutex_lock(&yard.lock);
    yard.desks_closed++;
    pthread_cond_broadcast(&yard.changed);
    pthread_mutex_unlock(&yard.lock);
}

static void run(struct mg_job *base, void *desk)
{
    struct probe_job *job = MG_OWNER(base, struct probe_job, job);
    job->ran = true;
    if (job->ms) {
        nanosleep(&(struct timespec){.tv_nsec = (long)job->ms * 1000000}, NULL);
        return;
    }
    pthread_mutex_lock(&yard.lock);
    yard.at_gate++;
    pthread_cond_broadcast(&yard.changed);
    while (!yard.open)
        pthread_cond_wait(&yard.changed, &yard.lock);
    yard.at_gate--;
    pthread_mutex_unlock(&yard.lock);
}

static void done(struct mg_job *base)
{
    struct probe_job *job = MG_OWNER(base, struct probe_job, job);
    job->home = !job->done && pthread_equal(pthread_self(), yard.thread);
    job->done = true;
    if (--yard.out == 0)
        mg_loop_stop(&yard.loop);
}

static bool open_pool(const struct mg_pool_options *options)
{
    yard.open = false;
    yard.desks_open = yard.desks_closed = yard.job_count = yard.out = 0;
    memset(yard.jobs, 0, sizeof yard.jobs);
    memset(yard.desks, 0, sizeof yard.desks);
    yard.thread = pthread_self();
    mg_loop_init(&yard.loop);
    mg_mailbox_open(&yard.box, &yard.loop);
    yard.pool = mg_pool_new(options);
    return yard.pool;
}

bool probe_pool_open(unsigned threads, unsigned queue, int nice)
{
    return open_pool(&(struct mg_pool_options){.name = "mg-a-name-of-19-b",
                                               .threads = threads,
                                               .queue = queue,
                                               .nice = nice,
                                               .desk_open = desk_open,
                                               .desk_close = desk_close});
}

// One thread; the patience of its jobs is for their end.
bool probe_pool_open_to_end(unsigned queue)
{
    return open_pool(&(struct mg_pool_options){
        .name = "mg-to-end", .threads = 1, .queue = queue, .to_end = true});
}

static int submit(unsigned ms, uint64_t patience)
{
    struct probe_job *job = &yard.jobs[yard.job_count];
    *job = (struct probe_job){.job = {.run = run, .done = done}, .ms = ms};
    if (mg_pool_submit(yard.pool, &job->job, &yard.box, patience) != MG_OK)
        return -1;
    yard.out++;
    return (int)yard.job_count++;
}

// Submits a job; its number, or -1 when the pool is busy.
int probe_pool_submit(unsigned ms, double patience)
{
    return submit(ms, (uint64_t)patience);
}

// The same of a job that goes on with what was begun.
int probe_pool_submit_begun(unsigned ms)
{
    return submit(ms, MG_POOL_FOREVER);
}

static void done_there(struct mg_job *base)
{
    struct probe_job *job = MG_OWNER(base, struct probe_job, job);
    pthread_mutex_lock(&yard.lock);
    job->done = !job->done && !pthread_equal(pthread_self(), yard.thread);
    pthread_cond_broadcast(&yard.changed);
    pthread_mutex_unlock(&yard.lock);
}

// The same of a job without a home.
int probe_pool_submit_homeless(unsigned ms)
{
    struct probe_job *job = &yard.jobs[yard.job_count];
    *job = (struct probe_job){.job = {.run = run, .done = done_there}, .ms = ms};
    if (mg_pool_submit(yard.pool, &job->job, NULL, MG_POOL_FOREVER) != MG_OK)
        return -1;
    return (int)yard.job_count++;
}

void probe_pool_await_done(int job) // until done came for it, on the pool's thread
{
    pthread_mutex_lock(&yard.lock);
    while (!yard.jobs[job].done)
        pthread_cond_wait(&yard.changed, &yard.lock);
    pthread_mutex_unlock(&yard.lock);
}

void probe_pool_cancel(int job)
{
    atomic_store(&yard.jobs[job].job.cancelled, true);
}

void probe_pool_await_gate(unsigned jobs) // until so many jobs stand at the gate
{
    pthread_mutex_lock(&yard.lock);
    while (yard.at_gate < jobs)
        pthread_cond_wait(&yard.changed, &yard.lock);
    pthread_mutex_unlock(&yard.lock);
}

void probe_pool_await_desks(unsigned closed) // until so many threads have come to their end
{
    pthread_mutex_lock(&yard.lock);
    while (yard.desks_closed < closed)
        pthread_cond_wait(&yard.changed, &yard.lock);
    pthread_mutex_unlock(&yard.lock);
}

void probe_pool_open_gate(void)
{
    pthread_mutex_lock(&yard.lock);
    yard.open = true;
    pthread_cond_broadcast(&yard.changed);
    pthread_mutex_unlock(&yard.lock);
}

void probe_pool_await_jobs(void) // runs the loop until every job is home
{
    if (yard.out)
        mg_loop_run(&yard.loop);
}

// Bits: 1 it ran, 2 it was skipped, 4 done came, once and on the loop, 8 it was late.
int probe_pool_job(int job)
{
    const struct probe_job *it = &yard.jobs[job];
    return (it->ran ? 1 : 0) | (it->job.skipped ? 2 : 0) | (it->home ? 4 : 0) |
           (it->job.late ? 8 : 0);
}

// Leaves the pool: whether its threads have ended.
bool probe_pool_leave(unsigned ms)
{
    bool ended = mg_pool_leave(yard.pool, ms);
    yard.left = ended ? NULL : yard.pool;
    yard.pool = NULL;
    return ended;
}

// Ends the pool; returns how many desks were opened but not closed.
int probe_pool_end(void)
{
    mg_pool_free(yard.pool);
    mg_mailbox_close(&yard.box);
    mg_loop_run(&yard.loop);
    mg_loop_fini(&yard.loop);
    return (int)(yard.desks_open - yard.desks_closed);
}

// Of the desk with that number, once its thread has ended.
const char *probe_pool_desk(unsigned number, int *nice, bool *signals_blocked)
{
    *nice = yard.desks[number].nice;
    *signals_blocked = yard.desks[number].signals_blocked;
    return yard.desks[number].name;
}
