// The way of an order from its worker to the pool and back. On the pool's own loop both ends are
// called directly, elsewhere they are mailed; what happens is the same.
#include "backend/postgres.h"

#include <assert.h>
#include <stdlib.h>

struct mg_postgres {
    struct mg_postgres_config config;
    struct mg_postgres_target *target;
    struct mg_resolver *resolver;
    char *name;
    pthread_mutex_t lock;
    struct mg_postgres_pool *pool;  // of those whose seats are counted; NULL: none yet
    struct mg_postgres_seat *first; // on whose loop that is
    unsigned seats;
};

struct mg_postgres_seat {
    struct mg_backend backend;
    struct mg_postgres *postgres;
    struct mg_postgres_pool *pool;
    struct mg_mailbox *home;
    bool host;             // the pool is on this loop
    struct mg_list waits;  // orders whose call waits
    unsigned out;          // orders at the pool, abandoned ones included
    struct mg_mail ending; // tells the host that the last seat has left
    void (*closed)(void *owner);
    void *owner;
    struct mg_task closing;
};

static struct mg_postgres_seat *seat_of(struct mg_backend *backend)
{
    return MG_OWNER(backend, struct mg_postgres_seat, backend);
}

static void post(struct mg_mailbox *box, struct mg_mail *mail, void (*deliver)(struct mg_mail *))
{
    mail->deliver = deliver;
    bool sent = mg_mailbox_send(box, mail);
    assert(sent); // both ends keep their mailbox open while orders are out
    (void)sent;
}

static void end_if_closing(struct mg_postgres_seat *seat)
{
    if (seat->closed && !seat->out)
        mg_loop_defer(seat->backend.loop, &seat->closing);
}

static struct mg_call *abandon(struct mg_postgres_order *order)
{
    struct mg_call *call = order->call;
    order->call = NULL;
    mg_list_drop(&order->waits);
    mg_timer_drop(order->seat->backend.loop, &order->deadline);
    return call;
}

// The bytes go to the call's arena as they are, without a copy.
static void land(struct mg_postgres_order *order)
{
    struct mg_backend *backend = &order->seat->backend;
    struct mg_call *call = abandon(order);
    struct mg_result *result = &call->result;
    struct mg_buf *body = &order->body;
    if (order->error == MG_OK && !mg_arena_at_end(call->arena, free, body->data))
        mg_postgres_order_fail(order, MG_NO_MEMORY, "no memory");
    result->form = MG_BODY_JSON;
    result->status = order->status;
    if (order->error != MG_OK) {
        mg_backend_fail(backend, call, order->error, mg_str_of(order->message));
        return;
    }
    result->body = (struct mg_str){body->data, body->len};
    *body = (struct mg_buf){0};
    mg_backend_land(backend, call, MG_OK, (struct mg_str){0});
}

// An order's memory goes when it is back, and so is what was sent after it.
static void let_go(struct mg_postgres_order *order)
{
    struct mg_postgres_seat *seat = order->seat;
    if (!order->home || order->stopping)
        return;
    mg_postgres_order_free(order);
    seat->out--;
    end_if_closing(seat);
}

static void come_home(struct mg_mail *mail)
{
    struct mg_postgres_order *order = MG_OWNER(mail, struct mg_postgres_order, mail);
    order->home = true;
    if (order->call)
        land(order);
    let_go(order);
}

static void send_home(struct mg_postgres_order *order)
{
    if (order->seat->host)
        come_home(&order->mail);
    else
        post(order->seat->home, &order->mail, come_home);
}

// On the pool's loop.
static void arrive(struct mg_mail *mail)
{
    struct mg_postgres_order *order = MG_OWNER(mail, struct mg_postgres_order, mail);
    mg_postgres_pool_take(order->seat->pool, order, send_home);
}

static void stop_is_back(struct mg_mail *mail)
{
    struct mg_postgres_order *order = MG_OWNER(mail, struct mg_postgres_order, stop);
    order->stopping = false;
    let_go(order);
}

// On the pool's loop: it may have ended meanwhile, and be on its way home.
static void stop_arrives(struct mg_mail *mail)
{
    struct mg_postgres_order *order = MG_OWNER(mail, struct mg_postgres_order, stop);
    struct mg_postgres_seat *seat = order->seat;
    if (order->pool)
        mg_postgres_pool_stop(seat->pool, order);
    post(seat->home, &order->stop, stop_is_back);
}

// The call has ended without it.
static void stop(struct mg_postgres_order *order)
{
    struct mg_postgres_seat *seat = order->seat;
    if (seat->host) {
        mg_postgres_pool_stop(seat->pool, order);
        return;
    }
    order->stopping = true;
    post(mg_postgres_pool_home(seat->pool), &order->stop, stop_arrives);
}

static void expire(struct mg_timer *timer)
{
    struct mg_postgres_order *order = MG_OWNER(timer, struct mg_postgres_order, deadline);
    struct mg_backend *backend = &order->seat->backend;
    struct mg_call *call = abandon(order);
    stop(order);
    mg_backend_land(backend, call, MG_TIMEOUT, MG_STR("out of time"));
}

