// An exchange has a link from its start to its end, kept or new; when a kept one turns out dead,
// the link dials again and the request goes out anew. Functions that hand something to the user
// return false when the exchange is over by then: cut, or ended.
#include "backend/http_plain.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/http_link.h"
#include "backend/http_peer.h"
#include "backend/http_request.h"

enum {
    read_room = 64 << 10,       // bytes read at once, in one place for all links
    request_room_kept = 4 << 10 // bytes of a request's buffer that a kept link may keep
};

struct plain {
    struct mg_http_transport base;
    struct mg_loop *loop;
    struct mg_http_sockets sockets;
    struct mg_http_peers peers;
    struct mg_task task; // works off these lists of links:
    struct mg_list failing, resuming, dead;
    void (*closed)(void *owner);
    void *owner;
    struct mg_response response;
    char room[read_room];
};

static struct plain *plain_of(struct mg_http_transport *transport)
{
    return MG_OWNER(transport, struct plain, base);
}

static struct plain *plain_with(struct mg_http_link *link)
{
    return link->sockets->owner;
}

static void put_off(struct plain *plain, struct mg_http_link *link, struct mg_list *list)
{
    mg_list_drop(&link->node);
    mg_list_push(list, &link->node);
    mg_loop_defer(plain->loop, &plain->task);
}

// Its memory stays until the task runs: this may be inside one of its events.
static void drop(void *owner, struct mg_http_link *link)
{
    struct plain *plain = owner;
    link->state = MG_LINK_DEAD;
    // With an answer: what of the request is still in the socket is of no use to anybody.
    mg_http_link_close(link, link->transfer && (!link->answered || !mg_http_link_sent_all(link)));
    link->transfer = NULL;
    put_off(plain, link, &plain->dead);
}

static bool end(struct mg_http_link *link, enum mg_status error, const char *message)
{
    struct mg_http_transfer *transfer = link->transfer;
    if (link->state != MG_LINK_KEPT)
        drop(plain_with(link), link);
    link->transfer = NULL;
    transfer->inner = NULL;
    transfer->events->end(transfer, error, message);
    return false;
}

static bool fail_dialling(struct mg_http_link *link)
{
    if (link->wrong == ETIMEDOUT || link->wrong == EAGAIN)
        return end(link, MG_TIMEOUT, "no connection in time");
    return end(link, MG_REFUSED, "connection refused");
}

static bool reset(struct mg_http_link *link)
{
    return end(link, MG_RESET, "the connection was closed before the answer was whole");
}

// The answer is whole, and the request as far as it goes.
static bool finish(struct mg_http_link *link)
{
    struct plain *plain = plain_with(link);
    bool clean = mg_response_parser_keep_alive(link->parser) && !link->extra && !link->mute &&
                 mg_http_link_sent_all(link);
    mg_buf_fini(&link->held);
    if (clean && mg_http_peers_keep(&plain->peers, link)) {
        mg_buf_clear(&link->request);
        if (link->request.cap > request_room_kept)
            mg_buf_fini(&link->request);
    }
    return end(link, MG_OK, "");
}

static void watch(struct mg_http_link *link)
{
    if (link->state == MG_LINK_DIALLING) {
        if (link->fd >= 0)
            mg_http_sockets_want(link->sockets, link->fd, UV_WRITABLE);
        return;
    }
    int events = link->paused || link->answered ? 0 : UV_READABLE;
    if (!link->mute && !link->dry && !mg_http_link_sent_all(link))
        events |= UV_WRITABLE;
    mg_http_sockets_want(link->sockets, link->fd, events);
}

// False: there is nobody left to dial.
static bool dial_on(struct mg_http_link *link)
{
    if (!mg_http_link_dial(link))
        return false;
    watch(link);
    return true;
}

static bool dial(struct mg_http_link *link)
{
    struct mg_addresses *before = link->addresses;
    link->addresses = mg_addresses_share(link->peer->addresses);
    mg_addresses_drop(before);
    link->tried = 0;
    link->sent = 0;
    link->reused = false;
    link->until = mg_loop_fresh(link->sockets->loop) + link->connect_ms;
    return dial_on(link);
}

static bool dial_again(struct mg_http_link *link)
{
    return dial(link) || fail_dialling(link);
}

// What is left to send goes out, as far as the socket takes it. Where it takes no more, there may
// still be an answer to read.
static bool send_on(struct mg_http_link *link)
{
    if (link->mute || mg_http_link_sent_all(link))
        return true;
    if (!mg_http_link_send(link))
        link->mute = link->broken = true;
    if (link->answered && (link->mute || mg_http_link_sent_all(link)))
        return finish(link);
    return true;
}

static bool hold(struct mg_http_link *link, struct mg_str bytes)
{
    struct mg_buf held = {0};
    if (bytes.len && !mg_buf_put(&held, bytes))
        return end(link, MG_NO_MEMORY, "no memory");
    mg_buf_fini(&link->held); // `bytes` may have lain in there
    link->held = held;
    return true;
}

