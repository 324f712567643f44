#include "backend/postgres_pool.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

// ms
enum {
    patience_most = 100, // that an order may be expected to wait for a connection
    retry_least = 50,    // until a server that could not be reached is tried again: at first
    retry_most = 500,    // and after many times
    idle_life = 60000,   // of a connection that nobody needs
    link_life = 1800000, // of any: so that a server's new address is taken up
    cancels_most = 64,   // threads
};

struct mg_postgres_pool {
    struct mg_postgres_config config;
    struct mg_postgres_links shared;
    struct mg_mailbox *home;
    struct mg_resolver_seat *names;
    struct mg_name_wait name_wait;
    struct mg_str host; // to look up; empty: none
    struct mg_list queue;
    unsigned waiting;
    struct mg_list idle;   // links, the longest idle first
    struct mg_list others; // all other links
    unsigned links, dialling;
    bool naming;        // a look-up is waited for, to dial then
    unsigned addresses; // that the host has; 1 where there is nothing to look up
    unsigned turn;      // which of them is dialled: the one that was reached last
    uint64_t mean_us;   // running mean of how long an order holds its connection
    bool down;          // the last dial has failed
    enum mg_status why; // it failed so
    char words[256];
    uint64_t retry_ms;
    struct mg_timer retry; // naming, or down
    struct mg_timer ageing;
    void (*closed)(void *owner);
    void *owner;
    struct mg_task ending;
};

static void serve(struct mg_postgres_pool *pool);

static struct mg_loop *loop_of(const struct mg_postgres_pool *pool)
{
    return pool->shared.loop;
}

static void end_order(struct mg_postgres_order *order)
{
    order->pool = NULL;
    order->ended(order);
}

static void leave_queue(struct mg_postgres_pool *pool, struct mg_postgres_order *order)
{
    mg_list_drop(&order->node);
    pool->waiting--;
}

static unsigned standing(const struct mg_postgres_pool *pool)
{
    return pool->links - pool->dialling;
}

// Nobody waits for a server that is not there.
static void refuse_all(struct mg_postgres_pool *pool)
{
    while (!mg_list_empty(&pool->queue)) {
        struct mg_postgres_order *order =
            MG_OWNER(pool->queue.next, struct mg_postgres_order, node);
        leave_queue(pool, order);
        mg_postgres_order_fail(order, pool->why, "%s", pool->words);
        end_order(order);
    }
}

static void dial_failed(struct mg_postgres_pool *pool, enum mg_status error, const char *why)
{
    struct mg_loop *loop = loop_of(pool);
    if (!pool->down)
        mg_log(MG_LOG_WARN, "database %.*s cannot be reached: %s", (int)pool->config.name.len,
               pool->config.name.data, why);
    if (!pool->down)
        pool->retry_ms = retry_least;
    else if (!pool->retry.place) // else it is one of several that were dialled together
        pool->retry_ms = pool->retry_ms * 2 < retry_most ? pool->retry_ms * 2 : retry_most;
    pool->down = true;
    pool->why = error;
    snprintf(pool->words, sizeof pool->words, "%s", why);
    mg_timer_set(loop, &pool->retry,
                 mg_loop_now(loop) + pool->retry_ms); // else the next call dials
    if (!standing(pool))
        refuse_all(pool);
}

static void dial(struct mg_postgres_pool *pool, const char *address, unsigned tries)
{
    struct mg_postgres_link *link = mg_postgres_link_new(&pool->shared, pool, address);
    if (!link) {
        dial_failed(pool, MG_NO_MEMORY, "no memory");
        return;
    }
    link->turn = pool->turn;
    link->tries = tries;
    pool->links++;
    pool->dialling++;
    mg_list_push(&pool->others, &link->node);
}

static void dial_named(struct mg_postgres_pool *pool, unsigned tries)
{
    struct mg_loop *loop = loop_of(pool);
    struct mg_addresses *found = NULL;
    char text[MG_ADDRESS_TEXT];
    pool->naming = false;
    switch (mg_resolver_ask(pool->names, pool->host, &found)) {
    case MG_NAME_KNOWN:
        pool->addresses = found->count;
        mg_address_text(&found->items[pool->turn % found->count], text);
        mg_addresses_drop(found);
        text[strcspn(text, "]")] = '\0'; // libpq wants IPv6 without its brackets
        dial(pool, text + (text[0] == '['), tries);
        break;
    case MG_NAME_PENDING:
        pool->naming = true;
        mg_resolver_wait(pool->names, &pool->name_wait);
        mg_timer_set(loop, &pool->retry, mg_loop_now(loop) + pool->config.connect_ms);
        break;
    case MG_NAME_UNKNOWN:
    case MG_NAME_BUSY:
        dial_failed(pool, MG_DNS, "its name is not known");
        break;
    }
}

// `tries`: how many addresses did not answer just now.
static void start_dial(struct mg_postgres_pool *pool, unsigned tries)
{
    if (pool->host.len)
        dial_named(pool, tries);
    else
        dial(pool, NULL, tries);
}

