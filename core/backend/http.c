// A run is a call under way, from its start until both its call has landed and its transfer has
// ended; an unsafe one may outlive its call, so it borrows nothing that it needs then.
#include "backend/http.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/http_order.h"
#include "backend/http_redirect.h"
#include "backend/http_run.h"

static struct backend *backend_of(struct mg_backend *base)
{
    return MG_OWNER(base, struct backend, base);
}

static void leave_queue(struct run *run)
{
    if (run->state != QUEUED)
        return;
    run->state = NEW;
    mg_list_drop(&run->node);
    atomic_fetch_sub(&run->backend->service->waiting, 1);
    mg_quota_wait_give(run->backend->seat);
}

// Gives back what it holds and frees it. Its call, if it still has one, is the caller's to land.
static void release(struct run *run)
{
    struct backend *backend = run->backend;
    mg_timer_drop(backend->base.loop, &run->timer);
    mg_name_wait_drop(&run->wait);
    leave_queue(run);
    mg_list_drop(&run->node);
    if (run->stay.place) {
        mg_service_leave(backend->service, &run->stay, !run->unreached, &backend->mean_us);
        mg_quota_give(backend->seat);
    }
    mg_buf_fini(&run->url);
    mg_buf_fini(&run->next);
    mg_buf_fini(&run->body);
    mg_spares_give(&backend->http->runs, run);
    if (backend->closed && mg_list_empty(&backend->runs)) // behind the landing of those that failed
        mg_loop_defer(backend->base.loop, &backend->closing);
}

static void land_failed(struct backend *backend, struct mg_call *call, enum mg_status error,
                        const char *message)
{
    if (!call->sink) // a sink has seen the head; otherwise a failed call has none
        call->result = (struct mg_result){0};
    mg_backend_fail(&backend->base, call, error, mg_str_of(message));
}

// Ends a run that has not been sent, or need not go on.
static void fail(struct run *run, enum mg_status error, const char *message)
{
    struct backend *backend = run->backend;
    struct mg_call *call = run->call;
    run->unreached = error == MG_DNS && !run->redirected;
    if (run->transfer.inner)
        run->transport->cut(run->transport, &run->transfer);
    if (call)
        land_failed(backend, call, error, message);
    release(run);
}

static void set_timer(struct run *run, uint64_t at)
{
    if (!mg_timer_set(run->backend->base.loop, &run->timer, at))
        assert(run->timer.place); // it was set when the run began: moving it takes no memory
}

static uint64_t due_at(const struct run *run)
{
    uint64_t deadline = run->call->deadline;
    return run->state == NAMING && run->named_by < deadline ? run->named_by : deadline;
}

static enum mg_status fill_order(struct run *run, struct mg_http_order *order, const char **why)
{
    const struct mg_http_config *config = &run->backend->service->config;
    order->method = run->method;
    order->site = run->site;
    order->has_body = run->has_body;
    order->chunked = run->transfer.supply && run->transfer.supply->length < 0;
    order->connect_ms = config->connect_ms;
    order->head_most = config->head_most;
    bool foreign = run->redirected && !mg_url_same_origin(&run->site, &run->stay.place->url);
    return mg_http_order_fields(order, &run->call->http, foreign, run->call->arena, why);
}

static void send_run(struct run *run, const struct mg_addresses *addresses)
{
    struct mg_http_order order = {.addresses = addresses};
    if (run->redirected && !mg_http_redirect_may_go(&run->site, &run->stay.place->url, addresses)) {
        fail(run, MG_REFUSED, "a redirect to a network that is not public");
        return;
    }
    const char *why = "no memory";
    enum mg_status error = fill_order(run, &order, &why);
    run->transport = mg_http_paths_for(run->backend->http->paths, &run->backend->service->config,
                                       &run->site, run->call->http.redirects > 0);
    run->state = GOING; // the timer moves on when it is due
    if (error != MG_OK)
        fail(run, error, why);
    else if (!run->transport->start(run->transport, &run->transfer, &order))
        fail(run, MG_NO_MEMORY, "no memory");
}

