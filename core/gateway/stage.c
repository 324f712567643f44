#include "gateway/stage.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "backend/local_store.h"
#include "base/log.h"
#include "gateway/arrival.h"
#include "gateway/exchange.h"
#include "gateway/stage_client.h"
#include "gateway/stage_news.h"

struct mg_stage {
    struct mg_edition *edition;
    struct mg_generation *generation;
    struct mg_grounds grounds; // none: nothing is opened
    struct mg_common common;
    struct mg_worker worker; // has no thread, and is not begun or ended like one
    struct mg_conn_handler handler;
    struct mg_standins standins;
    struct mg_list clients;
    struct mg_stage_client *coming; // whose head is to be read next
    unsigned runs;
    uint64_t began; // loop time in ms
    struct mg_buf news;
    bool told; // the news were asked for
};

// A store asks for the time without saying who it is.
static const struct mg_loop *clock_of_stores;

static uint64_t now_for_stores(void)
{
    return mg_loop_now(clock_of_stores);
}

static uint64_t elapsed(const struct mg_stage *stage)
{
    return mg_loop_now(&stage->worker.loop) - stage->began;
}

static struct mg_buf *news_of(struct mg_stage *stage)
{
    if (stage->told)
        mg_buf_clear(&stage->news);
    stage->told = false;
    return &stage->news;
}

// What happens

static void on_log(void *owner, enum mg_log_level level, struct mg_str text)
{
    mg_stage_news_log(news_of(owner), text);
}

static unsigned run_of(struct mg_stage *stage, const struct mg_call *call)
{
    for (struct mg_list *node = stage->clients.next; node != &stage->clients; node = node->next) {
        struct mg_stage_client *client = MG_OWNER(node, struct mg_stage_client, node);
        if (client->request && call->arena == &client->request->arena)
            return client->run;
    }
    return 0;
}

static void on_started(void *owner, const struct mg_standin_call *call)
{
    struct mg_stage *stage = owner;
    mg_stage_news_call(news_of(stage), run_of(stage, call->call), elapsed(stage), call);
}

static void on_ended(void *owner, const struct mg_standin_call *call, const char *how)
{
    mg_stage_news_end(news_of(owner), elapsed(owner), call, how);
}

static void forget_request(void *thing)
{
    struct mg_stage_client *client = thing;
    client->request = NULL;
}

// Before the exchange is made, so that its first calls know their run.
static void on_head(void *owner, struct mg_conn *conn, struct mg_request *request)
{
    struct mg_stage *stage = MG_OWNER(owner, struct mg_stage, worker);
    struct mg_stage_client *client = stage->coming;
    stage->coming = NULL;
    if (client && mg_arena_at_end(&request->arena, forget_request, client))
        client->request = request;
    mg_arrival_handler.head(owner, conn, request);
}

static bool go_on(struct mg_stage *stage, struct mg_stage_client *client)
{
    bool over, whole, moved = mg_stage_client_go_on(client, &over, &whole);
    if (over)
        mg_stage_news_reply(news_of(stage), client->run, client->status, client->headers.items,
                            client->headers.count, whole);
    return moved;
}

// Turns until nothing is left to do at once. What goes over a socket pair is there at the next
// turn, and what it leads to may be seen in the turn after that.
static void settle(struct mg_stage *stage)
{
    enum { quiet_turns = 2 };
    for (int quiet = 0; quiet < quiet_turns; quiet++) {
        if (mg_loop_turn(&stage->worker.loop))
            quiet = -1;
        for (struct mg_list *node = stage->clients.next; node != &stage->clients; node = node->next)
            if (go_on(stage, MG_OWNER(node, struct mg_stage_client, node)))
                quiet = -1;
    }
}

// What is told

unsigned mg_stage_drive(struct mg_stage *stage, struct mg_str bytes)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct mg_net *net = &stage->worker.net;
    int fd;
    struct mg_stage_client *client = mg_stage_client_new(bytes, &fd);
    if (!client)
        return 0;
    client->run = ++stage->runs;
    mg_list_push(&stage->clients, &client->node);
    mg_net_take(net);
    if (!mg_conn_open(net, fd, (const struct sockaddr *)(const void *)&peer))
        return 0;
    stage->coming = client;
    settle(stage);
    stage->coming = NULL;
    return client->run;
}

void mg_stage_tick(struct mg_stage *stage, uint64_t ms)
{
    struct mg_loop *loop = &stage->worker.loop;
    uint64_t to = mg_loop_now(loop) + ms;
    for (uint64_t at; (at = mg_loop_next(loop)) <= to; settle(stage))
        mg_loop_move(loop, at);
    mg_loop_move(loop, to);
    settle(stage);
}

bool mg_stage_answer(struct mg_stage *stage, unsigned id, const struct mg_result *answer)
{
    struct mg_standin_call *call = mg_standins_find(&stage->standins, id);
    bool open = call && mg_standin_answer(call, answer);
    settle(stage);
    return open;
}

static struct mg_stage_client *find(struct mg_stage *stage, unsigned run)
{
    for (struct mg_list *node = stage->clients.next; node != &stage->clients; node = node->next)
        if (MG_OWNER(node, struct mg_stage_client, node)->run == run)
            return MG_OWNER(node, struct mg_stage_client, node);
    return NULL;
}

void mg_stage_leave(struct mg_stage *stage, unsigned run)
{
    struct mg_stage_client *client = find(stage, run);
    if (client)
        mg_stage_client_close(client);
    settle(stage);
}

struct mg_str mg_stage_news(struct mg_stage *stage)
{
    struct mg_buf *news = news_of(stage);
    stage->told = true;
    return mg_buf_str(news);
}

