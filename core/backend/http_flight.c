// Above backend/http and unseen by it: a flight is an ordinary call of the service, made here.
#include "backend/http_flight.h"

#include <search.h>
#include <stdlib.h>

struct shared {
    struct mg_backend base;
    struct mg_backend *service; // that makes the calls; NULL once it has closed
    void *flights;              // a tree of those that may be joined, by what they ask: a search is
                                // short whatever clients send, where a hash could be flooded
    struct mg_task closing;
    void (*closed)(void *owner);
    void *owner;
};

// One call that is made, and who wants its answer.
struct flight {
    struct mg_call call;
    struct mg_arena arena;
    struct shared *shared;
    struct mg_list listeners; // that wait, in the order they came
    unsigned users;           // itself until it has landed, and the arenas that may hold its bytes
    bool open;                // in the tree
};

// In its call's arena, as call->running.
struct listener {
    struct mg_list node;
    struct flight *flight;
    struct mg_call *call;
    struct mg_timer timer;
};

static struct shared *shared_of(struct mg_backend *base)
{
    return MG_OWNER(base, struct shared, base);
}

bool mg_http_flight_can(const struct mg_call *call)
{
    return call->http.method == MG_GET && !call->http.has_body && !call->sink;
}

static int compare_str(struct mg_str a, struct mg_str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.data, b.data, a.len) : 0;
}

