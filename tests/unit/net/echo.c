#include "echo.h"

#include <semaphore.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "loop/mailbox.h"
#include "net/listener.h"

struct echo {
    pthread_t thread;
    struct mg_loop loop;
    struct mg_mailbox box;
    struct mg_net net;
    struct mg_conn_limits limits;
    struct mg_listener *listener;
    int fd;
    struct mg_mail hold;
    sem_t held, go, drained;
    _Atomic unsigned open, head, complete, refused, sent, gone, broken, requests;
};

// What is being done for one request; in its arena.
struct answer {
    struct echo *echo;
    struct mg_conn *conn; // NULL: the client has left
    struct mg_request *request;
    struct mg_timer timer;
    struct mg_reply reply;
};

static const char filler[1000] = {'x'};

static void finish(struct answer *answer)
{
    struct echo *echo = answer->echo;
    mg_timer_drop(&echo->loop, &answer->timer);
    mg_request_free(answer->request);
    echo->requests--;
}

static void reply(struct answer *answer, int status, struct mg_str body)
{
    answer->reply.status = status;
    answer->reply.pieces = MG_ARENA_NEW(&answer->request->arena, struct mg_str);
    answer->reply.pieces[0] = body;
    answer->reply.piece_count = 1;
    mg_conn_reply(answer->conn, answer->request, &answer->reply);
}

static void reply_big(struct answer *answer, uint64_t bytes)
{
    size_t count = bytes / sizeof filler;
    answer->reply.status = 200;
    answer->reply.pieces =
        mg_arena_zero(&answer->request->arena, count + 1, sizeof *answer->reply.pieces);
    for (size_t i = 0; i < count; i++)
        answer->reply.pieces[i] = (struct mg_str){filler, sizeof filler};
    answer->reply.piece_count = (unsigned)count;
    mg_conn_reply(answer->conn, answer->request, &answer->reply);
}

static uint64_t number(struct mg_str text)
{
    uint64_t value = 0;
    mg_str_uint(text, &value);
    return value;
}

static void late(struct mg_timer *timer)
{
    struct answer *answer = MG_OWNER(timer, struct answer, timer);
    if (answer->conn)
        reply(answer, 200, mg_buf_str(&answer->request->body));
    else
        finish(answer);
}

static void on_head(void *owner, struct mg_conn *conn, struct mg_request *request)
{
    struct echo *echo = owner;
    struct answer *answer = MG_ARENA_NEW(&request->arena, struct answer);
    *answer = (struct answer){.echo = echo, .conn = conn, .request = request};
    answer->timer.run = late;
    request->exchange = answer;
    request->body.limit = mg_str_is(request->path, "/small") ? 16 : 1 << 20;
    request->streamed = mg_str_is(request->path, "/duplex");
    echo->head++;
    echo->requests++;
    if (mg_str_is(request->path, "/early"))
        reply(answer, 404, MG_STR("early"));
}

// The body comes back while it comes; the query is the length that is announced, if there is one.
static void begin_duplex(struct answer *answer, bool announced, uint64_t length)
{
    struct mg_conn_stream stream = {.length = announced ? (int64_t)length : -1};
    answer->reply.status = 200;
    mg_conn_begin(answer->conn, answer->request, &answer->reply, &stream);
    if (answer->request->body_length == 0)
        mg_conn_end(answer->conn, answer->request);
    else
        mg_conn_read_body(answer->conn, answer->request);
}

static bool on_piece(void *owner, struct mg_request *request, struct mg_str bytes)
{
    struct answer *answer = request->exchange;
    if (bytes.len)
        return mg_conn_write(answer->conn, request, bytes);
    mg_conn_end(answer->conn, request);
    return true;
}

static void on_drained(void *owner, struct mg_request *request)
{
    struct answer *answer = request->exchange;
    mg_conn_read_body(answer->conn, request);
}

static void on_complete(void *owner, struct mg_request *request)
{
    struct echo *echo = owner;
    struct answer *answer = request->exchange;
    uint64_t value = number(request->query);
    echo->complete++;
    if (mg_str_is(request->path, "/echo") || mg_str_is(request->path, "/small"))
        reply(answer, 200, mg_buf_str(&request->body));
    else if (mg_str_is(request->path, "/duplex"))
        begin_duplex(answer, request->query.len > 0, value);
    else if (mg_str_is(request->path, "/peer"))
        reply(answer, 200, request->peer);
    else if (mg_str_is(request->path, "/none"))
        reply(answer, 204, MG_STR(""));
    else if (mg_str_is(request->path, "/big"))
        reply_big(answer, value);
    else if (mg_str_is(request->path, "/after"))
        mg_timer_set(&echo->loop, &answer->timer, mg_loop_now(&echo->loop) + value);
}

static void on_refused(void *owner, struct mg_request *request, int status, const char *detail)
{
    struct echo *echo = owner;
    struct answer *answer = request->exchange;
    echo->refused++;
    if (answer->reply.status)
        mg_conn_break(answer->conn, request); // it has begun
    else
        reply(request->exchange, status, mg_str_of(detail));
}

static void on_sent(void *owner, struct mg_request *request)
{
    struct echo *echo = owner;
    echo->sent++;
    finish(request->exchange);
}

// An unsafe request runs on unheard, as a gateway's does.
static void on_gone(void *owner, struct mg_request *request)
{
    struct echo *echo = owner;
    struct answer *answer = request->exchange;
    echo->gone++;
    if (mg_str_is(request->path, "/gone"))
        reply_big(answer, number(request->query));
    answer->conn = NULL;
    if (mg_method_safe(request->method) || !answer->timer.place)
        finish(answer);
}