// The answer is whole. While the request is still going out, an answer that says no makes it
// pointless; any other waits for it, so that the connection may be kept. For a streamed body there
// is no telling how long that would be.
static bool complete(struct mg_http_link *link, size_t left)
{
    link->extra = left > 0;
    link->answered = true;
    return link->mute || link->streams || mg_http_link_sent_all(link) ? finish(link) : true;
}

static bool hand_over_head(struct mg_http_link *link, struct mg_response *response,
                           enum mg_http_flow *flow)
{
    struct mg_http_transfer *transfer = link->transfer;
    struct mg_headers headers = {response->fields, response->count, response->count};
    link->status = response->status;
    if (link->status >= 300 && !mg_http_link_sent_all(link))
        link->mute = true;
    *flow = transfer->events->head(transfer, response->status, &headers);
    return link->state == MG_LINK_BUSY;
}

static bool hand_over(struct mg_http_link *link, struct mg_str data, enum mg_http_flow *flow)
{
    struct mg_http_transfer *transfer = link->transfer;
    *flow = transfer->events->data(transfer, data);
    return link->state == MG_LINK_BUSY;
}

static bool refuse(struct mg_http_link *link)
{
    const char *message;
    enum mg_status error = mg_response_parser_error(link->parser, &message);
    return end(link, error, message);
}

// Makes events of what came.
static bool consume(struct mg_http_link *link, struct mg_str input)
{
    struct mg_response *response = &plain_with(link)->response;
    for (;;) {
        enum mg_http_flow flow = MG_HTTP_ON;
        switch (mg_response_parser_feed(link->parser, &input, response)) {
        case MG_PARSE_MORE:
            return true;
        case MG_PARSE_HEAD:
            if (!hand_over_head(link, response, &flow))
                return false;
            break;
        case MG_PARSE_DATA:
            if (!hand_over(link, response->data, &flow))
                return false;
            break;
        case MG_PARSE_COMPLETE:
            return complete(link, input.len);
        case MG_PARSE_REFUSED:
            return refuse(link);
        }
        if (flow == MG_HTTP_STOP)
            return end(link, MG_CANCELLED, "");
        link->paused = flow == MG_HTTP_PAUSE;
        if (link->paused)
            return hold(link, input);
    }
}

// The connection is over. A safe request on a link that had been kept may have been sent to nobody.
static bool hang_up(struct mg_http_link *link, bool orderly)
{
    if (link->reused && link->safe && !link->heard)
        return dial_again(link);
    // The error that told so was told once: what follows looks like an end that was meant.
    if (orderly && link->heard && !link->broken && mg_response_parser_finish(link->parser))
        return complete(link, 0);
    return reset(link);
}

static bool read_on(struct mg_http_link *link)
{
    struct plain *plain = plain_with(link);
    if (link->paused || link->answered)
        return true;
    ssize_t got = mg_http_link_receive(link, plain->room, sizeof plain->room);
    if (got == -EAGAIN || got == -EWOULDBLOCK || got == -EINTR)
        return true;
    if (got <= 0)
        return hang_up(link, got == 0);
    if (!link->heard && !mg_http_link_expect(link))
        return end(link, MG_NO_MEMORY, "no memory");
    return consume(link, (struct mg_str){plain->room, (size_t)got});
}

static void on_dialled(struct mg_http_link *link)
{
    if (mg_http_link_outcome(link) != 0) {
        if (!dial_on(link))
            fail_dialling(link);
        return;
    }
    if (send_on(link))
        watch(link);
}

static void on_ready(void *owner, int fd, int events)
{
    struct plain *plain = owner;
    struct mg_http_link *link = mg_http_sockets_thing(&plain->sockets, fd);
    bool goes_on;
    switch (link->state) {
    case MG_LINK_DIALLING:
        on_dialled(link);
        break;
    case MG_LINK_KEPT: // closed by the peer, or bytes that nobody asked for
        mg_http_peers_take(&plain->peers, link);
        drop(plain, link);
        break;
    default:
        goes_on = !(events & (UV_READABLE | UV_DISCONNECT)) || read_on(link);
        if (goes_on && link->state == MG_LINK_BUSY && send_on(link))
            watch(link);
    }
}

static void on_timer(struct mg_timer *timer)
{
    struct mg_http_link *link = MG_OWNER(timer, struct mg_http_link, timer);
    link->wrong = ETIMEDOUT;
    if (!dial_on(link))
        fail_dialling(link);
}

static void on_task(struct mg_task *task)
{
    struct plain *plain = MG_OWNER(task, struct plain, task);
    struct mg_list failing, *node;
    mg_list_init(&failing);
    while ((node = mg_list_pop(&plain->failing))) // what is started by an end waits for its turn
        mg_list_push(&failing, node);
    while ((node = mg_list_pop(&failing)))
        fail_dialling(MG_OWNER(node, struct mg_http_link, node));
    while ((node = mg_list_pop(&plain->resuming))) {
        struct mg_http_link *link = MG_OWNER(node, struct mg_http_link, node);
        link->paused = false;
        if (!consume(link, mg_buf_str(&link->held)))
            continue;
        if (!link->paused)
            mg_buf_fini(&link->held);
        watch(link);
    }
    while ((node = mg_list_pop(&plain->dead)))
        mg_http_peers_free(&plain->peers, MG_OWNER(node, struct mg_http_link, node));
}

