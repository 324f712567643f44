#include "gateway/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "backend/ticket_calls.h"
#include "base/log.h"
#include "gateway/arrival.h"

enum {
    look_ms = 10,   // between two looks at whether draining has come to its end
    calm_ms = 1000, // without a request refused, before the log says that it is over
};

// Cuts what goes on unheard in backends that close.
static void hurry(struct mg_worker *worker)
{
    for (struct mg_list *node = worker->generations.next; node != &worker->generations;
         node = node->next)
        mg_backends_hurry(&MG_OWNER(node, struct mg_generation, node)->backends);
}

static void http_closed(void *owner)
{
    struct mg_worker *worker = owner;
    mg_mailbox_close(&worker->mailbox);
}

static void tickets_closed(void *owner)
{
    struct mg_worker *worker = owner;
    if (worker->http)
        mg_http_close(worker->http, http_closed, worker);
    else
        http_closed(worker);
}

static void end_if_empty(struct mg_worker *worker)
{
    if (worker->state != MG_WORKER_CLOSING || !mg_list_empty(&worker->generations))
        return;
    if (worker->tickets)
        mg_backend_close(worker->tickets, tickets_closed, worker);
    else
        tickets_closed(worker);
}

// Generations

// It is freed where it was made; here only when nobody is there any more. Whoever looks at what a
// worker is at holds the lock: once we had it, all have done so, and nobody finds it now.
static void give_back(struct mg_generation *generation)
{
    struct mg_common *common = generation->worker->common;
    pthread_mutex_lock(&common->in_use);
    pthread_mutex_unlock(&common->in_use);
    generation->mail.deliver = generation->come_back;
    if (!mg_mailbox_send(generation->home, &generation->mail))
        mg_generation_free(generation);
}

static void generation_closed(void *owner)
{
    struct mg_generation *generation = owner;
    struct mg_worker *worker = generation->worker;
    mg_list_drop(&generation->node);
    give_back(generation);
    end_if_empty(worker);
}

static void retire(struct mg_task *task)
{
    struct mg_generation *generation = MG_OWNER(task, struct mg_generation, retire);
    struct mg_worker *worker = generation->worker;
    mg_backends_close(&generation->backends, generation_closed, generation);
    if (worker->hurried)
        hurry(worker);
}

static void adopt(struct mg_worker *worker, struct mg_generation *generation)
{
    generation->worker = worker;
    generation->retire.run = retire;
    mg_vm_store(generation->vm, worker->common->store);
    mg_vm_sight(generation->vm, &worker->sight);
    if (worker->common->grounds->tickets)
        mg_vm_tickets(generation->vm, worker->index);
    mg_list_push(&worker->generations, &generation->node);
}

static bool open_backends(struct mg_worker *worker, struct mg_generation *generation,
                          const struct mg_backends *before)
{
    const struct mg_backends_place place = {&worker->loop, &worker->mailbox,
                                            worker->common->grounds, worker->http, worker->tickets};
    return mg_backends_open(&generation->backends, &generation->edition->shared, &place, before);
}

static void follow_limits(struct mg_worker *worker)
{
    const struct mg_config *config = worker->generation->edition->config;
    struct mg_common *common = worker->common;
    worker->limits = config->conn;
    atomic_store(&common->connections_most, config->conn.connections);
    atomic_store(&common->stuck, config->limits.stuck);
    atomic_store(&common->hung, config->limits.hung);
}

// Its retirement waits for a later turn: what ends an exchange may be a callback of a backend.
static void retire_if_done(struct mg_worker *worker, struct mg_generation *generation)
{
    if (!generation->exchanges && generation != worker->generation)
        mg_loop_defer(&worker->loop, &generation->retire);
}

static void follow_clock(struct mg_worker *worker)
{
    if (worker->state == MG_WORKER_SERVING && !atomic_load(&worker->common->grounds->waiting))
        mg_clock_follow(&worker->clock, worker);
}

static void on_generation(struct mg_mail *mail)
{
    struct mg_generation *generation = MG_OWNER(mail, struct mg_generation, mail);
    struct mg_worker *worker = generation->worker;
    struct mg_generation *before = worker->generation;
    if (worker->state == MG_WORKER_CLOSING) {
        give_back(generation);
        return;
    }
    adopt(worker, generation);
    if (!open_backends(worker, generation, &before->backends)) {
        mg_log(MG_LOG_ERROR, "out of memory: a worker goes on with its old routes");
        retire_if_done(worker, generation);
        return;
    }
    worker->generation = generation;
    follow_limits(worker);
    follow_clock(worker);
    retire_if_done(worker, before);
}

bool mg_worker_give(struct mg_worker *worker, struct mg_generation *generation)
{
    generation->worker = worker;
    generation->mail.deliver = on_generation;
    return mg_mailbox_send(&worker->mailbox, &generation->mail);
}

