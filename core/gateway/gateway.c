#include "gateway/gateway.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "backend/local_store.h"
#include "backend/local_tickets.h"
#include "base/log.h"
#include "base/now.h"
#include "gateway/dev.h"
#include "gateway/loader.h"
#include "gateway/sockets.h"
#include "gateway/watchdog.h"

enum { again_ms = 1000, ending_ms = 5000 }; // ending: besides the requests, all else
enum { workers_most = 256 };                // as many as gateway.lua and --workers may say

struct mg_gateway {
    struct mg_common common;
    struct mg_loader loader;
    struct mg_dev dev;
    struct mg_worker *workers;
    struct mg_watchdog watchdog;
    unsigned worker_count, started;
    const struct mg_control *control; // NULL: there is no supervisor
    struct mg_control_message begin;  // what that said first
    bool leaving;                     // another process serves, on the same sockets
    bool told;                        // to end, by a signal
    struct mg_sockets sockets;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ready, failed; // workers; under the lock
};

static void print_faults(const char *dir, struct mg_faults *faults)
{
    struct mg_buf out = {0};
    mg_faults_sort(faults);
    for (unsigned i = 0; i < faults->count; i++) {
        mg_fault_put(&out, &faults->items[i]);
        mg_buf_put_char(&out, '\n');
    }
    fwrite(out.data, 1, out.len, stderr);
    mg_buf_fini(&out);
    fprintf(stderr, "moongate: %s does not load\n", dir);
}

static bool load(struct mg_gateway *gateway, const char *dir)
{
    struct mg_faults faults = {0};
    bool ok = mg_loader_load(&gateway->loader, dir, &faults);
    if (!ok)
        print_faults(dir, &faults);
    mg_faults_fini(&faults);
    return ok;
}

static bool explain(struct mg_buf *why)
{
    fprintf(stderr, "moongate: %.*s\n", (int)why->len, why->data ? why->data : "");
    mg_buf_fini(why);
    return false;
}

// A successor has as many workers as the process before it: connections may be waiting at each
// of the sockets.
static bool open_sockets(struct mg_gateway *gateway, const char *listen)
{
    struct mg_buf why = {0};
    struct mg_str one = mg_str_of(listen);
    const struct mg_config *config = gateway->loader.current->config;
    const struct mg_str *addresses = listen ? &one : config->listen;
    unsigned count = listen ? 1 : config->listen_count, workers = gateway->worker_count;
    unsigned given = mg_sockets_given(gateway->control ? getppid() : getpid());
    bool ok;
    if (gateway->begin.each)
        ok = mg_sockets_take(&gateway->sockets, gateway->control, &gateway->begin, &why);
    else
        ok = (given ? mg_sockets_use(&gateway->sockets, given, workers, &why)
                    : mg_sockets_bind(&gateway->sockets, addresses, count, workers, &why)) &&
             mg_sockets_hand_up(&gateway->sockets, gateway->control, &why);
    return ok || explain(&why);
}

static void on_ready(struct mg_worker *worker, bool ok)
{
    struct mg_gateway *gateway = worker->owner;
    pthread_mutex_lock(&gateway->lock);
    gateway->ready++;
    gateway->failed += !ok;
    pthread_cond_signal(&gateway->changed);
    pthread_mutex_unlock(&gateway->lock);
}

static void explain_workers(struct mg_gateway *gateway)
{
    struct mg_buf why = {0};
    mg_buf_put(&why, MG_STR("a worker could not be started: "));
    size_t known = why.len;
    for (unsigned i = 0; i < gateway->started && why.len == known; i++)
        mg_buf_put(&why, mg_buf_str(&gateway->workers[i].why));
    if (why.len == known)
        mg_buf_put(&why, MG_STR("no threads, descriptors or memory"));
    explain(&why);
}

static bool start_workers(struct mg_gateway *gateway)
{
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        struct mg_worker *worker = &gateway->workers[i];
        worker->common = &gateway->common;
        worker->index = i;
        worker->sockets = &gateway->sockets.fds[i * gateway->sockets.each];
        worker->socket_count = gateway->sockets.each;
        worker->ready = on_ready;
        worker->owner = gateway;
        if (!mg_worker_start(worker))
            break;
        gateway->started++;
    }
    pthread_mutex_lock(&gateway->lock);
    while (gateway->ready < gateway->started)
        pthread_cond_wait(&gateway->changed, &gateway->lock);
    bool ok = gateway->started == gateway->worker_count && !gateway->failed;
    pthread_mutex_unlock(&gateway->lock);
    if (!ok)
        explain_workers(gateway);
    return ok;
}

static void announce(const struct mg_gateway *gateway)
{
    for (unsigned i = 0; i < gateway->sockets.each; i++) {
        struct mg_buf address = {0};
        bool known = mg_listener_address(gateway->sockets.fds[i], &address);
        if (known)
            printf("moongate: listening on %s%.*s\n",
                   mg_str_starts(mg_buf_str(&address), MG_STR("unix:")) ? "" : "http://",
                   (int)address.len, address.data);
        if (known && gateway->common.dev && !mg_listener_local(gateway->sockets.fds[i]))
            mg_log(MG_LOG_WARN,
                   "--dev shows source and requests to all who can reach %.*s: listen on 127.0.0.1 "
                   "unless you trust them",
                   (int)address.len, address.data);
        mg_buf_fini(&address);
    }
    fflush(stdout);
}