// Connecting includes the name: it may take no longer than that.
static void wait_for_name(struct run *run)
{
    struct backend *backend = run->backend;
    if (run->state != NAMING) {
        run->named_by = mg_loop_now(backend->base.loop) + backend->service->config.connect_ms;
        run->state = NAMING;
        set_timer(run, due_at(run));
    }
    mg_resolver_wait(backend->http->names, &run->wait);
}

// Asks for the addresses of its host, as often as news come.
static void name_run(struct mg_name_wait *wait)
{
    struct run *run = MG_OWNER(wait, struct run, wait);
    struct mg_resolver_seat *names = run->backend->http->names;
    struct mg_addresses *found = NULL;
    if (run->site.literal) {
        send_run(run, NULL);
        return;
    }
    switch (mg_resolver_ask(names, run->site.host, &found)) {
    case MG_NAME_KNOWN:
        send_run(run, found);
        mg_addresses_drop(found);
        break;
    case MG_NAME_PENDING:
        wait_for_name(run);
        break;
    case MG_NAME_UNKNOWN:
        fail(run, MG_DNS, "its name is not known");
        break;
    case MG_NAME_BUSY:
        fail(run, MG_DNS, "too many names are being looked up");
        break;
    }
}

// It has its place now.
static void begin(struct run *run)
{
    struct backend *backend = run->backend;
    mg_service_enter(backend->service, &run->stay);
    mg_list_push(&backend->runs, &run->node);
    const char *why = "no memory";
    enum mg_status error = mg_http_order_site(&run->site, &run->stay.place->url,
                                              run->call->http.path, run->call->arena, &why);
    if (error != MG_OK)
        fail(run, error, why);
    else
        name_run(&run->wait);
}

static void on_free(void *owner)
{
    struct backend *backend = owner;
    while (!mg_list_empty(&backend->queue) && mg_quota_take(backend->seat)) {
        struct run *run = MG_OWNER(backend->queue.next, struct run, node);
        leave_queue(run);
        begin(run);
    }
}

static bool enter_queue(struct run *run)
{
    struct backend *backend = run->backend;
    uint64_t left = run->call->deadline - mg_loop_now(backend->base.loop);
    if (!mg_service_patient(backend->service, backend->mean_us, left) ||
        !mg_quota_wait_take(backend->seat))
        return false;
    run->state = QUEUED;
    atomic_fetch_add(&backend->service->waiting, 1);
    mg_list_push(&backend->queue, &run->node);
    return true;
}

static enum mg_http_flow follow(struct run *run, int status, const struct mg_headers *headers)
{
    enum mg_status error = mg_http_redirect_target(&run->site, headers, &run->next);
    if (mg_http_redirect_to_get(status, run->method)) {
        run->method = MG_GET;
        run->has_body = false;
        run->transfer.body = (struct mg_str){0};
    }
    if (error == MG_OK)
        return MG_HTTP_ON;
    run->answer.error = error;
    run->answer.message = "a redirect to what is no http URL";
    return MG_HTTP_STOP;
}

static enum mg_http_flow on_head(struct mg_http_transfer *transfer, int status,
                                 const struct mg_headers *headers)
{
    struct run *run = MG_OWNER(transfer, struct run, transfer);
    if (!run->call)
        return MG_HTTP_ON;
    if (run->redirected < run->call->http.redirects && mg_http_redirects(status, headers))
        return follow(run, status, headers);
    return mg_http_answer_head(&run->answer, run->call, status, headers);
}

static enum mg_http_flow on_data(struct mg_http_transfer *transfer, struct mg_str bytes)
{
    struct run *run = MG_OWNER(transfer, struct run, transfer);
    if (!run->call || run->next.len)
        return MG_HTTP_ON;
    return mg_http_answer_data(&run->answer, run->call, bytes);
}

static void go_on_elsewhere(struct run *run)
{
    struct mg_buf url = run->url;
    run->url = run->next;
    run->next = url;
    mg_buf_clear(&run->next);
    run->redirected++;
    mg_url_parse(mg_buf_str(&run->url), &run->site);
    const struct mg_url *home = &run->stay.place->url;
    if (home->socket.len && mg_url_same_origin(&run->site, home)) {
        run->site.socket = home->socket; // its http://localhost is nobody else's
        run->site.literal = true;
    }
    name_run(&run->wait);
}

