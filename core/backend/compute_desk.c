#include "backend/compute_desk.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/now.h"

enum {
    niceness = 10,
    threads_most = 64,
    end_ms = 250, // for what is told to stop when the process ends
    name_most = 100,
};

struct mg_compute_pool {
    struct mg_compute_pool_options options;
    pthread_mutex_t starting; // of the threads: a lock that none of them needs to open its desk
    struct mg_pool *threads;  // NULL until the first task
    pthread_mutex_t lock;     // of all below, and of what desks say of their tasks
    struct mg_list desks;
};

struct state {
    struct mg_list node;
    struct mg_compute *compute; // held
    void *state;
};

struct desk {
    struct mg_list node;
    struct mg_compute_pool *pool;
    struct mg_list states; // the thread's own
    // Under the pool's lock:
    struct mg_compute_task *task; // NULL: none
    uint64_t began, left;         // ms; left is 0 while somebody waits for the task
    bool told;
};

void mg_compute_hold(struct mg_compute *compute)
{
    atomic_fetch_add(&compute->users, 1);
}

void mg_compute_drop(struct mg_compute *compute)
{
    if (atomic_fetch_sub(&compute->users, 1) > 1)
        return;
    compute->engine->free(compute->engine);
    free(compute);
}

static void close_state(struct state *state)
{
    mg_list_drop(&state->node);
    state->compute->engine->close(state->state);
    mg_compute_drop(state->compute);
    free(state);
}

static void *open_desk(void *owner)
{
    struct mg_compute_pool *pool = owner;
    struct desk *desk = calloc(1, sizeof *desk);
    if (!desk)
        return NULL;
    desk->pool = pool;
    mg_list_init(&desk->states);
    pthread_mutex_lock(&pool->lock);
    mg_list_push(&pool->desks, &desk->node);
    pthread_mutex_unlock(&pool->lock);
    return desk;
}

static void close_desk(void *data)
{
    struct desk *desk = data;
    if (!desk)
        return;
    while (!mg_list_empty(&desk->states))
        close_state(MG_OWNER(desk->states.next, struct state, node));
    pthread_mutex_lock(&desk->pool->lock);
    mg_list_drop(&desk->node);
    pthread_mutex_unlock(&desk->pool->lock);
    free(desk);
}

// The thread's state of these modules, which may be new. States of modules that have been replaced
// go meanwhile. NULL: no memory.
static struct state *state_of(struct desk *desk, struct mg_compute *compute)
{
    struct state *found = NULL;
    for (struct mg_list *node = desk->states.next, *next; node != &desk->states; node = next) {
        struct state *state = MG_OWNER(node, struct state, node);
        next = node->next;
        if (state->compute == compute)
            found = state;
        else if (atomic_load(&state->compute->ended))
            close_state(state);
    }
    if (found || !(found = calloc(1, sizeof *found)))
        return found;
    found->state = compute->engine->open(compute->engine);
    if (!found->state) {
        free(found);
        return NULL;
    }
    mg_compute_hold(compute);
    found->compute = compute;
    mg_list_push(&desk->states, &found->node);
    return found;
}

// False: nobody waits for the task any more. Whoever leaves it says so before it looks who is at
// it, so that one of the two always sees the other.
static bool be_at(struct desk *desk, struct mg_compute_task *task)
{
    pthread_mutex_lock(&desk->pool->lock);
    bool wanted = !task || !atomic_load(&task->job.cancelled);
    desk->task = wanted ? task : NULL;
    desk->began = mg_now_ms(CLOCK_MONOTONIC);
    desk->left = 0;
    desk->told = false;
    pthread_mutex_unlock(&desk->pool->lock);
    return wanted;
}

static void run(struct mg_job *job, void *data)
{
    struct mg_compute_task *task = MG_OWNER(job, struct mg_compute_task, job);
    struct desk *desk = data;
    struct state *state = desk ? state_of(desk, task->compute) : NULL;
    if (!state) {
        task->error = MG_NO_MEMORY;
        return;
    }
    if (!be_at(desk, task)) { // it was left while the state was made
        task->error = MG_CANCELLED;
        return;
    }
    task->error = task->compute->engine->run(state->state, &task->ask, &task->job.cancelled,
                                             &task->out, &task->why);
    be_at(desk, NULL);
    if (task->error == MG_NO_MEMORY || task->compute->engine->full(state->state))
        close_state(state);
}