struct mg_str mg_stage_reply(struct mg_stage *stage, unsigned run)
{
    struct mg_stage_client *client = find(stage, run);
    return client ? mg_buf_str(&client->body) : (struct mg_str){0};
}

struct mg_str mg_stage_sent(struct mg_stage *stage, unsigned id)
{
    struct mg_standin_call *call = mg_standins_find(&stage->standins, id);
    return call ? mg_buf_str(&call->body) : (struct mg_str){0};
}

const struct mg_generation *mg_stage_generation(const struct mg_stage *stage)
{
    return stage->generation;
}

// Its beginning and its end

static bool open_store(struct mg_stage *stage)
{
    struct mg_local_store_options options = {
        .bytes = stage->edition->config->limits.shared,
        .now = now_for_stores,
    };
    mg_local_store_free(stage->common.store);
    stage->common.store = mg_local_store_new(&options);
    mg_vm_store(stage->generation->vm, stage->common.store);
    return stage->common.store != NULL;
}

// What is left to gate.finally is not begun any more; what of it is at work runs out of time.
static void end_runs(struct mg_stage *stage)
{
    struct mg_worker *worker = &stage->worker;
    worker->hurried = true;
    worker->last_moment = mg_loop_now(&worker->loop);
    mg_net_abort(&worker->net);
    for (struct mg_list *node = worker->exchanges.next; node != &worker->exchanges;) {
        struct mg_exchange *exchange = MG_OWNER(node, struct mg_exchange, node);
        node = node->next;
        mg_exchange_abort(exchange);
    }
    settle(stage);
    while (!mg_list_empty(&worker->exchanges) && mg_loop_next(&worker->loop) != UINT64_MAX) {
        mg_loop_move(&worker->loop, mg_loop_next(&worker->loop));
        settle(stage);
    }
    worker->hurried = worker->net.draining = false;
}

void mg_stage_clear(struct mg_stage *stage)
{
    for (struct mg_list *node = stage->clients.next; node != &stage->clients; node = node->next)
        mg_stage_client_close(MG_OWNER(node, struct mg_stage_client, node));
    settle(stage);
    end_runs(stage);
    while (!mg_list_empty(&stage->clients))
        mg_stage_client_free(MG_OWNER(stage->clients.next, struct mg_stage_client, node));
    mg_standins_forget(&stage->standins);
    mg_buf_clear(&stage->news);
    stage->began = mg_loop_now(&stage->worker.loop);
    open_store(stage);
}

static bool load(struct mg_stage *stage, const char *dir, struct mg_faults *faults)
{
    stage->edition = mg_edition_new(dir, faults);
    if (!stage->edition || mg_faults_any(faults) || !mg_edition_configure(stage->edition, faults))
        return false;
    stage->generation = mg_generation_new(&stage->edition->folder, stage->edition->config, faults);
    if (stage->generation)
        stage->generation->edition = stage->edition;
    return stage->generation != NULL;
}

static void open_worker(struct mg_stage *stage)
{
    struct mg_worker *worker = &stage->worker;
    worker->common = &stage->common;
    worker->limits = stage->edition->config->conn;
    worker->generation = stage->generation;
    stage->generation->worker = worker;
    stage->handler = mg_arrival_handler;
    stage->handler.head = on_head;
    worker->state = MG_WORKER_SERVING;
    worker->net.loop = &worker->loop;
    worker->net.limits = &worker->limits;
    worker->net.handler = &stage->handler;
    worker->net.owner = worker;
    worker->net.connections = &stage->common.connections;
}

static bool open_all(struct mg_stage *stage)
{
    const struct mg_config *config = stage->edition->config;
    struct mg_worker *worker = &stage->worker;
    stage->common.grounds = &stage->grounds;
    if (mg_loop_init(&worker->loop) != MG_OK)
        return false;
    mg_loop_hold(&worker->loop);
    stage->began = mg_loop_now(&worker->loop);
    mg_vm_tickets(stage->generation->vm, 0); // what tasks are asked is a call like any other
    clock_of_stores = &worker->loop;
    open_worker(stage);
    stage->standins.loop = &worker->loop;
    stage->standins.started = on_started;
    stage->standins.ended = on_ended;
    stage->standins.owner = stage;
    return mg_net_init(&worker->net) == MG_OK &&
           mg_standins_open(&stage->standins, config->backends, config->backend_count,
                            &stage->generation->backends) &&
           open_store(stage);
}

struct mg_stage *mg_stage_new(const char *dir, struct mg_faults *faults)
{
    struct mg_stage *stage = calloc(1, sizeof *stage);
    if (!stage)
        return NULL;
    mg_list_init(&stage->clients);
    mg_list_init(&stage->worker.exchanges);
    mg_list_init(&stage->worker.generations);
    mg_list_init(&stage->standins.calls);
    mg_log_to(on_log, stage);
    if (load(stage, dir, faults) && open_all(stage))
        return stage;
    if (!mg_faults_any(faults))
        mg_faults_add(faults, MG_STR("gateway.lua"), 0, MG_STR("no memory or descriptors"));
    mg_stage_free(stage);
    return NULL;
}

void mg_stage_free(struct mg_stage *stage)
{
    if (!stage)
        return;
    if (stage->worker.net.scratch) {
        mg_stage_clear(stage);
        mg_net_fini(&stage->worker.net);
    }
    if (stage->generation)
        mg_standins_close(&stage->standins, &stage->generation->backends);
    mg_loop_fini(&stage->worker.loop);
    mg_log_to(NULL, NULL);
    mg_generation_free(stage->generation);
    mg_edition_free(stage->edition);
    mg_local_store_free(stage->common.store);
    mg_buf_fini(&stage->news);
    free(stage);
}