static void on_end(struct mg_http_transfer *transfer, enum mg_status error, const char *message)
{
    struct run *run = MG_OWNER(transfer, struct run, transfer);
    struct backend *backend = run->backend;
    struct mg_call *call = run->call;
    run->unreached = error == MG_REFUSED && !run->redirected;
    if (!call) {
        release(run);
        return;
    }
    if (error == MG_OK && run->next.len) {
        go_on_elsewhere(run);
        return;
    }
    if (error == MG_OK)
        error = mg_http_answer_end(&run->answer, call);
    if (run->answer.error != MG_OK) {
        error = run->answer.error;
        message = run->answer.message;
    }
    release(run); // first: landing may start the next call
    if (error == MG_OK)
        mg_backend_land(&backend->base, call, MG_OK, (struct mg_str){0});
    else
        land_failed(backend, call, error, message);
}

static const struct mg_http_events events = {on_head, on_data, on_end};

// An unsafe request that may have reached the backend is not cut: it goes on with bytes of its own.
// False when there is no memory for them.
static bool carry_on_unheard(struct run *run)
{
    struct backend *backend = run->backend;
    run->transfer.supply = NULL;
    if (!mg_buf_put(&run->body, run->transfer.body))
        return false;
    run->transfer.body = mg_buf_str(&run->body);
    run->call = NULL;
    run->state = UNHEARD;
    set_timer(run, mg_loop_now(backend->base.loop) + backend->service->config.unheard_ms);
    run->transport->resume(run->transport, &run->transfer); // a sink that paused it is gone
    return true;
}

static void let_go(struct run *run, enum mg_status error, const char *message)
{
    struct backend *backend = run->backend;
    struct mg_call *call = run->call;
    bool reached = run->state == GOING && !mg_method_safe(run->method) &&
                   run->transport->sent(run->transport, &run->transfer) &&
                   mg_http_transfer_is_out(&run->transfer);
    if (reached && carry_on_unheard(run))
        land_failed(backend, call, error, message);
    else
        fail(run, error, message);
}

static void on_timer(struct mg_timer *timer)
{
    struct run *run = MG_OWNER(timer, struct run, timer);
    uint64_t now = mg_loop_now(run->backend->base.loop);
    if (run->state == UNHEARD)
        fail(run, MG_TIMEOUT, "");
    else if (now < due_at(run)) // the deadline was moved meanwhile
        set_timer(run, due_at(run));
    else if (run->state == NAMING && now < run->call->deadline)
        fail(run, MG_DNS, "its name was not found in time");
    else if (run->state == QUEUED)
        let_go(run, MG_TIMEOUT, "no turn came in time");
    else
        let_go(run, MG_TIMEOUT, "no answer in time");
}

static struct run *run_new(struct backend *backend, struct mg_call *call)
{
    struct run *run = mg_spares_take(&backend->http->runs);
    if (!run)
        return NULL;
    const struct mg_http_ask *ask = &call->http;
    run->backend = backend;
    run->call = call;
    run->method = ask->method;
    run->has_body = ask->has_body;
    run->transfer.events = &events;
    run->transfer.body = ask->has_body ? ask->body : (struct mg_str){0};
    run->transfer.supply = ask->has_body ? ask->supply : NULL;
    run->timer.run = on_timer;
    run->wait.again = name_run;
    if (!mg_timer_set(backend->base.loop, &run->timer, call->deadline)) {
        mg_spares_give(&backend->http->runs, run);
        return NULL;
    }
    call->running = run;
    return run;
}