static uint64_t now_ms(void)
{
    return mg_now_ms(CLOCK_MONOTONIC);
}

// Waits for a signal of the set, for at most `ms` (negative: for ever); 0 when none came.
static int wait_signal(const sigset_t *set, int64_t ms)
{
    struct timespec time = {ms / 1000, (ms % 1000) * 1000000};
    int signal = ms < 0 ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &time);
    return signal > 0 ? signal : 0;
}

// The process before this one is gone: what only one may do is done here from now on, which is part
// of loading.
static void go_on_alone(struct mg_gateway *gateway)
{
    atomic_store(&gateway->loader.grounds.waiting, false);
    mg_loader_again(&gateway->loader);
}

static void hear_supervisor(struct mg_gateway *gateway)
{
    struct mg_control_message message;
    int fds[MG_CONTROL_FDS];
    while (gateway->control && mg_control_receive(gateway->control, &message, fds, false)) {
        if (message.word == MG_CONTROL_LEAVE)
            gateway->leaving = true;
        else if (message.word == MG_CONTROL_ALONE)
            go_on_alone(gateway);
    }
}

// Time comes to the main thread as all else does, as a signal.
static void start_beating(const struct mg_gateway *gateway)
{
    const struct timeval time = {MG_CONTROL_BEAT_MS / 1000, MG_CONTROL_BEAT_MS % 1000 * 1000};
    if (gateway->control)
        setitimer(ITIMER_REAL, &(struct itimerval){time, time}, NULL);
}

static void wait_for_end(struct mg_gateway *gateway, const sigset_t *set, int signals)
{
    while (!gateway->leaving) {
        mg_watchdog_run(&gateway->watchdog, signals);
        int signal = wait_signal(set, 0);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            mg_loader_again(&gateway->loader);
        if (signal == SIGUSR2)
            hear_supervisor(gateway);
        if (signal == SIGALRM)
            mg_control_say(gateway->control, MG_CONTROL_BEAT);
    }
}

static void on_reloaded(void *owner)
{
    mg_control_say(owner, MG_CONTROL_RELOADED);
}

// Told twice: at once, so that the supervisor does not go on holding the sockets, and when it is
// known how long that may take.
static void tell_ending(const struct mg_gateway *gateway, uint64_t ms)
{
    if (gateway->told)
        mg_control_send(gateway->control,
                        &(struct mg_control_message){.word = MG_CONTROL_ENDING, .ms = ms}, NULL);
}

static void on_stuck(void *owner)
{
    mg_control_stuck(owner);
}

// False: there is no descriptor, or no memory, to watch with.
static bool serve(struct mg_gateway *gateway, const sigset_t *set)
{
    int signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK); // it only says that there are some
    gateway->watchdog.workers = gateway->workers;
    gateway->watchdog.count = gateway->worker_count;
    gateway->watchdog.stuck = gateway->control ? on_stuck : NULL;
    gateway->watchdog.owner = (void *)gateway->control;
    bool ok = signals >= 0 && mg_watchdog_init(&gateway->watchdog);
    if (ok) {
        mg_control_say(gateway->control, MG_CONTROL_READY);
        if (!gateway->begin.each)
            announce(gateway);
        start_beating(gateway);
        wait_for_end(gateway, set, signals);
        gateway->told = !gateway->leaving;
        tell_ending(gateway, 0);
    } else {
        fprintf(stderr, "moongate: no descriptors or memory\n");
    }
    if (signals >= 0)
        close(signals);
    mg_watchdog_fini(&gateway->watchdog);
    return ok;
}

struct joiner {
    struct mg_gateway *gateway;
    pthread_t main;
};

// Joins the workers beside the main thread, which goes on hearing signals meanwhile.
static void *join_workers(void *owner)
{
    struct joiner *joiner = owner;
    for (unsigned i = 0; i < joiner->gateway->started; i++)
        mg_worker_join(&joiner->gateway->workers[i]);
    pthread_kill(joiner->main, SIGUSR1);
    return NULL;
}