static void on_name(struct mg_name_wait *wait)
{
    struct mg_postgres_pool *pool = MG_OWNER(wait, struct mg_postgres_pool, name_wait);
    mg_timer_drop(loop_of(pool), &pool->retry);
    dial_named(pool, 0);
    serve(pool);
}

static void on_retry(struct mg_timer *timer)
{
    struct mg_postgres_pool *pool = MG_OWNER(timer, struct mg_postgres_pool, retry);
    if (pool->naming) {
        pool->naming = false;
        mg_name_wait_drop(&pool->name_wait);
        dial_failed(pool, MG_DNS, "its name was not found in time");
    } else if (standing(pool) && mg_list_empty(&pool->queue)) {
        pool->down = false; // it is there, and lets in so many
    } else if (!pool->dialling && pool->links < pool->config.at_once) {
        start_dial(pool, 0);
    }
}

static uint64_t now_us(void)
{
    return uv_hrtime() / 1000;
}

static void run(struct mg_postgres_pool *pool, struct mg_postgres_link *link,
                struct mg_postgres_order *order)
{
    mg_list_drop(&link->node);
    mg_list_push(&pool->others, &link->node);
    order->began = now_us();
    mg_postgres_link_run(link, order);
}

// Gives idle connections to who waits, and dials as many more as are wanted; where the last dial
// has failed, that is for the timer.
static void serve(struct mg_postgres_pool *pool)
{
    while (!mg_list_empty(&pool->queue) && !mg_list_empty(&pool->idle)) {
        struct mg_postgres_order *order =
            MG_OWNER(pool->queue.next, struct mg_postgres_order, node);
        leave_queue(pool, order);
        // The one that was used last: so the surplus grows old.
        run(pool, MG_OWNER(pool->idle.prev, struct mg_postgres_link, node), order);
    }
    while (!pool->naming && !pool->down && pool->dialling < pool->waiting &&
           pool->links < pool->config.at_once)
        start_dial(pool, 0);
}

static void set_ageing(struct mg_postgres_pool *pool)
{
    if (mg_list_empty(&pool->idle) || pool->ageing.place)
        return;
    struct mg_postgres_link *oldest = MG_OWNER(pool->idle.next, struct mg_postgres_link, node);
    mg_timer_set(loop_of(pool), &pool->ageing, oldest->idle + idle_life); // else the next does
}

static void close_link(struct mg_postgres_pool *pool, struct mg_postgres_link *link)
{
    mg_list_drop(&link->node);
    pool->links--;
    pool->dialling -= link->state == MG_POSTGRES_DIALLING;
    mg_postgres_link_close(link);
}

static void on_ageing(struct mg_timer *timer)
{
    struct mg_postgres_pool *pool = MG_OWNER(timer, struct mg_postgres_pool, ageing);
    uint64_t now = mg_loop_now(loop_of(pool));
    while (!mg_list_empty(&pool->idle)) {
        struct mg_postgres_link *oldest = MG_OWNER(pool->idle.next, struct mg_postgres_link, node);
        if (now < oldest->idle + idle_life)
            break;
        close_link(pool, oldest);
    }
    set_ageing(pool);
}

static void end_if_closing(struct mg_postgres_pool *pool)
{
    if (pool->closed && !pool->links)
        mg_loop_defer(loop_of(pool), &pool->ending);
}

static void stands(struct mg_postgres_pool *pool)
{
    pool->dialling--;
    if (pool->down)
        mg_log(MG_LOG_INFO, "database %.*s can be reached again", (int)pool->config.name.len,
               pool->config.name.data);
    pool->down = false;
    mg_timer_drop(loop_of(pool), &pool->retry);
}

// A host is given up when all its addresses have been tried; several links may be at the same one.
static void died_dialling(struct mg_postgres_pool *pool, struct mg_postgres_link *link)
{
    pool->dialling--;
    pool->turn += link->turn == pool->turn;
    if (pool->closed)
        return;
    if (link->tries + 1 < pool->addresses)
        start_dial(pool, link->tries + 1);
    else
        dial_failed(pool, MG_REFUSED, link->why);
}

static void died(struct mg_postgres_pool *pool, struct mg_postgres_link *link)
{
    pool->links--;
    if (!link->stood)
        died_dialling(pool, link);
    if (!pool->closed)
        serve(pool);
    end_if_closing(pool);
}

static void link_rests(struct mg_postgres_link *link)
{
    struct mg_postgres_pool *pool = link->pool;
    uint64_t now = mg_loop_now(loop_of(pool));
    mg_list_drop(&link->node);
    if (link->state == MG_POSTGRES_DEAD) {
        died(pool, link);
        return;
    }
    if (!link->known)
        stands(pool);
    link->known = true;
    mg_list_push(&pool->idle, &link->node);
    if (pool->closed || now - link->born > link_life || link->wire.bloated)
        close_link(pool, link);
    else
        set_ageing(pool);
    if (!pool->closed)
        serve(pool);
    end_if_closing(pool);
}