static void start(struct mg_backend *backend, struct mg_call *call)
{
    struct mg_postgres_seat *seat = seat_of(backend);
    enum mg_status error;
    const char *why;
    struct mg_postgres_order *order = mg_postgres_order_new(call, &error, &why);
    if (!order) {
        mg_backend_fail(backend, call, error, mg_str_of(why));
        return;
    }
    order->seat = seat;
    order->deadline.run = expire;
    if (!mg_timer_set(backend->loop, &order->deadline, call->deadline)) {
        mg_postgres_order_free(order);
        mg_backend_fail(backend, call, MG_NO_MEMORY, MG_STR("no memory"));
        return;
    }
    call->running = order;
    mg_list_push(&seat->waits, &order->waits);
    seat->out++;
    if (seat->host)
        arrive(&order->mail);
    else
        post(mg_postgres_pool_home(seat->pool), &order->mail, arrive);
}

static void cancel(struct mg_backend *backend, struct mg_call *call)
{
    struct mg_postgres_order *order = call->running;
    abandon(order);
    mg_backend_fail(backend, call, MG_CANCELLED, MG_STR("cancelled"));
    stop(order);
}

static void end(void *owner)
{
    struct mg_postgres_seat *seat = owner;
    void (*closed)(void *owner) = seat->closed;
    void *whose = seat->owner;
    free(seat);
    closed(whose);
}

// On the pool's loop: its seat goes with it.
static void close_pool(struct mg_mail *mail)
{
    struct mg_postgres_seat *first = MG_OWNER(mail, struct mg_postgres_seat, ending);
    mg_postgres_pool_close(first->pool, end, first);
}

// The pool's own seat stays as long as others sit there.
static void on_closing(struct mg_task *task)
{
    struct mg_postgres_seat *seat = MG_OWNER(task, struct mg_postgres_seat, closing);
    struct mg_postgres *postgres = seat->postgres;
    if (seat->backend.failed) { // calls made while those before them landed
        mg_loop_defer(seat->backend.loop, task);
        return;
    }
    pthread_mutex_lock(&postgres->lock);
    struct mg_postgres_seat *first = --postgres->seats == 0 ? postgres->first : NULL;
    if (first) {
        postgres->first = NULL;
        postgres->pool = NULL;
    }
    pthread_mutex_unlock(&postgres->lock);
    if (first == seat)
        close_pool(&seat->ending);
    else if (first)
        post(first->home, &first->ending, close_pool);
    if (!seat->host)
        end(seat);
}

static void close_seat(struct mg_backend *backend, void (*closed)(void *owner), void *owner)
{
    struct mg_postgres_seat *seat = seat_of(backend);
    seat->closed = closed;
    seat->owner = owner;
    while (!mg_list_empty(&seat->waits)) {
        struct mg_postgres_order *next =
            MG_OWNER(seat->waits.next, struct mg_postgres_order, waits);
        cancel(backend, next->call);
    }
    end_if_closing(seat);
}

static const struct mg_backend_kind kind = {
    .word = "sql",
    .start = start,
    .cancel = cancel,
    .close = close_seat,
};

static bool take_seat(struct mg_postgres_seat *seat)
{
    struct mg_postgres *postgres = seat->postgres;
    pthread_mutex_lock(&postgres->lock);
    if (!postgres->pool) {
        postgres->pool = mg_postgres_pool_new(&postgres->config, postgres->target,
                                              postgres->resolver, seat->backend.loop, seat->home);
        postgres->first = seat;
        seat->host = postgres->pool != NULL;
    }
    seat->pool = postgres->pool;
    postgres->seats += seat->pool != NULL;
    pthread_mutex_unlock(&postgres->lock);
    return seat->pool != NULL;
}

struct mg_backend *mg_postgres_open(struct mg_postgres *postgres, struct mg_loop *loop,
                                    struct mg_mailbox *home)
{
    struct mg_postgres_seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return NULL;
    seat->backend = (struct mg_backend){.kind = &kind, .loop = loop, .name = postgres->config.name};
    seat->postgres = postgres;
    seat->home = home;
    seat->closing.run = on_closing;
    mg_list_init(&seat->waits);
    if (take_seat(seat))
        return &seat->backend;
    free(seat);
    return NULL;
}

static const char *set_up(struct mg_postgres *postgres, const struct mg_postgres_options *options,
                          char room[256])
{
    struct mg_postgres_config *config = &postgres->config;
    *config = options->config;
    config->at_once = config->at_once ? config->at_once : 16;
    config->connect_ms = config->connect_ms ? config->connect_ms : 1000;
    postgres->name = strndup(options->config.name.data, options->config.name.len);
    if (!postgres->name)
        return "no memory";
    config->name = mg_str_of(postgres->name);
    postgres->target = mg_postgres_target_new(options->url, room);
    if (!postgres->target)
        return room;
    struct mg_str name = mg_postgres_target_name(postgres->target);
    return name.len && !mg_resolver_keep(postgres->resolver, name) ? "no memory" : NULL;
}

struct mg_postgres *mg_postgres_new(const struct mg_postgres_options *options,
                                    struct mg_resolver *resolver, struct mg_buf *why)
{
    char room[256];
    struct mg_postgres *postgres = calloc(1, sizeof *postgres);
    if (!postgres || pthread_mutex_init(&postgres->lock, NULL) != 0) {
        free(postgres);
        mg_buf_put(why, MG_STR("no memory"));
        return NULL;
    }
    postgres->resolver = resolver;
    const char *wrong = set_up(postgres, options, room);
    if (!wrong)
        return postgres;
    mg_buf_put(why, mg_str_of(wrong));
    mg_postgres_free(postgres);
    return NULL;
}

void mg_postgres_free(struct mg_postgres *postgres)
{
    if (!postgres)
        return;
    assert(postgres->seats == 0);
    mg_postgres_target_free(postgres->target);
    pthread_mutex_destroy(&postgres->lock);
    free(postgres->name);
    free(postgres);
}
