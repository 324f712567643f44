#include "gateway/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/now.h"

enum {
    looks = 4, // in the time after which a worker is stuck
    accept_budget = 64,
};

struct mg_watched {
    uint64_t turns;     // of its loop, and
    unsigned life;      // its signs of life, when it was looked at last
    unsigned still;     // looks in a row that have found no turn since,
    unsigned silent;    // and no sign of life at all
    uint64_t turned_at; // monotonic time in ms
    bool out;           // of accepting: it is stuck, and was reported
    bool told;          // that it hangs
};

static uint64_t interval(const struct mg_watchdog *watchdog)
{
    return atomic_load(&watchdog->workers->common->stuck) / looks;
}

// What it is at

static void put_place(struct mg_buf *text, struct mg_sight *sight, const struct mg_plan *plan)
{
    char file[MG_SIGHT_FILE];
    int line;
    const char *method = plan->any_method ? "any" : mg_method_word(plan->method);
    if (plan->path.len)
        mg_buf_printf(text, "at %s %.*s (%.*s:%d)", method, (int)plan->path.len, plan->path.data,
                      (int)plan->file.len, plan->file.data, plan->line);
    else
        mg_buf_printf(text, "at a function without a request");
    if (mg_sight_place(sight, file, &line))
        mg_buf_printf(text, ", its script at %s:%d", file, line);
}

// The worker may go on meanwhile, and let go of what it was at: what is still there under the lock
// stays there as long.
static void put_sight(struct mg_buf *text, struct mg_worker *worker)
{
    struct mg_sight *sight = &worker->sight;
    pthread_mutex_lock(&worker->common->in_use);
    const struct mg_plan *plan = atomic_load(&sight->plan);
    if (plan)
        put_place(text, sight, plan);
    else
        mg_buf_printf(text, "in no script");
    pthread_mutex_unlock(&worker->common->in_use);
}

static void report(struct mg_watchdog *watchdog, unsigned i, uint64_t ms, const char *so)
{
    struct mg_buf text = {0};
    put_sight(&text, &watchdog->workers[i]);
    mg_log(MG_LOG_ERROR, "worker %u has not turned for %.1fs: it is %.*s%s", i + 1,
           (double)ms / 1000, (int)text.len, text.len ? text.data : "", so);
    mg_buf_fini(&text);
}

// Looking

static unsigned count_well(const struct mg_watchdog *watchdog)
{
    unsigned well = 0;
    for (unsigned i = 0; i < watchdog->count; i++)
        well += !watchdog->watched[i].out;
    return well;
}

static void take_out(struct mg_watchdog *watchdog, unsigned i, uint64_t ms)
{
    watchdog->watched[i].out = true;
    report(watchdog, i, ms, count_well(watchdog) ? "; others take its connections" : "");
}

static void take_back(struct mg_watchdog *watchdog, unsigned i, uint64_t ms)
{
    watchdog->watched[i].out = watchdog->watched[i].told = false;
    mg_log(MG_LOG_WARN, "worker %u turns again, after %.1fs", i + 1, (double)ms / 1000);
}

// A script that runs will end by its budget, and a loop that begins one request after another is
// busy: both are signs of life.
static unsigned life_of(const struct mg_worker *worker)
{
    return (unsigned)atomic_load(&worker->loop.turns) + atomic_load(&worker->sight.begun) +
           atomic_load(&worker->sight.ticks);
}

static void look_if_hung(struct mg_watchdog *watchdog, unsigned i)
{
    struct mg_watched *watched = &watchdog->watched[i];
    uint64_t silent_ms = watched->silent * interval(watchdog);
    if (watched->told || silent_ms < atomic_load(&watchdog->workers->common->hung))
        return;
    watched->told = true;
    mg_log(MG_LOG_ERROR, "worker %u has given no sign of life for %.1fs", i + 1,
           (double)silent_ms / 1000);
    if (watchdog->stuck)
        watchdog->stuck(watchdog->owner);
}