// Lets the mean follow, without being carried away by one that was slow.
static void link_ended(struct mg_postgres_order *order)
{
    struct mg_postgres_pool *pool = order->pool;
    uint64_t held = now_us() - order->began;
    if (pool->mean_us && held > 8 * pool->mean_us)
        held = 8 * pool->mean_us;
    pool->mean_us = pool->mean_us ? (7 * pool->mean_us + held) / 8 : held;
    end_order(order);
}

// Those for whom there may be connections, but are none yet, do not count as waiting.
static bool patient(const struct mg_postgres_pool *pool, const struct mg_postgres_order *order)
{
    uint64_t now = mg_loop_now(loop_of(pool));
    uint64_t left = order->until > now ? order->until - now : 0;
    uint64_t patience = left < patience_most ? left : patience_most;
    unsigned spare = pool->config.at_once - standing(pool);
    unsigned ahead = pool->waiting > spare ? pool->waiting - spare : 0;
    return pool->waiting < spare + pool->config.waiting &&
           ahead * pool->mean_us / pool->config.at_once <= patience * 1000;
}

void mg_postgres_pool_take(struct mg_postgres_pool *pool, struct mg_postgres_order *order,
                           void (*ended)(struct mg_postgres_order *order))
{
    order->pool = pool;
    order->ended = ended;
    bool at_once = mg_list_empty(&pool->queue) && !mg_list_empty(&pool->idle);
    if (pool->down && !standing(pool)) {
        mg_postgres_order_fail(order, pool->why, "%s", pool->words);
        if (!pool->retry.place && !pool->dialling)
            start_dial(pool, 0); // the timer could not be set
        end_order(order);
    } else if (!at_once && !patient(pool, order)) {
        mg_postgres_order_fail(order, MG_BUSY, "too many calls are waiting for its connections");
        end_order(order);
    } else {
        mg_list_push(&pool->queue, &order->node);
        pool->waiting++;
        serve(pool);
    }
}

void mg_postgres_pool_stop(struct mg_postgres_pool *pool, struct mg_postgres_order *order)
{
    mg_postgres_order_fail(order, MG_CANCELLED, "cancelled");
    if (order->link) {
        mg_postgres_link_stop(order->link);
        return;
    }
    leave_queue(pool, order);
    end_order(order);
}

struct mg_loop *mg_postgres_pool_loop(const struct mg_postgres_pool *pool)
{
    return pool->shared.loop;
}

struct mg_mailbox *mg_postgres_pool_home(const struct mg_postgres_pool *pool)
{
    return pool->home;
}

static void end(struct mg_task *task)
{
    struct mg_postgres_pool *pool = MG_OWNER(task, struct mg_postgres_pool, ending);
    void (*closed)(void *owner) = pool->closed;
    void *owner = pool->owner;
    mg_asides_close(pool->shared.asides);
    mg_resolver_leave(pool->names);
    free(pool);
    closed(owner);
}

void mg_postgres_pool_close(struct mg_postgres_pool *pool, void (*closed)(void *owner), void *owner)
{
    assert(mg_list_empty(&pool->queue));
    pool->closed = closed;
    pool->owner = owner;
    mg_name_wait_drop(&pool->name_wait);
    mg_timer_drop(loop_of(pool), &pool->retry);
    mg_timer_drop(loop_of(pool), &pool->ageing);
    while (!mg_list_empty(&pool->idle))
        close_link(pool, MG_OWNER(pool->idle.next, struct mg_postgres_link, node));
    for (struct mg_list *node = pool->others.next, *next; node != &pool->others; node = next) {
        struct mg_postgres_link *link = MG_OWNER(node, struct mg_postgres_link, node);
        next = node->next;
        if (link->state == MG_POSTGRES_DIALLING)
            close_link(pool, link);
    }
    end_if_closing(pool);
}

struct mg_postgres_pool *mg_postgres_pool_new(const struct mg_postgres_config *config,
                                              const struct mg_postgres_target *target,
                                              struct mg_resolver *resolver, struct mg_loop *loop,
                                              struct mg_mailbox *home)
{
    struct mg_postgres_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->config = *config;
    pool->home = home;
    pool->host = mg_postgres_target_name(target);
    pool->shared = (struct mg_postgres_links){
        .loop = loop,
        .target = target,
        .connect_ms = config->connect_ms,
        .ended = link_ended,
        .rests = link_rests,
    };
    pool->addresses = 1;
    pool->name_wait.again = on_name;
    pool->retry.run = on_retry;
    pool->ageing.run = on_ageing;
    pool->ending.run = end;
    mg_list_init(&pool->queue);
    mg_list_init(&pool->idle);
    mg_list_init(&pool->others);
    pool->shared.asides = mg_asides_new(home, cancels_most);
    pool->names = mg_resolver_join(resolver, home);
    if (pool->shared.asides && pool->names)
        return pool;
    mg_asides_close(pool->shared.asides);
    mg_resolver_leave(pool->names);
    free(pool);
    return NULL;
}