static int compare_numbers(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

int mg_http_flight_compare(const struct mg_call *one, const struct mg_call *other)
{
    const struct mg_http_ask *a = &one->http, *b = &other->http;
    unsigned count = a->headers.count - a->of_request;
    int order = compare_str(a->path, b->path);
    if (!order)
        order = compare_numbers(count, b->headers.count - b->of_request);
    for (unsigned i = 0; !order && i < count; i++) {
        order = compare_str(a->headers.items[i].name, b->headers.items[i].name);
        if (!order)
            order = compare_str(a->headers.items[i].value, b->headers.items[i].value);
    }
    if (!order)
        order = compare_numbers(a->redirects, b->redirects);
    return order ? order : compare_numbers(one->body_most, other->body_most);
}

static int compare_flights(const void *one, const void *other)
{
    return mg_http_flight_compare(one, other);
}

// A user less. What has bytes of it lives in arenas, each of which ends with this.
static void leave_flight(void *thing)
{
    struct flight *flight = thing;
    if (--flight->users)
        return;
    mg_arena_fini(&flight->arena);
    free(flight);
}

// Nobody joins it any more.
static void shut(struct flight *flight)
{
    if (flight->open)
        tdelete(&flight->call, &flight->shared->flights, compare_flights);
    flight->open = false;
}

static void drop_listener(struct listener *listener)
{
    mg_timer_drop(listener->flight->shared->base.loop, &listener->timer);
    mg_list_drop(&listener->node);
}

// Lands its listeners. What they do then, such as ending each other or asking the same anew, finds
// it shut.
static void on_landed(struct mg_call *call)
{
    struct flight *flight = MG_OWNER(call, struct flight, call);
    const struct mg_result *result = &call->result;
    shut(flight);
    while (!mg_list_empty(&flight->listeners)) {
        struct listener *listener = MG_OWNER(flight->listeners.next, struct listener, node);
        drop_listener(listener);
        listener->call->result = (struct mg_result){.status = result->status,
                                                    .headers = result->headers,
                                                    .body = result->body,
                                                    .form = result->form};
        listener->call->result.headers.cap = result->headers.count; // what is added goes elsewhere
        mg_backend_land(&flight->shared->base, listener->call, result->error, result->message);
    }
    leave_flight(flight);
}

// A listener's own end. The flight ends with the last.
static void end_listener(struct listener *listener, enum mg_status error, const char *message)
{
    struct flight *flight = listener->flight;
    drop_listener(listener);
    mg_backend_fail(&flight->shared->base, listener->call, error, mg_str_of(message));
    if (!mg_list_empty(&flight->listeners))
        return;
    shut(flight);
    mg_backend_cancel(flight->shared->service, &flight->call);
}

// Out of time. Who comes now asks anew: with ever new listeners a call that hangs would have an
// answer for nobody, for as long as they come.
static void on_timer(struct mg_timer *timer)
{
    struct listener *listener = MG_OWNER(timer, struct listener, timer);
    shut(listener->flight);
    end_listener(listener, MG_TIMEOUT, "no answer in time");
}

static bool copy_ask(struct flight *flight, const struct mg_http_ask *ask)
{
    struct mg_arena *arena = &flight->arena;
    struct mg_http_ask *own = &flight->call.http;
    unsigned count = ask->headers.count, first = count - ask->of_request;
    *own = (struct mg_http_ask){.method = ask->method, .redirects = ask->redirects};
    own->path = mg_arena_copy(arena, ask->path);
    for (unsigned i = 0; i < count; i++) {
        const struct mg_header *field = &ask->headers.items[i];
        if (i >= first && mg_str_eq_nocase(field->name, MG_STR("x-forwarded-for")))
            continue;
        struct mg_str name = mg_arena_copy(arena, field->name);
        struct mg_str value = mg_arena_copy(arena, field->value);
        if (!name.data || !value.data || !mg_headers_add(&own->headers, arena, name, value))
            return false;
        own->of_request += i >= first;
    }
    return own->path.data != NULL;
}

// For what `call` asks, not yet started. NULL: no memory.
static struct flight *flight_new(struct shared *shared, const struct mg_call *call)
{
    struct flight *flight = calloc(1, sizeof *flight);
    if (!flight)
        return NULL;
    flight->shared = shared;
    flight->users = 1;
    flight->call = (struct mg_call){.kind = MG_CALL_HTTP,
                                    .backend = call->backend,
                                    .deadline = call->deadline,
                                    .body_most = call->body_most,
                                    .arena = &flight->arena,
                                    .landed = on_landed};
    mg_list_init(&flight->listeners);
    flight->open = copy_ask(flight, &call->http) &&
                   tsearch(&flight->call, &shared->flights, compare_flights) != NULL;
    if (flight->open)
        return flight;
    leave_flight(flight);
    return NULL;
}

// One to join, or NULL. One that has failed and not landed yet is none: who comes now has time.
static struct flight *find(struct shared *shared, const struct mg_call *call)
{
    struct mg_call **found = tfind(call, &shared->flights, compare_flights);
    struct flight *flight = found ? MG_OWNER(*found, struct flight, call) : NULL;
    if (flight && flight->call.result.error != MG_OK) {
        shut(flight);
        return NULL;
    }
    return flight;
}

static bool listen_to(struct flight *flight, struct mg_call *call)
{
    struct listener *listener = MG_ARENA_NEW(call->arena, struct listener);
    if (!listener)
        return false;
    *listener = (struct listener){.flight = flight, .call = call, .timer.run = on_timer};
    if (!mg_timer_set(flight->shared->base.loop, &listener->timer, call->deadline))
        return false;
    if (!mg_arena_at_end(call->arena, leave_flight, flight)) {
        mg_timer_drop(flight->shared->base.loop, &listener->timer);
        return false;
    }
    flight->users++;
    mg_list_push(&flight->listeners, &listener->node);
    if (flight->call.deadline < call->deadline)
        flight->call.deadline = call->deadline;
    call->running = listener;
    return true;
}

static void start(struct mg_backend *base, struct mg_call *call)
{
    struct shared *shared = shared_of(base);
    if (!shared->service) {
        mg_backend_fail(base, call, MG_CANCELLED, MG_STR("the service is closing"));
        return;
    }
    if (!mg_http_flight_can(call)) {
        mg_backend_start(shared->service, call);
        return;
    }
    if (call->deadline <= mg_loop_now(base->loop)) {
        mg_backend_fail(base, call, MG_TIMEOUT, MG_STR("no time was left"));
        return;
    }
    struct flight *joined = find(shared, call);
    struct flight *flight = joined ? joined : flight_new(shared, call);
    if (!flight || !listen_to(flight, call)) {
        mg_backend_fail(base, call, MG_NO_MEMORY, MG_STR("no memory"));
        if (flight && !joined) {
            shut(flight);
            leave_flight(flight);
        }
        return;
    }
    if (!joined)
        mg_backend_start(shared->service, &flight->call);
}

static void cancel(struct mg_backend *base, struct mg_call *call)
{
    if (mg_http_flight_can(call))
        end_listener(call->running, MG_CANCELLED, "nobody waits for it any more");
    else
        mg_backend_cancel(shared_of(base)->service, call);
}

static void resume(struct mg_backend *base, struct mg_call *call)
{
    mg_backend_resume(shared_of(base)->service, call);
}

static void feed(struct mg_backend *base, struct mg_call *call)
{
    mg_backend_feed(shared_of(base)->service, call);
}

static void on_closing(struct mg_task *task)
{
    struct shared *shared = MG_OWNER(task, struct shared, closing);
    if (shared->base.failed) { // listeners that ended while the service closed
        mg_loop_defer(shared->base.loop, task);
        return;
    }
    void (*closed)(void *) = shared->closed;
    void *owner = shared->owner;
    free(shared);
    closed(owner);
}

static void on_closed(void *owner)
{
    struct shared *shared = owner;
    shared->service = NULL;
    mg_loop_defer(shared->base.loop, &shared->closing);
}

// The service fails the flights, and so their listeners.
static void close_backend(struct mg_backend *base, void (*closed)(void *owner), void *owner)
{
    struct shared *shared = shared_of(base);
    shared->closed = closed;
    shared->owner = owner;
    mg_backend_close(shared->service, on_closed, shared);
}

static void hurry(struct mg_backend *base)
{
    mg_backend_hurry(shared_of(base)->service);
}

static const struct mg_backend_kind kind = {"http", start,         cancel, resume,
                                            feed,   close_backend, hurry};

struct mg_backend *mg_http_flight_open(struct mg_http *http, struct mg_service *service)
{
    struct shared *shared = calloc(1, sizeof *shared);
    if (!shared)
        return NULL;
    shared->service = mg_http_open(http, service);
    if (!shared->service) {
        free(shared);
        return NULL;
    }
    shared->base = (struct mg_backend){
        .kind = &kind, .loop = shared->service->loop, .name = shared->service->name};
    shared->closing.run = on_closing;
    return &shared->base;
}