// Looks are counted, not time: while all of the process is stopped nobody is stuck.
static void look_at(struct mg_watchdog *watchdog, unsigned i, uint64_t now)
{
    struct mg_worker *worker = &watchdog->workers[i];
    struct mg_watched *watched = &watchdog->watched[i];
    uint64_t turns = atomic_load(&worker->loop.turns);
    unsigned life = life_of(worker);
    watched->silent = life == watched->life ? watched->silent + 1 : 0;
    watched->life = life;
    if (turns != watched->turns) {
        if (watched->out)
            take_back(watchdog, i, now - watched->turned_at);
        watched->turns = turns;
        watched->turned_at = now;
        watched->still = 0;
        return;
    }
    if (watched->still++ == 0)
        mg_mailbox_nudge(&worker->mailbox);
    if (!watched->out && watched->still > looks)
        take_out(watchdog, i, now - watched->turned_at);
    if (watched->out)
        look_if_hung(watchdog, i);
}

// Accepting for others

static bool give(struct mg_watchdog *watchdog, int fd, const struct sockaddr_storage *peer)
{
    for (unsigned i = 0; i < watchdog->count; i++) {
        unsigned worker = watchdog->next++ % watchdog->count;
        if (!watchdog->watched[worker].out)
            return mg_worker_hand(&watchdog->workers[worker], fd, peer);
    }
    return false;
}

// Like a worker's listener: a place first, then a connection. Without either, the rest waits where
// it is until the next look.
static bool accept_one(struct mg_watchdog *watchdog, int socket)
{
    struct mg_common *common = watchdog->workers->common;
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    bool room = atomic_fetch_add(&common->connections, 1) < atomic_load(&common->connections_most);
    int fd = -1;
    if (room)
        fd = accept4(socket, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    bool none = room && fd < 0 && (errno == EAGAIN || errno == ECONNABORTED);
    if (fd >= 0 && give(watchdog, fd, &peer))
        return true;
    if (fd >= 0)
        close(fd);
    atomic_fetch_sub(&common->connections, 1);
    watchdog->full = !none;
    return false;
}

// One that workers share is polled by those who are well.
static bool is_shared(const struct mg_watchdog *watchdog, unsigned i, int socket)
{
    for (unsigned w = 0; w < watchdog->count; w++)
        for (unsigned s = 0; w != i && s < watchdog->workers[w].socket_count; s++)
            if (watchdog->workers[w].sockets[s] == socket)
                return true;
    return false;
}

// Behind the first, which is that of the caller.
static unsigned gather_sockets(struct mg_watchdog *watchdog)
{
    unsigned count = 1;
    if (watchdog->full || count_well(watchdog) == 0)
        return count;
    for (unsigned i = 0; i < watchdog->count; i++) {
        const struct mg_worker *worker = &watchdog->workers[i];
        for (unsigned s = 0; watchdog->watched[i].out && s < worker->socket_count; s++)
            if (!is_shared(watchdog, i, worker->sockets[s]))
                watchdog->polled[count++] = (struct pollfd){worker->sockets[s], POLLIN, 0};
    }
    return count;
}

void mg_watchdog_run(struct mg_watchdog *watchdog, int until)
{
    for (;;) {
        uint64_t now = mg_now_ms(CLOCK_MONOTONIC);
        if (now >= watchdog->next_look) {
            watchdog->next_look = now + interval(watchdog);
            watchdog->full = false;
            for (unsigned i = 0; i < watchdog->count; i++)
                look_at(watchdog, i, now);
        }
        unsigned count = gather_sockets(watchdog);
        watchdog->polled[0] = (struct pollfd){until, POLLIN, 0};
        if (poll(watchdog->polled, count, (int)(watchdog->next_look - now)) <= 0)
            continue;
        for (unsigned i = 1; i < count; i++)
            for (int n = 0; watchdog->polled[i].revents && n < accept_budget &&
                            accept_one(watchdog, watchdog->polled[i].fd);)
                n++;
        if (watchdog->polled[0].revents)
            return;
    }
}

bool mg_watchdog_init(struct mg_watchdog *watchdog)
{
    unsigned sockets = watchdog->count * watchdog->workers->socket_count;
    watchdog->watched = calloc(watchdog->count, sizeof *watchdog->watched);
    watchdog->polled = calloc(1 + sockets, sizeof *watchdog->polled);
    watchdog->next_look = mg_now_ms(CLOCK_MONOTONIC);
    return watchdog->watched && watchdog->polled;
}

void mg_watchdog_fini(struct mg_watchdog *watchdog)
{
    free(watchdog->watched);
    free(watchdog->polled);
}