// Requests that are begun are finished, for at most limits.drain; a second signal, but not one that
// came along with the first, cuts it short.
static void drain(struct mg_gateway *gateway, sigset_t *set)
{
    struct joiner joiner = {gateway, pthread_self()};
    pthread_t thread;
    const struct mg_limits *limits = &gateway->loader.current->config->limits;
    uint64_t began = now_ms(), most = gateway->leaving ? MG_CONTROL_LEAVE_MS : limits->drain;
    bool aborted = false;
    tell_ending(gateway, most + limits->finally + ending_ms);
    sigaddset(set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    mg_sockets_close(&gateway->sockets); // the workers have theirs; who comes later is refused
    if (gateway->loader.grounds.tickets)
        gateway->loader.grounds.tickets->rest(gateway->loader.grounds.tickets);
    for (unsigned i = 0; i < gateway->started; i++)
        mg_worker_drain(&gateway->workers[i]);
    if (pthread_create(&thread, NULL, join_workers, &joiner) != 0) {
        join_workers(&joiner);
        return;
    }
    for (;;) {
        uint64_t spent = now_ms() - began;
        int signal = wait_signal(set, aborted ? -1 : spent < most ? (int64_t)(most - spent) : 0);
        if (signal == SIGUSR1)
            break;
        bool again = (signal == SIGTERM || signal == SIGINT) && now_ms() - began >= again_ms;
        if (aborted || (signal != 0 && !again))
            continue;
        if (!signal && now_ms() - began < most)
            continue;
        mg_log(MG_LOG_WARN, "the time to end requests is over: what is still in work is cut");
        for (unsigned i = 0; i < gateway->started; i++)
            mg_worker_abort(&gateway->workers[i]);
        aborted = true;
    }
    pthread_join(thread, NULL);
}

// False: a thread is left at work.
static bool fini(struct mg_gateway *gateway)
{
    if (gateway->loader.grounds.tickets) // before the workers' mailboxes go
        mg_local_tickets_stop(gateway->loader.grounds.tickets);
    for (unsigned i = 0; i < gateway->started; i++)
        mg_worker_fini(&gateway->workers[i]);
    for (unsigned i = gateway->started; gateway->workers && i < gateway->worker_count; i++)
        mg_generation_free(gateway->workers[i].generation);
    bool whole = mg_loader_fini(&gateway->loader);
    mg_trouble_clear(&gateway->dev.trouble);
    mg_local_store_free(gateway->common.store);
    mg_sockets_close(&gateway->sockets);
    free(gateway->workers);
    pthread_mutex_destroy(&gateway->lock);
    pthread_cond_destroy(&gateway->changed);
    return whole;
}

static bool open_gateway(struct mg_gateway *gateway, const struct mg_gateway_options *options)
{
    struct mg_buf why = {0};
    struct mg_loader *loader = &gateway->loader;
    loader->keeps_tasks = true;
    loader->reloaded = on_reloaded;
    loader->owner = (void *)gateway->control;
    atomic_store(&loader->grounds.waiting, gateway->control && !gateway->begin.alone);
    if (!load(gateway, options->dir))
        return false;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    gateway->worker_count = gateway->begin.each ? gateway->begin.workers
                            : options->workers  ? options->workers
                                                : loader->current->config->workers;
    if (!gateway->worker_count)
        gateway->worker_count = cores > workers_most ? workers_most
                                : cores > 0          ? (unsigned)cores
                                                     : 1;
    loader->fixed.listen_matters = !options->listen;
    loader->fixed.workers_matter = !options->workers;
    if (!open_sockets(gateway, options->listen))
        return false;
    gateway->workers = calloc(gateway->worker_count, sizeof *gateway->workers);
    if (!gateway->workers || !mg_loader_open(loader, gateway->workers, gateway->worker_count, &why))
        return explain(&why);
    gateway->common.grounds = &loader->grounds;
    gateway->common.worker_count = gateway->worker_count;
    if (options->dev) {
        gateway->common.dev = &gateway->dev;
        loader->trouble = &gateway->dev.trouble;
    }
    gateway->common.store = mg_local_store_new(
        &(struct mg_local_store_options){.bytes = loader->current->config->limits.shared});
    return gateway->common.store || (mg_buf_put(&why, MG_STR("out of memory")) && explain(&why));
}

static bool start(struct mg_gateway *gateway, const struct mg_gateway_options *options)
{
    struct mg_buf why = {0};
    if (!open_gateway(gateway, options) || !start_workers(gateway))
        return false;
    if (mg_loader_start(&gateway->loader))
        return true;
    mg_buf_put(&why, MG_STR("the thread that loads could not be started"));
    return explain(&why);
}

static bool hear_first(struct mg_gateway *gateway)
{
    int fds[MG_CONTROL_FDS];
    return !gateway->control || (mg_control_receive(gateway->control, &gateway->begin, fds, true) &&
                                 gateway->begin.word == MG_CONTROL_BEGIN);
}

int mg_gateway_serve(const struct mg_gateway_options *options)
{
    struct mg_gateway gateway = {.control = options->control,
                                 .lock = PTHREAD_MUTEX_INITIALIZER,
                                 .changed = PTHREAD_COND_INITIALIZER,
                                 .dev.trouble.lock = PTHREAD_MUTEX_INITIALIZER};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR2); // of the supervisor
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL); // threads inherit it; only the main thread hears them
    signal(SIGPIPE, SIG_IGN);
    mg_log_init(MG_LOG_INFO);
    bool ok = hear_first(&gateway) && start(&gateway, options) && serve(&gateway, &set);
    mg_loader_stop(&gateway.loader);
    if (gateway.started)
        drain(&gateway, &set);
    bool whole = fini(&gateway);
    mg_log_fini();
    fflush(NULL);
    if (!whole)
        _exit(ok ? 0 : 1); // what exit would tear down is still in use there
    return ok ? 0 : 1;
}
