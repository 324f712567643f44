// libcurl is entered from three places, none of which runs inside one of its callbacks: a socket is
// ready, its timer is due, or there are transfers to add, resume and remove, which are put off to a
// task of the loop for that reason.
#include "backend/http_curl.h"

#include <stdlib.h>

#include "backend/http_sockets.h"
#include "backend/http_wire.h"
#include "base/log.h"

enum { idle_most = 256 }; // wires kept for reuse

static const uint64_t never = UINT64_MAX / 4;

struct curl {
    struct mg_http_transport base;
    struct mg_loop *loop;
    struct mg_http_wire_owner shared;
    CURLM *multi;
    struct mg_http_sockets sockets;
    struct mg_timer timer; // always set, so that moving it needs no memory
    struct mg_task task;   // works off these:
    struct mg_list cut, resuming, starting;
    struct mg_list idle;
    unsigned idle_count;
    void (*closed)(void *owner);
    void *owner;
};

static void check(CURLMcode code)
{
    if (code != CURLM_OK)
        mg_log(MG_LOG_ERROR, "libcurl: %s", curl_multi_strerror(code));
}

static struct mg_http_wire *take_wire(struct curl *curl)
{
    struct mg_list *node = mg_list_pop(&curl->idle);
    if (!node)
        return mg_http_wire_new(&curl->shared);
    curl->idle_count--;
    return MG_OWNER(node, struct mg_http_wire, node);
}

// Takes it out of libcurl and lays it by for the next transfer. One that had to send twice is not
// used again: libcurl counts that over all transfers of a handle, and fails the sixth.
static void retire(struct curl *curl, struct mg_http_wire *wire, bool abrupt)
{
    bool spent = wire->attempts > 1;
    if (wire->added) {
        curl->sockets.abrupt = abrupt;
        check(curl_multi_remove_handle(curl->multi, wire->easy));
        curl->sockets.abrupt = false;
    }
    mg_http_wire_clear(wire);
    mg_list_drop(&wire->node);
    if (spent || curl->idle_count >= idle_most || wire->head.lines.cap > 4096) {
        mg_http_wire_free(wire);
        return;
    }
    mg_list_push(&curl->idle, &wire->node);
    curl->idle_count++;
}

static void finish(struct curl *curl, struct mg_http_wire *wire, CURLcode code)
{
    struct mg_http_transfer *transfer = wire->transfer;
    const char *message;
    enum mg_status error = mg_http_wire_end(wire, code, &message);
    if (error != MG_OK && error != MG_CANCELLED)
        mg_log(MG_LOG_DEBUG, "libcurl: %d %s", code, wire->words);
    retire(curl, wire, false);
    transfer->inner = NULL;
    transfer->events->end(transfer, error, message);
}

// What was cut meanwhile is in the list of those and is removed from there.
static void drain(struct curl *curl)
{
    struct CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(curl->multi, &left))) {
        struct mg_http_wire *wire = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &wire);
        if (wire->transfer)
            finish(curl, wire, code);
    }
}

static void act(struct curl *curl, curl_socket_t fd, int events)
{
    int running;
    check(curl_multi_socket_action(curl->multi, fd, events, &running));
    if (curl->sockets.lost) {
        // An address did not answer. libcurl 7.88 goes on to the next one only when it is run
        // again, sets no time for that, and the one call that also asks for new sockets is this.
        curl->sockets.lost = 0;
        CURL_IGNORE_DEPRECATION(check(curl_multi_socket_all(curl->multi, &running));)
    }
    drain(curl);
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct curl *curl = arg;
    int fd =
        mg_http_sockets_open(&curl->sockets, address->family, address->socktype, address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct curl *curl = arg;
    mg_http_sockets_close(&curl->sockets, fd);
    return 0;
}

static void on_ready(void *owner, int fd, int events)
{
    // In error: told of it, libcurl would give up without the bytes that came before, and without
    // the second try that a kept connection deserves. It is to find out by reading, and where it
    // has read all, by writing.
    int mask = events & (UV_READABLE | UV_DISCONNECT) ? CURL_CSELECT_IN : 0;
    mask |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(owner, fd, mask);
}

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    struct curl *curl = arg;
    int events = 0; // CURL_POLL_REMOVE
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= UV_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= UV_WRITABLE;
    mg_http_sockets_want(&curl->sockets, fd, events);
    return 0;
}

static void set_timer(struct curl *curl, uint64_t at)
{
    if (!mg_timer_set(curl->loop, &curl->timer, at))
        mg_log(MG_LOG_ERROR, "libcurl: no memory for its timer");
}

static int on_wish(CURLM *multi, long ms, void *arg)
{
    struct curl *curl = arg;
    set_timer(curl, ms < 0 ? never : mg_loop_fresh(curl->loop) + (uint64_t)ms);
    return 0;
}

static void on_timer(struct mg_timer *timer)
{
    struct curl *curl = MG_OWNER(timer, struct curl, timer);
    set_timer(curl, never);
    act(curl, CURL_SOCKET_TIMEOUT, 0);
}

static void add(struct curl *curl, struct mg_http_wire *wire)
{
    CURLMcode code = curl_multi_add_handle(curl->multi, wire->easy);
    wire->added = code == CURLM_OK;
    if (!wire->added) {
        check(code);
        finish(curl, wire, CURLE_OUT_OF_MEMORY);
    }
}