static void on_broken(void *owner, struct mg_arena *arena, int status, const char *detail,
                      struct mg_reply *reply_to)
{
    struct echo *echo = owner;
    echo->broken++;
    reply_to->status = status;
    reply_to->pieces = MG_ARENA_NEW(arena, struct mg_str);
    reply_to->pieces[0] = mg_arena_copy(arena, mg_str_of(detail));
    reply_to->piece_count = 1;
}

static const struct mg_conn_handler handler = {
    .head = on_head,
    .complete = on_complete,
    .piece = on_piece,
    .drained = on_drained,
    .refused = on_refused,
    .sent = on_sent,
    .gone = on_gone,
    .broken = on_broken,
};

// An order to the server's thread, which the sender waits for.
struct order {
    struct mg_mail mail;
    struct echo *echo;
    void (*obey)(struct echo *echo);
    sem_t done;
};

static void deliver(struct mg_mail *mail)
{
    struct order *order = MG_OWNER(mail, struct order, mail);
    order->obey(order->echo);
    sem_post(&order->done);
}

static void order(struct echo *echo, void (*obey)(struct echo *echo))
{
    struct order one = {.mail.deliver = deliver, .echo = echo, .obey = obey};
    sem_init(&one.done, 0, 0);
    if (mg_mailbox_send(&echo->box, &one.mail))
        sem_wait(&one.done);
    sem_destroy(&one.done);
}

static void *run(void *data)
{
    struct echo *echo = data;
    mg_loop_run(&echo->loop);
    mg_net_fini(&echo->net);
    mg_loop_fini(&echo->loop);
    return NULL;
}

static unsigned or (unsigned value, unsigned otherwise)
{
    return value ? value : otherwise;
}

static void set_limits(struct mg_conn_limits *limits, const struct echo_options *options)
{
    *limits = (struct mg_conn_limits){
        .request = {.target = or (options->target, 8192),
                    .header = or (options->header, 16384),
                    .count = 100,
                    .trailer = 1024,
                    .extensions = 1024},
        .header_ms = or (options->header_ms, 60000),
        .body_idle_ms = or (options->body_idle_ms, 60000),
        .body_rate = options->body_rate,
        .idle_ms = or (options->idle_ms, 60000),
        .write_ms = or (options->write_ms, 60000),
        .requests = or (options->requests, 1000000),
        .pipelined = or (options->pipelined, 65536),
        .linger_ms = or (options->linger_ms, 60000),
        .connections = or (options->connections, 100000),
    };
}

struct echo *echo_start(const struct echo_options *options)
{
    struct echo *echo = calloc(1, sizeof *echo);
    struct mg_buf why = {0};
    set_limits(&echo->limits, options);
    mg_loop_init(&echo->loop);
    echo->net = (struct mg_net){.loop = &echo->loop,
                                .limits = &echo->limits,
                                .handler = &handler,
                                .owner = echo,
                                .connections = &echo->open};
    mg_net_init(&echo->net);
    echo->fd = mg_listener_bind(MG_STR("127.0.0.1:0"), false, &why);
    mg_buf_fini(&why);
    int room = (int)options->send_room;
    if (room)
        setsockopt(echo->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    mg_mailbox_open(&echo->box, &echo->loop);
    pthread_create(&echo->thread, NULL, run, echo);
    return echo;
}

int echo_port(const struct echo *echo)
{
    struct mg_buf address = {0};
    mg_listener_address(echo->fd, &address);
    mg_buf_put_char(&address, '\0');
    int port = atoi(strchr(address.data, ':') + 1);
    mg_buf_fini(&address);
    return port;
}

static void listen_now(struct echo *echo)
{
    echo->listener = mg_listener_new(&echo->net, echo->fd);
}

static void deafen_now(struct echo *echo)
{
    if (echo->listener)
        mg_listener_close(echo->listener);
    echo->listener = NULL;
}

static void drain_now(struct echo *echo)
{
    mg_net_drain(&echo->net);
}

static void hold_now(struct mg_mail *mail)
{
    struct echo *echo = MG_OWNER(mail, struct echo, hold);
    sem_post(&echo->held);
    sem_wait(&echo->go);
    drain_now(echo);
    sem_post(&echo->drained);
}

void echo_hold(struct echo *echo)
{
    sem_init(&echo->held, 0, 0);
    sem_init(&echo->go, 0, 0);
    sem_init(&echo->drained, 0, 0);
    echo->hold.deliver = hold_now;
    mg_mailbox_send(&echo->box, &echo->hold);
    sem_wait(&echo->held);
}

void echo_drain_held(struct echo *echo)
{
    sem_post(&echo->go);
    sem_wait(&echo->drained);
}

static void stop_now(struct echo *echo)
{
    deafen_now(echo);
    mg_net_abort(&echo->net);
    mg_mailbox_close(&echo->box);
}

void echo_listen(struct echo *echo)
{
    order(echo, listen_now);
}

void echo_deafen(struct echo *echo)
{
    order(echo, deafen_now);
}

void echo_drain(struct echo *echo)
{
    order(echo, drain_now);
}

void echo_stop(struct echo *echo)
{
    order(echo, stop_now);
    pthread_join(echo->thread, NULL);
    close(echo->fd);
    free(echo);
}

void echo_count(struct echo *echo, struct echo_counts *counts)
{
    *counts = (struct echo_counts){echo->head, echo->complete, echo->refused, echo->sent,
                                   echo->gone, echo->broken,   echo->open,    echo->requests};
}

double echo_cpu(struct echo *echo)
{
    clockid_t clock;
    struct timespec spent;
    if (pthread_getcpuclockid(echo->thread, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        return -1;
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}
