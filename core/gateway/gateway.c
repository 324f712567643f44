#include "gateway/gateway.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "backend/local_store.h"
#include "backend/local_tickets.h"
#include "base/log.h"
#include "gateway/dev.h"
#include "gateway/loader.h"
#include "gateway/watchdog.h"
#include "net/socket_file.h"

enum { sockets_most = 64, listen_fds_start = 3, again_ms = 1000 };
enum { workers_most = 256 }; // as many as gateway.lua and --workers may say

struct mg_gateway {
    struct mg_common common;
    struct mg_loader loader;
    struct mg_dev dev;
    struct mg_worker *workers;
    struct mg_watchdog watchdog;
    unsigned worker_count, started;
    int *sockets;                 // worker by worker
    unsigned socket_count;        // of one worker
    struct mg_socket_file *files; // of one worker's sockets; NULL: they came from outside
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ready, failed; // workers; under the lock
};

static void print_faults(const char *dir, struct mg_faults *faults)
{
    mg_faults_sort(faults);
    for (unsigned i = 0; i < faults->count; i++) {
        const struct mg_fault *fault = &faults->items[i];
        if (fault->line)
            fprintf(stderr, "%.*s:%d: %.*s\n", (int)fault->file.len, fault->file.data, fault->line,
                    (int)fault->message.len, fault->message.data);
        else
            fprintf(stderr, "%.*s: %.*s\n", (int)fault->file.len, fault->file.data,
                    (int)fault->message.len, fault->message.data);
    }
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

static void raise_descriptors(void)
{
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

// Sockets that systemd, or whoever starts us, hands over (sd_listen_fds(3)).
static unsigned given_sockets(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    long fds = strtol(count, NULL, 10);
    return fds > 0 && fds <= sockets_most ? (unsigned)fds : 0;
}

static bool is_listening(int fd)
{
    int on = 0;
    socklen_t len = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static bool use_given(struct mg_gateway *gateway, unsigned given)
{
    struct mg_buf why = {0};
    for (int fd = listen_fds_start; fd < listen_fds_start + (int)given; fd++)
        if (!is_listening(fd)) {
            mg_buf_printf(&why, "LISTEN_FDS: descriptor %d is no socket that listens", fd);
            return explain(&why);
        }
    gateway->socket_count = given;
    gateway->sockets = calloc(given * gateway->worker_count, sizeof(int));
    for (unsigned i = 0; gateway->sockets && i < given * gateway->worker_count; i++)
        gateway->sockets[i] = listen_fds_start + (int)(i % given);
    return gateway->sockets != NULL;
}

// A unix socket is one that all workers accept from.
static bool bind_file(struct mg_gateway *gateway, struct mg_str address, unsigned index)
{
    struct mg_buf why = {0};
    int fd = mg_socket_file_bind(address, &gateway->files[index], &why);
    for (unsigned w = 0; w < gateway->worker_count; w++)
        gateway->sockets[w * gateway->socket_count + index] = fd;
    return fd >= 0 || explain(&why);
}

// One socket for each worker. SO_REUSEPORT would let a second gateway take half of the connections
// unnoticed, so the address is tried without it first.
static bool bind_address(struct mg_gateway *gateway, struct mg_str address, unsigned index)
{
    struct mg_buf why = {0}, bound = {0};
    bool shared = gateway->worker_count > 1;
    if (mg_str_starts(address, MG_STR("unix:")))
        return bind_file(gateway, address, index);
    int fd = mg_listener_bind(address, false, &why);
    if (fd < 0)
        return explain(&why);
    mg_listener_address(fd, &bound);
    gateway->sockets[index] = fd;
    if (shared)
        close(fd);
    for (unsigned w = 0; shared && w < gateway->worker_count; w++) {
        fd = mg_listener_bind(mg_buf_str(&bound), true, &why);
        gateway->sockets[w * gateway->socket_count + index] = fd;
        if (fd < 0) {
            mg_buf_fini(&bound);
            return explain(&why);
        }
    }
    mg_buf_fini(&bound);
    return true;
}

static bool bind_all(struct mg_gateway *gateway, const char *listen)
{
    struct mg_str one = mg_str_of(listen);
    const struct mg_config *config = gateway->loader.current->config;
    const struct mg_str *addresses = listen ? &one : config->listen;
    unsigned count = listen ? 1 : config->listen_count, given = given_sockets();
    if (given)
        return use_given(gateway, given);
    gateway->socket_count = count;
    gateway->sockets = malloc(count * gateway->worker_count * sizeof(int));
    gateway->files = calloc(count, sizeof *gateway->files);
    for (unsigned i = 0; gateway->sockets && i < count * gateway->worker_count; i++)
        gateway->sockets[i] = -1;
    for (unsigned i = 0; i < count; i++)
        if (!gateway->sockets || !gateway->files || !bind_address(gateway, addresses[i], i))
            return false;
    return true;
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
        worker->sockets = &gateway->sockets[i * gateway->socket_count];
        worker->socket_count = gateway->socket_count;
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
    for (unsigned i = 0; i < gateway->socket_count; i++) {
        struct mg_buf address = {0};
        bool known = mg_listener_address(gateway->sockets[i], &address);
        if (known)
            printf("moongate: listening on %s%.*s\n",
                   mg_str_starts(mg_buf_str(&address), MG_STR("unix:")) ? "" : "http://",
                   (int)address.len, address.data);
        if (known && gateway->common.dev && !mg_listener_local(gateway->sockets[i]))
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
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// Waits for a signal of the set, for at most `ms` (negative: for ever); 0 when none came.
static int wait_signal(const sigset_t *set, int64_t ms)
{
    struct timespec time = {ms / 1000, (ms % 1000) * 1000000};
    int signal = ms < 0 ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &time);
    return signal > 0 ? signal : 0;
}

static void wait_for_end(struct mg_gateway *gateway, const sigset_t *set, int signals)
{
    for (;;) {
        mg_watchdog_run(&gateway->watchdog, signals);
        int signal = wait_signal(set, 0);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            mg_loader_again(&gateway->loader);
    }
}

// False: there is no descriptor, or no memory, to watch with.
static bool serve(struct mg_gateway *gateway, const sigset_t *set)
{
    int signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK); // it only says that there are some
    gateway->watchdog.workers = gateway->workers;
    gateway->watchdog.count = gateway->worker_count;
    bool ok = signals >= 0 && mg_watchdog_init(&gateway->watchdog);
    if (ok) {
        announce(gateway);
        wait_for_end(gateway, set, signals);
    } else {
        fprintf(stderr, "moongate: no descriptors or memory\n");
    }
    if (signals >= 0)
        close(signals);
    mg_watchdog_fini(&gateway->watchdog);
    return ok;
}

// One that all workers share, of a file or from outside, is closed at its first place. Files are
// removed first: who is about to connect finds none, rather than one that nobody listens on.
static void close_sockets(struct mg_gateway *gateway)
{
    unsigned each = gateway->socket_count;
    unsigned count = gateway->sockets ? each * gateway->worker_count : 0;
    for (unsigned i = 0; gateway->files && i < each; i++)
        mg_socket_file_remove(&gateway->files[i]);
    for (unsigned i = 0; i < count; i++) {
        int fd = gateway->sockets[i];
        if (fd >= 0 && (i < each || fd != gateway->sockets[i % each]))
            close(fd);
    }
    free(gateway->sockets);
    free(gateway->files);
    gateway->sockets = NULL;
    gateway->files = NULL;
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
    uint64_t began = now_ms(), most = gateway->loader.current->config->limits.drain;
    bool aborted = false;
    sigaddset(set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    close_sockets(gateway); // the workers have theirs; who comes later is refused
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
        mg_log(MG_LOG_WARN, "requests are still in work: they are cut");
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
    close_sockets(gateway);
    free(gateway->workers);
    pthread_mutex_destroy(&gateway->lock);
    pthread_cond_destroy(&gateway->changed);
    return whole;
}

static bool open_gateway(struct mg_gateway *gateway, const struct mg_gateway_options *options)
{
    struct mg_buf why = {0};
    struct mg_loader *loader = &gateway->loader;
    raise_descriptors();
    loader->keeps_tasks = true;
    if (!load(gateway, options->dir))
        return false;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    gateway->worker_count = options->workers ? options->workers : loader->current->config->workers;
    if (!gateway->worker_count)
        gateway->worker_count = cores > workers_most ? workers_most
                                : cores > 0          ? (unsigned)cores
                                                     : 1;
    loader->listen_matters = !options->listen;
    loader->workers_matter = !options->workers;
    if (!bind_all(gateway, options->listen))
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

int mg_gateway_serve(const struct mg_gateway_options *options)
{
    struct mg_gateway gateway = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                 .changed = PTHREAD_COND_INITIALIZER,
                                 .dev.trouble.lock = PTHREAD_MUTEX_INITIALIZER};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL); // threads inherit it; only the main thread hears them
    signal(SIGPIPE, SIG_IGN);
    mg_log_init(MG_LOG_INFO);
    bool ok = start(&gateway, options) && serve(&gateway, &set);
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