static void start(struct mg_backend *base, struct mg_call *call)
{
    struct backend *backend = backend_of(base);
    if (backend->closed) {
        mg_backend_fail(base, call, MG_CANCELLED, MG_STR("the service is closing"));
        return;
    }
    if (call->deadline <= mg_loop_now(base->loop)) {
        mg_backend_fail(base, call, MG_TIMEOUT, MG_STR("no time was left"));
        return;
    }
    struct run *run = run_new(backend, call);
    if (!run)
        mg_backend_fail(base, call, MG_NO_MEMORY, MG_STR("no memory"));
    else if (mg_list_empty(&backend->queue) && mg_quota_take(backend->seat))
        begin(run);
    else if (!enter_queue(run))
        fail(run, MG_BUSY, "too many calls are waiting");
}

static void cancel(struct mg_backend *base, struct mg_call *call)
{
    let_go(call->running, MG_CANCELLED, "nobody waits for it any more");
}

static void resume(struct mg_backend *base, struct mg_call *call)
{
    struct run *run = call->running;
    if (run->transport)
        run->transport->resume(run->transport, &run->transfer);
}

static void feed(struct mg_backend *base, struct mg_call *call)
{
    struct run *run = call->running;
    if (run->transport)
        run->transport->feed(run->transport, &run->transfer);
}

static void on_closing(struct mg_task *task)
{
    struct backend *backend = MG_OWNER(task, struct backend, closing);
    if (backend->base.failed) { // calls made while those before them landed
        mg_loop_defer(backend->base.loop, task);
        return;
    }
    void (*closed)(void *) = backend->closed;
    void *owner = backend->owner;
    mg_quota_leave(backend->seat);
    free(backend);
    closed(owner);
}

// All runs of a list, but with `heard` those that nobody waits for.
static void end_runs(struct mg_list *runs, bool heard)
{
    for (struct mg_list *node = runs->next, *next; node != runs; node = next) {
        struct run *run = MG_OWNER(node, struct run, node);
        next = node->next;
        if (!heard || run->state != UNHEARD)
            fail(run, MG_CANCELLED, "the service is closing");
    }
}

static void close_backend(struct mg_backend *base, void (*closed)(void *owner), void *owner)
{
    struct backend *backend = backend_of(base);
    end_runs(&backend->queue, true);
    end_runs(&backend->runs, true);
    backend->closed = closed;
    backend->owner = owner;
    if (mg_list_empty(&backend->runs)) // behind the landing of those that failed
        mg_loop_defer(base->loop, &backend->closing);
}

static void hurry(struct mg_backend *base)
{
    end_runs(&backend_of(base)->runs, false);
}

static const struct mg_backend_kind kind = {"http", start,         cancel, resume,
                                            feed,   close_backend, hurry};

struct mg_backend *mg_http_open(struct mg_http *http, struct mg_service *service)
{
    struct backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return NULL;
    backend->base =
        (struct mg_backend){.kind = &kind, .loop = http->loop, .name = service->config.name};
    backend->http = http;
    backend->service = service;
    backend->closing.run = on_closing;
    mg_list_init(&backend->queue);
    mg_list_init(&backend->runs);
    backend->seat = mg_quota_join(service->quota, http->home, on_free, backend);
    if (backend->seat)
        return &backend->base;
    free(backend);
    return NULL;
}

struct mg_http *mg_http_new(struct mg_loop *loop, struct mg_mailbox *home,
                            struct mg_resolver *resolver, const struct mg_http_options *options)
{
    struct mg_http *http = calloc(1, sizeof *http);
    if (!http)
        return NULL;
    http->loop = loop;
    http->home = home;
    http->runs = (struct mg_spares){.size = sizeof(struct run), .most = 256};
    http->names = mg_resolver_join(resolver, home);
    if (http->names)
        http->paths = mg_http_paths_new(loop, options->tls,
                                        options->connections ? options->connections : 1024);
    if (http->paths)
        return http;
    mg_resolver_leave(http->names);
    free(http);
    return NULL;
}

void mg_http_trust(struct mg_http *http, struct mg_tls_store *tls)
{
    mg_http_paths_trust(http->paths, tls);
}

void mg_http_close(struct mg_http *http, void (*closed)(void *owner), void *owner)
{
    struct mg_http_paths *paths = http->paths;
    mg_resolver_leave(http->names);
    mg_spares_fini(&http->runs);
    free(http);
    mg_http_paths_close(paths, closed, owner);
}