bool mg_worker_full(struct mg_worker *worker, struct mg_generation *generation)
{
    bool full = mg_vm_full(generation->vm, mg_loop_now(&worker->loop));
    if (full && !generation->fresh_asked && generation == worker->generation) {
        generation->fresh_asked = true;
        mg_log(MG_LOG_WARN, "a Lua state holds more than %llu KiB (limits.state): it is replaced",
               (unsigned long long)generation->edition->config->limits.state / 1024);
        mg_mailbox_send(generation->home, &generation->fresh);
    }
    return full && mg_vm_bursting(generation->vm);
}

void mg_worker_leave(struct mg_worker *worker, struct mg_generation *generation)
{
    generation->exchanges--;
    retire_if_done(worker, generation);
    if (worker->state == MG_WORKER_DRAINING)
        mg_loop_defer(&worker->loop, &worker->settle);
}

// Overload: the log has a line when it begins, and one with a count when it is over

static void tell_calm(struct mg_worker *worker)
{
    const struct mg_overload *overload = &worker->overload;
    if (overload->shed == worker->shed_told)
        return;
    mg_log(MG_LOG_WARN, "worker %u is no longer overloaded: in %llu ms, %lu requests were refused",
           worker->index + 1, (unsigned long long)(overload->shed_at - worker->shedding_since),
           overload->shed - worker->shed_told);
    worker->shed_told = overload->shed;
}

static void calm(struct mg_timer *timer)
{
    struct mg_worker *worker = MG_OWNER(timer, struct mg_worker, calm);
    uint64_t at = worker->overload.shed_at + calm_ms;
    if (mg_loop_fresh(&worker->loop) >= at)
        tell_calm(worker);
    else
        mg_timer_set(&worker->loop, timer, at);
}

static void tell_overload(struct mg_worker *worker, uint64_t most)
{
    uint64_t now = worker->overload.shed_at;
    if (worker->calm.place || !mg_timer_set(&worker->loop, &worker->calm, now + calm_ms))
        return;
    worker->shedding_since = now;
    mg_log(MG_LOG_WARN,
           "worker %u is overloaded: requests have waited for it longer than %llu ms "
           "(limits.queue_delay); what it cannot do at once is answered 503",
           worker->index + 1, (unsigned long long)most);
}

bool mg_worker_admits(struct mg_worker *worker)
{
    uint64_t most = worker->generation->edition->config->limits.queue_delay;
    uint64_t accepting = mg_net_accept_wait(&worker->net);
    bool admits = mg_overload_admits(&worker->overload, &worker->loop, accepting, most);
    if (!admits)
        tell_overload(worker, most);
    return admits;
}

// The end

static void close_all(struct mg_worker *worker)
{
    struct mg_generation *last = worker->generation;
    worker->state = MG_WORKER_CLOSING;
    mg_timer_drop(&worker->loop, &worker->look);
    mg_timer_drop(&worker->loop, &worker->calm);
    tell_calm(worker);
    worker->generation = NULL;
    if (last)
        retire_if_done(worker, last);
    else
        end_if_empty(worker);
    if (worker->hurried)
        hurry(worker);
}

static void settle(struct mg_task *task)
{
    struct mg_worker *worker = MG_OWNER(task, struct mg_worker, settle);
    if (worker->state == MG_WORKER_DRAINING && mg_net_idle(&worker->net) &&
        mg_list_empty(&worker->exchanges))
        close_all(worker);
}

static void look(struct mg_timer *timer)
{
    struct mg_worker *worker = MG_OWNER(timer, struct mg_worker, look);
    mg_loop_defer(&worker->loop, &worker->settle);
    mg_timer_set(&worker->loop, timer, mg_loop_now(&worker->loop) + look_ms);
}

static void end_listeners(struct mg_worker *worker, void (*end)(struct mg_listener *listener))
{
    for (unsigned i = 0; worker->listeners && i < worker->socket_count; i++)
        if (worker->listeners[i])
            end(worker->listeners[i]);
    free(worker->listeners);
    worker->listeners = NULL;
}

static void on_drain(struct mg_mail *mail)
{
    struct mg_worker *worker = MG_OWNER(mail, struct mg_worker, drain);
    if (worker->state != MG_WORKER_SERVING)
        return;
    worker->state = MG_WORKER_DRAINING;
    mg_clock_stop(&worker->clock);
    end_listeners(worker, mg_listener_finish);
    mg_net_drain(&worker->net);
    look(&worker->look);
}

static void on_abort(struct mg_mail *mail)
{
    struct mg_worker *worker = MG_OWNER(mail, struct mg_worker, abort);
    if (worker->state == MG_WORKER_CLOSING)
        hurry(worker);
    if (worker->state != MG_WORKER_DRAINING)
        return;
    worker->hurried = true;
    worker->last_moment =
        mg_loop_now(&worker->loop) + worker->generation->edition->config->limits.finally;
    mg_net_abort(&worker->net);
    for (struct mg_list *node = worker->exchanges.next; node != &worker->exchanges;) {
        struct mg_exchange *exchange = MG_OWNER(node, struct mg_exchange, node);
        node = node->next;
        mg_exchange_abort(exchange);
    }
}