static void on_task(struct mg_task *task)
{
    struct curl *curl = MG_OWNER(task, struct curl, task);
    struct mg_list *node;
    bool news = !mg_list_empty(&curl->starting) || !mg_list_empty(&curl->resuming);
    while ((node = mg_list_pop(&curl->cut)))
        retire(curl, MG_OWNER(node, struct mg_http_wire, node), true);
    while ((node = mg_list_pop(&curl->resuming))) {
        struct mg_http_wire *wire = MG_OWNER(node, struct mg_http_wire, node);
        mg_http_wire_go_on(wire);
    }
    while ((node = mg_list_pop(&curl->starting)))
        add(curl, MG_OWNER(node, struct mg_http_wire, node));
    if (news)
        act(curl, CURL_SOCKET_TIMEOUT, 0);
}

static struct curl *curl_of(struct mg_http_transport *transport)
{
    return MG_OWNER(transport, struct curl, base);
}

static void put_off(struct curl *curl, struct mg_http_wire *wire, struct mg_list *list)
{
    mg_list_drop(&wire->node);
    mg_list_push(list, &wire->node);
    mg_loop_defer(curl->loop, &curl->task);
}

static bool start(struct mg_http_transport *transport, struct mg_http_transfer *transfer,
                  const struct mg_http_order *order)
{
    struct curl *curl = curl_of(transport);
    struct mg_http_wire *wire = take_wire(curl);
    if (!wire)
        return false;
    if (!mg_http_wire_order(wire, transfer, order)) {
        retire(curl, wire, false);
        return false;
    }
    transfer->inner = wire;
    put_off(curl, wire, &curl->starting);
    return true;
}

static bool sent(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct mg_http_wire *wire = transfer->inner;
    return wire && wire->attempts > 0;
}

static void resume(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct curl *curl = curl_of(transport);
    struct mg_http_wire *wire = transfer->inner;
    if (wire && wire->paused) {
        wire->resumed = true;
        put_off(curl, wire, &curl->resuming);
    }
}

static void feed(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct mg_http_wire *wire = transfer->inner;
    if (wire && wire->starved)
        put_off(curl_of(transport), wire, &curl_of(transport)->resuming);
}

static void on_starved(void *arg, struct mg_http_wire *wire)
{
    struct curl *curl = arg;
    put_off(curl, wire, &curl->resuming);
}

static void cut(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct curl *curl = curl_of(transport);
    struct mg_http_wire *wire = transfer->inner;
    if (!wire)
        return;
    wire->transfer = NULL;
    transfer->inner = NULL;
    put_off(curl, wire, &curl->cut);
}

static void free_curl(struct curl *curl)
{
    mg_task_drop(&curl->task);
    mg_http_sockets_fini(&curl->sockets);
    free(curl);
}

static void on_drained(void *owner)
{
    struct curl *curl = owner;
    void (*closed)(void *) = curl->closed;
    owner = curl->owner;
    if (!closed)
        return;
    free_curl(curl);
    closed(owner);
}

static void on_nothing_to_drain(struct mg_task *task)
{
    on_drained(MG_OWNER(task, struct curl, task));
}

static void close_curl(struct mg_http_transport *transport, void (*closed)(void *owner),
                       void *owner)
{
    struct curl *curl = curl_of(transport);
    struct mg_list *node;
    on_task(&curl->task); // what was cut in this turn
    while ((node = mg_list_pop(&curl->idle)))
        mg_http_wire_free(MG_OWNER(node, struct mg_http_wire, node));
    check(curl_multi_cleanup(curl->multi));
    mg_http_sockets_sweep(&curl->sockets);
    mg_timer_drop(curl->loop, &curl->timer);
    mg_task_drop(&curl->task);
    curl->closed = closed;
    curl->owner = owner;
    curl->task.run = on_nothing_to_drain;
    if (!curl->sockets.open)
        mg_loop_defer(curl->loop, &curl->task);
}

static bool set_multi(struct curl *curl, unsigned connections)
{
    CURLMcode code = CURLM_OK;
#define SET(option, value) code |= curl_multi_setopt(curl->multi, CURLMOPT_##option, value)
    SET(SOCKETFUNCTION, on_interest);
    SET(SOCKETDATA, curl);
    SET(TIMERFUNCTION, on_wish);
    SET(TIMERDATA, curl);
    SET(MAXCONNECTS, (long)connections);
    SET(PIPELINING, (long)CURLPIPE_NOTHING);
#undef SET
    return code == CURLM_OK;
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct mg_http_transport *mg_http_curl_new(struct mg_loop *loop, struct mg_tls_store *tls,
                                           unsigned connections)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct curl *curl = calloc(1, sizeof *curl);
    if (!curl)
        return NULL;
    curl->base = (struct mg_http_transport){start, sent, resume, feed, cut, close_curl};
    curl->loop = loop;
    curl->shared = (struct mg_http_wire_owner){tls, on_open, on_close, on_starved, curl};
    curl->sockets = (struct mg_http_sockets){
        .loop = loop, .ready = on_ready, .drained = on_drained, .owner = curl};
    curl->timer.run = on_timer;
    curl->task.run = on_task;
    mg_list_init(&curl->cut);
    mg_list_init(&curl->resuming);
    mg_list_init(&curl->starting);
    mg_list_init(&curl->idle);
    curl->multi = curl_multi_init();
    if (curl->multi && set_multi(curl, connections) && mg_timer_set(loop, &curl->timer, never))
        return &curl->base;
    if (curl->multi)
        curl_multi_cleanup(curl->multi);
    free_curl(curl);
    return NULL;
}

void mg_http_curl_trust(struct mg_http_transport *transport, struct mg_tls_store *tls)
{
    MG_OWNER(transport, struct curl, base)->shared.tls = tls;
}
