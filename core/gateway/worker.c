#include "gateway/worker.h"

#include <stdlib.h>
#include <sys/random.h>

#include "gateway/arrival.h"

enum { look_ms = 10 }; // between two looks at whether draining has come to its end

static void backends_closed(void *owner)
{
    struct mg_worker *worker = owner;
    mg_mailbox_close(&worker->mailbox);
}

static void close_backends(struct mg_worker *worker)
{
    worker->state = MG_WORKER_CLOSING;
    mg_timer_drop(&worker->loop, &worker->look);
    mg_backends_close(&worker->backends, backends_closed, worker);
    if (worker->hurried)
        mg_backends_hurry(&worker->backends);
}

static void settle(struct mg_task *task)
{
    struct mg_worker *worker = MG_OWNER(task, struct mg_worker, settle);
    if (worker->state == MG_WORKER_DRAINING && mg_net_idle(&worker->net) &&
        mg_list_empty(&worker->exchanges))
        close_backends(worker);
}

static void look(struct mg_timer *timer)
{
    struct mg_worker *worker = MG_OWNER(timer, struct mg_worker, look);
    mg_loop_defer(&worker->loop, &worker->settle);
    mg_timer_set(&worker->loop, timer, mg_loop_now(&worker->loop) + look_ms);
}

void mg_worker_settle(struct mg_worker *worker)
{
    if (worker->state == MG_WORKER_DRAINING)
        mg_loop_defer(&worker->loop, &worker->settle);
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
    end_listeners(worker, mg_listener_finish);
    mg_net_drain(&worker->net);
    look(&worker->look);
}

static void on_abort(struct mg_mail *mail)
{
    struct mg_worker *worker = MG_OWNER(mail, struct mg_worker, abort);
    if (worker->state == MG_WORKER_CLOSING)
        mg_backends_hurry(&worker->backends);
    if (worker->state != MG_WORKER_DRAINING)
        return;
    worker->hurried = true;
    mg_net_abort(&worker->net);
    for (struct mg_list *node = worker->exchanges.next; node != &worker->exchanges;) {
        struct mg_exchange *exchange = MG_OWNER(node, struct mg_exchange, node);
        node = node->next;
        mg_exchange_abort(exchange);
    }
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

static bool load(struct mg_worker *worker)
{
    struct mg_faults faults = {0};
    worker->generation = mg_generation_new(worker->common->folder, worker->common->config, &faults);
    if (worker->generation)
        mg_vm_store(worker->generation->vm, worker->common->store);
    if (faults.count)
        mg_buf_put(&worker->why, faults.items[0].message);
    mg_faults_fini(&faults);
    return worker->generation != NULL;
}

static bool open_all(struct mg_worker *worker)
{
    struct mg_common *common = worker->common;
    worker->net = (struct mg_net){
        .loop = &worker->loop,
        .limits = &common->config->conn,
        .handler = &mg_arrival_handler,
        .owner = worker,
        .connections = &common->connections,
    };
    if (getrandom(&worker->seed, sizeof worker->seed, 0) != sizeof worker->seed)
        return false;
    return mg_net_init(&worker->net) == MG_OK &&
           mg_backends_open(&worker->backends, common->shared, &worker->loop, &worker->mailbox) &&
           load(worker) && open_listeners(worker);
}

static void *work(void *owner)
{
    struct mg_worker *worker = owner;
    bool ok = mg_loop_init(&worker->loop) == MG_OK;
    if (!ok) {
        worker->ready(worker, false);
        return NULL;
    }
    mg_list_init(&worker->exchanges);
    worker->settle.run = settle;
    worker->look.run = look;
    ok = mg_mailbox_open(&worker->mailbox, &worker->loop) == MG_OK;
    bool opened = ok && open_all(worker);
    if (opened)
        worker->state = MG_WORKER_SERVING;
    if (ok && !opened) {
        end_listeners(worker, mg_listener_close);
        close_backends(worker);
    }
    worker->ready(worker, opened);
    mg_loop_run(&worker->loop);
    mg_generation_free(worker->generation);
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
    pthread_setname_np(worker->thread, "worker");
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
