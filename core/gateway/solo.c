#include "gateway/solo.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/local_store.h"

bool mg_solo_load(struct mg_solo *solo, const char *dir, struct mg_faults *faults)
{
    solo->far_end = -1;
    pthread_mutex_init(&solo->lock, NULL);
    pthread_cond_init(&solo->changed, NULL);
    return mg_loader_load(&solo->loader, dir, faults);
}

// As a client on this machine would come.
static bool open_connection(struct mg_solo *solo)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = solo->far_end;
    solo->far_end = -1;
    if (mg_net_take(&solo->worker.net))
        return mg_conn_open(&solo->worker.net, fd, (const struct sockaddr *)(const void *)&peer);
    close(fd);
    return false;
}

// On the worker's thread.
static void on_ready(struct mg_worker *worker, bool ok)
{
    struct mg_solo *solo = worker->owner;
    ok = ok && open_connection(solo);
    pthread_mutex_lock(&solo->lock);
    solo->ready = ok;
    solo->known = true;
    pthread_cond_signal(&solo->changed);
    pthread_mutex_unlock(&solo->lock);
}

static bool start_worker(struct mg_solo *solo)
{
    struct mg_worker *worker = &solo->worker;
    worker->common = &solo->common;
    worker->ready = on_ready;
    worker->owner = solo;
    solo->started = mg_worker_start(worker);
    pthread_mutex_lock(&solo->lock);
    while (solo->started && !solo->known)
        pthread_cond_wait(&solo->changed, &solo->lock);
    pthread_mutex_unlock(&solo->lock);
    return solo->ready;
}

int mg_solo_open(struct mg_solo *solo, struct mg_buf *why)
{
    int ends[2];
    const struct mg_config *config = solo->loader.current->config;
    if (!mg_loader_open(&solo->loader, &solo->worker, 1, why))
        return -1;
    solo->common.grounds = &solo->loader.grounds;
    solo->common.ended = solo->ended;
    solo->common.owner = solo->owner;
    solo->common.store =
        mg_local_store_new(&(struct mg_local_store_options){.bytes = config->limits.shared});
    if (solo->common.store &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0) {
        solo->far_end = ends[1];
        if (start_worker(solo))
            return ends[0];
        close(ends[0]);
    }
    mg_buf_put(why, MG_STR("no threads, descriptors or memory"));
    return -1;
}

bool mg_solo_close(struct mg_solo *solo)
{
    if (solo->started) {
        mg_worker_drain(&solo->worker);
        mg_worker_join(&solo->worker);
        mg_worker_fini(&solo->worker);
    } else {
        mg_generation_free(solo->worker.generation);
    }
    bool whole = mg_loader_fini(&solo->loader);
    mg_local_store_free(solo->common.store);
    if (solo->far_end >= 0)
        close(solo->far_end);
    pthread_mutex_destroy(&solo->lock);
    pthread_cond_destroy(&solo->changed);
    return whole;
}