static void take_order(struct mg_http_link *link, struct mg_http_transfer *transfer,
                       const struct mg_http_order *order)
{
    link->transfer = transfer;
    link->streams = mg_http_request_has_body(order) && transfer->supply;
    link->body_len = mg_http_request_has_body(order) && !link->streams ? transfer->body.len : 0;
    if (link->streams)
        mg_http_upload_begin(&link->upload, transfer->supply->length);
    link->dry = false;
    link->sent = 0;
    link->connect_ms = order->connect_ms;
    link->head_most = order->head_most;
    link->to_head = order->method == MG_HEAD;
    link->status = 0;
    link->safe = mg_method_safe(order->method) && !link->streams;
    link->reused = link->fd >= 0;
    link->heard = link->paused = link->mute = link->broken = link->answered = link->extra = false;
    link->timer.run = on_timer;
    transfer->inner = link;
}

// The request goes out at once over a kept link. When that takes nothing of it, it is dead, and the
// request is a new one to whoever answers next, whatever its method.
static bool set_going(struct mg_http_link *link)
{
    if (link->reused) {
        link->state = MG_LINK_BUSY;
        if (mg_http_link_send(link)) {
            watch(link);
            return true;
        }
    }
    return dial(link);
}

static bool start(struct mg_http_transport *transport, struct mg_http_transfer *transfer,
                  const struct mg_http_order *order)
{
    struct plain *plain = plain_of(transport);
    struct mg_http_link *link =
        mg_http_peers_link(&plain->peers, &plain->sockets, &order->site, order->addresses,
                           mg_method_safe(order->method) && !transfer->supply);
    if (!link)
        return false;
    take_order(link, transfer, order);
    uint64_t length = link->streams ? (uint64_t)transfer->supply->length : link->body_len;
    if (!mg_http_request_put(&link->request, order, length)) {
        transfer->inner = NULL;
        drop(plain, link);
        return false;
    }
    if (!set_going(link))
        put_off(plain, link, &plain->failing);
    return true;
}

static bool sent(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct mg_http_link *link = transfer->inner;
    return link && link->sent > 0;
}

static void resume(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct plain *plain = plain_of(transport);
    struct mg_http_link *link = transfer->inner;
    if (link && link->paused)
        put_off(plain, link, &plain->resuming);
}

static void feed(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct mg_http_link *link = transfer->inner;
    if (link && link->state == MG_LINK_BUSY && link->dry && send_on(link))
        watch(link);
}

static void cut(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    if (transfer->inner)
        drop(plain_of(transport), transfer->inner);
    transfer->inner = NULL;
}

static void free_plain(struct plain *plain)
{
    mg_task_drop(&plain->task);
    mg_http_peers_fini(&plain->peers);
    mg_http_sockets_fini(&plain->sockets);
    free(plain);
}

static void on_drained(void *owner)
{
    struct plain *plain = owner;
    void (*closed)(void *) = plain->closed;
    owner = plain->owner;
    if (!closed)
        return;
    free_plain(plain);
    closed(owner);
}

static void on_nothing_to_drain(struct mg_task *task)
{
    on_drained(MG_OWNER(task, struct plain, task));
}

static void close_plain(struct mg_http_transport *transport, void (*closed)(void *owner),
                        void *owner)
{
    struct plain *plain = plain_of(transport);
    mg_http_peers_drop_kept(&plain->peers);
    on_task(&plain->task);
    mg_task_drop(&plain->task);
    plain->closed = closed;
    plain->owner = owner;
    plain->task.run = on_nothing_to_drain;
    if (!plain->sockets.open)
        mg_loop_defer(plain->loop, &plain->task);
}

struct mg_http_transport *mg_http_plain_new(struct mg_loop *loop, unsigned connections)
{
    struct plain *plain = calloc(1, sizeof *plain);
    if (!plain)
        return NULL;
    plain->base = (struct mg_http_transport){start, sent, resume, feed, cut, close_plain};
    plain->loop = loop;
    plain->sockets = (struct mg_http_sockets){
        .loop = loop, .ready = on_ready, .drained = on_drained, .owner = plain};
    plain->peers =
        (struct mg_http_peers){.loop = loop, .drop = drop, .owner = plain, .most = connections};
    plain->task.run = on_task;
    mg_list_init(&plain->failing);
    mg_list_init(&plain->resuming);
    mg_list_init(&plain->dead);
    mg_http_peers_init(&plain->peers);
    return &plain->base;
}

void mg_http_plain_free(struct mg_http_transport *transport)
{
    free_plain(plain_of(transport));
}