static unsigned thread_count(unsigned wanted)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = cores > 2 ? (unsigned)cores - 1 : 1;
    most = most < threads_most ? most : threads_most;
    return wanted && wanted < most ? wanted : most;
}

struct mg_compute_pool *mg_compute_pool_new(const struct mg_compute_pool_options *options)
{
    struct mg_compute_pool *pool = calloc(1, sizeof *pool);
    if (!pool || pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool);
        return NULL;
    }
    if (pthread_mutex_init(&pool->starting, NULL) != 0) {
        pthread_mutex_destroy(&pool->lock);
        free(pool);
        return NULL;
    }
    pool->options = *options;
    mg_list_init(&pool->desks);
    return pool;
}

bool mg_compute_pool_free(struct mg_compute_pool *pool)
{
    if (!pool)
        return true;
    if (!mg_pool_leave(pool->threads, end_ms))
        return false;
    pthread_mutex_destroy(&pool->starting);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    return true;
}

static struct mg_pool *threads_of(struct mg_compute_pool *pool)
{
    pthread_mutex_lock(&pool->starting);
    struct mg_pool *threads = pool->threads;
    if (!threads)
        threads = pool->threads = mg_pool_new(&(struct mg_pool_options){
            .name = "mg-compute",
            .threads = thread_count(pool->options.threads),
            .queue = pool->options.queue,
            .nice = niceness,
            .to_end = true,
            .desk_open = open_desk,
            .desk_close = close_desk,
            .owner = pool,
        });
    pthread_mutex_unlock(&pool->starting);
    return threads;
}

enum mg_status mg_compute_submit(struct mg_compute_task *task, uint64_t patience)
{
    struct mg_pool *threads = threads_of(task->compute->pool);
    if (!threads)
        return MG_NO_MEMORY;
    task->job.run = run;
    return mg_pool_submit(threads, &task->job, NULL, patience);
}

bool mg_compute_leave(struct mg_compute_task *task)
{
    struct mg_compute_pool *pool = task->compute->pool;
    bool found = false;
    atomic_store(&task->job.cancelled, true);
    pthread_mutex_lock(&pool->lock);
    for (struct mg_list *node = pool->desks.next; node != &pool->desks; node = node->next) {
        struct desk *desk = MG_OWNER(node, struct desk, node);
        if (desk->task != task)
            continue;
        found = true;
        desk->left = mg_now_ms(CLOCK_MONOTONIC);
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

// The task is there as long as its desk says that it is.
static void tell(const struct desk *desk, uint64_t now)
{
    const struct mg_compute_ask *ask = &desk->task->ask;
    mg_log(MG_LOG_WARN,
           "gate.compute: %.*s of %.*s has been running for %.1f s, and goes on %.1f s after its "
           "request has ended: compiled code cannot be stopped, it holds its thread until it ends",
           ask->function.len < name_most ? (int)ask->function.len : name_most, ask->function.data,
           ask->module.len < name_most ? (int)ask->module.len : name_most, ask->module.data,
           (double)(now - desk->began) / 1000, (double)(now - desk->left) / 1000);
}

bool mg_compute_report(struct mg_compute_pool *pool, uint64_t ms)
{
    uint64_t now = mg_now_ms(CLOCK_MONOTONIC);
    bool more = false;
    pthread_mutex_lock(&pool->lock);
    for (struct mg_list *node = pool->desks.next; node != &pool->desks; node = node->next) {
        struct desk *desk = MG_OWNER(node, struct desk, node);
        if (!desk->task || !desk->left || desk->told)
            continue;
        if (now - desk->left >= ms) {
            tell(desk, now);
            desk->told = true;
        } else {
            more = true;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return more;
}