// Connections that others accept

struct handed {
    struct mg_mail mail;
    struct mg_worker *worker;
    int fd;
    struct sockaddr_storage peer;
};

static void on_handed(struct mg_mail *mail)
{
    struct handed *handed = MG_OWNER(mail, struct handed, mail);
    struct mg_worker *worker = handed->worker;
    if (worker->state == MG_WORKER_CLOSING) {
        close(handed->fd);
        atomic_fetch_sub(worker->net.connections, 1);
    } else {
        mg_conn_open(&worker->net, handed->fd, (struct sockaddr *)&handed->peer);
    }
    free(handed);
}

bool mg_worker_hand(struct mg_worker *worker, int fd, const struct sockaddr_storage *peer)
{
    struct handed *handed = malloc(sizeof *handed);
    if (!handed)
        return false;
    *handed = (struct handed){{.deliver = on_handed}, worker, fd, *peer};
    if (mg_mailbox_send(&worker->mailbox, &handed->mail))
        return true;
    free(handed);
    return false;
}

static bool open_listeners(struct mg_worker *worker)
{
    worker->listeners = calloc(worker->socket_count + 1, sizeof(struct mg_listener *));
    for (unsigned i = 0; worker->listeners && i < worker->socket_count; i++) {
        worker->listeners[i] = mg_listener_new(&worker->net, worker->sockets[i]);
        if (!worker->listeners[i])
            return false;
    }
    return worker->listeners != NULL;
}

static bool open_all(struct mg_worker *worker)
{
    static const struct mg_backends none;
    struct mg_common *common = worker->common;
    static const struct mg_http_options options; // its backends say whom https trusts
    follow_limits(worker);
    worker->net = (struct mg_net){
        .loop = &worker->loop,
        .limits = &worker->limits,
        .handler = &mg_arrival_handler,
        .owner = worker,
        .connections = &common->connections,
    };
    if (getrandom(&worker->seed, sizeof worker->seed, 0) != sizeof worker->seed)
        return false;
    if (mg_net_init(&worker->net) != MG_OK)
        return false;
    struct mg_tickets *tickets = common->grounds->tickets;
    if (tickets &&
        !(worker->tickets = mg_ticket_calls_new(tickets, &worker->loop, &worker->mailbox)))
        return false;
    worker->http =
        mg_http_new(&worker->loop, &worker->mailbox, common->grounds->resolver, &options);
    return worker->http && open_backends(worker, worker->generation, &none) &&
           open_listeners(worker);
}

static void *work(void *owner)
{
    struct mg_worker *worker = owner;
    if (mg_loop_init(&worker->loop) != MG_OK ||
        mg_mailbox_open(&worker->mailbox, &worker->loop) != MG_OK) {
        mg_generation_free(worker->generation);
        mg_loop_fini(&worker->loop);
        worker->ready(worker, false);
        return NULL;
    }
    mg_list_init(&worker->exchanges);
    mg_list_init(&worker->generations);
    adopt(worker, worker->generation);
    worker->settle.run = settle;
    worker->look.run = look;
    worker->calm.run = calm;
    bool opened = open_all(worker);
    if (opened) {
        worker->state = MG_WORKER_SERVING;
        follow_clock(worker);
        if (worker->tickets)
            mg_tasks_attend(&worker->tasks, worker, worker->common->grounds->tickets);
    } else {
        end_listeners(worker, mg_listener_close);
        close_all(worker);
    }
    worker->ready(worker, opened);
    mg_loop_run(&worker->loop);
    mg_clock_fini(&worker->clock);
    mg_net_fini(&worker->net);
    mg_loop_fini(&worker->loop);
    return NULL;
}

bool mg_worker_start(struct mg_worker *worker)
{
    worker->drain.deliver = on_drain;
    worker->abort.deliver = on_abort;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0)
        return false;
    char name[16]; // as long as the kernel keeps
    snprintf(name, sizeof name, "worker %u", (worker->index + 1) % 1000);
    pthread_setname_np(worker->thread, name);
    return true;
}

void mg_worker_drain(struct mg_worker *worker)
{
    mg_mailbox_send(&worker->mailbox, &worker->drain);
}

void mg_worker_abort(struct mg_worker *worker)
{
    mg_mailbox_send(&worker->mailbox, &worker->abort);
}

void mg_worker_fini(struct mg_worker *worker)
{
    mg_mailbox_fini(&worker->mailbox);
    mg_buf_fini(&worker->why);
}

void mg_worker_join(struct mg_worker *worker)
{
    pthread_join(worker->thread, NULL);
}
