#include "backend/postgres_work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { mend_ms = 1000, unread_slack = 65536 };

// libpq may change the socket while it connects. A watch belongs to one descriptor and ends with
// it: it is stopped before libpq can close that (libuv takes one watcher per descriptor).
struct mg_postgres_watch {
    uv_poll_t poll;
    struct mg_postgres_link *link;
    int fd, events;
};

struct cancel {
    struct mg_aside base;
    struct mg_postgres_link *link; // NULL: it has gone on without
    struct pg_cancel *request;
    bool heard;
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void free_watch(uv_handle_t *handle)
{
    free(MG_OWNER(handle, struct mg_postgres_watch, poll));
}

static void pause_watch(struct mg_postgres_link *link)
{
    if (!link->watch || !link->watch->events)
        return;
    uv_poll_stop(&link->watch->poll);
    link->watch->events = 0;
}

static void drop_watch(struct mg_postgres_link *link)
{
    if (!link->watch)
        return;
    uv_close((uv_handle_t *)&link->watch->poll, free_watch);
    link->watch = NULL;
}

static bool new_watch(struct mg_postgres_link *link, int fd)
{
    struct mg_postgres_watch *watch = calloc(1, sizeof *watch);
    if (!watch || fd < 0 || uv_poll_init(&link->links->loop->uv, &watch->poll, fd) != 0) {
        free(watch);
        return false;
    }
    watch->link = link;
    watch->fd = fd;
    link->watch = watch;
    return true;
}

static bool watch(struct mg_postgres_link *link, int events)
{
    int fd = mg_postgres_wire_fd(&link->wire);
    if (link->watch && link->watch->fd != fd)
        drop_watch(link);
    if (!link->watch && !new_watch(link, fd))
        return false;
    if (link->watch->events == events)
        return true;
    link->watch->events = events;
    return uv_poll_start(&link->watch->poll, events, on_ready) == 0;
}

// The memory goes in a later turn: whoever called may still look at its state.
struct grave {
    struct mg_task task;
    struct mg_postgres_link link;
};

static struct grave *grave_of(struct mg_postgres_link *link)
{
    return MG_OWNER(link, struct grave, link);
}

static void free_link(struct mg_task *task)
{
    free(MG_OWNER(task, struct grave, task));
}

static void end_order(struct mg_postgres_link *link)
{
    struct mg_postgres_order *order = link->order;
    link->order = NULL;
    order->link = NULL;
    link->links->ended(order);
}

static void forget_cancel(struct mg_postgres_link *link)
{
    if (link->cancel)
        MG_OWNER(link->cancel, struct cancel, base)->link = NULL;
    link->cancel = NULL;
}

void mg_postgres_link_close(struct mg_postgres_link *link)
{
    assert(!link->order);
    link->state = MG_POSTGRES_DEAD;
    forget_cancel(link);
    mg_timer_drop(link->links->loop, &link->timer);
    drop_watch(link); // before its descriptor
    mg_postgres_wire_close(&link->wire);
    mg_statements_fini(&link->statements);
    mg_buf_fini(&link->first);
    grave_of(link)->task.run = free_link;
    mg_loop_defer(link->links->loop, &grave_of(link)->task);
}

void mg_postgres_link_die(struct mg_postgres_link *link, const char *why)
{
    struct mg_postgres_order *order = link->order;
    if (why)
        snprintf(link->why, sizeof link->why, "%s", why);
    else
        mg_postgres_wire_why(&link->wire, link->why);
    link->order = NULL;
    mg_postgres_link_close(link);
    if (order) {
        order->link = NULL;
        mg_postgres_order_fail(order, MG_RESET, "%.200s",
                               link->why[0] ? link->why : "the connection was lost");
    }
    link->links->rests(link);
    if (order)
        link->links->ended(order);
}

void mg_postgres_link_rest(struct mg_postgres_link *link)
{
    struct mg_postgres_order *order = link->order;
    link->order = NULL;
    link->state = MG_POSTGRES_IDLE;
    link->idle = mg_loop_now(link->links->loop);
    mg_timer_drop(link->links->loop, &link->timer);
    if (order)
        order->link = NULL;
    link->links->rests(link); // first: the next order goes out before this one's end is looked at
    if (order)
        link->links->ended(order);
}

// Watching for reading goes on between orders: a server that goes away is heard of at once.
void mg_postgres_link_flush(struct mg_postgres_link *link)
{
    int left = mg_postgres_wire_flush(&link->wire);
    if (left < 0 || !watch(link, left ? UV_READABLE | UV_WRITABLE : UV_READABLE))
        mg_postgres_link_die(link, NULL);
    link->sent = true;
}

void mg_postgres_link_send(struct mg_postgres_link *link, enum mg_postgres_step step,
                           const char *sql)
{
    link->step = step;
    if (mg_postgres_wire_plain(&link->wire, sql))
        mg_postgres_link_flush(link);
    else
        mg_postgres_link_die(link, NULL);
}

void mg_postgres_link_run(struct mg_postgres_link *link, struct mg_postgres_order *order)
{
    assert(link->state == MG_POSTGRES_IDLE);
    link->state = MG_POSTGRES_BUSY;
    link->order = order;
    order->link = link;
    mg_postgres_work_begin(link);
}

// Mending is through when the server has been told, or need not be, and has nothing more to say.
static void mend(struct mg_postgres_link *link)
{
    if (link->cancel)
        return;
    switch (mg_postgres_wire_transaction(&link->wire)) {
    case MG_POSTGRES_NO_TRANSACTION:
        mg_postgres_link_rest(link);
        break;
    case MG_POSTGRES_OPEN:
        if (link->step == MG_POSTGRES_ROLLBACK)
            mg_postgres_link_die(link, "it does not roll back");
        else
            mg_postgres_link_send(link, MG_POSTGRES_ROLLBACK, "rollback");
        break;
    case MG_POSTGRES_UNSURE: // still at work: READY will come
        break;
    }
}

static void start_mending(struct mg_postgres_link *link)
{
    struct mg_loop *loop = link->links->loop;
    link->state = MG_POSTGRES_MENDING;
    if (!mg_timer_set(loop, &link->timer, mg_loop_now(loop) + mend_ms))
        mg_postgres_link_die(link, "no memory");
}

static void run_cancel(struct mg_aside *aside)
{
    struct cancel *cancel = MG_OWNER(aside, struct cancel, base);
    cancel->heard = mg_postgres_cancel_run(cancel->request);
}

static void cancel_done(struct mg_aside *aside)
{
    struct cancel *cancel = MG_OWNER(aside, struct cancel, base);
    struct mg_postgres_link *link = cancel->link;
    if (!link)
        return;
    link->cancel = NULL;
    if (cancel->heard)
        mend(link);
    else
        mg_postgres_link_die(link, "the server did not take a request to cancel");
}

static void drop_cancel(struct mg_aside *aside)
{
    struct cancel *cancel = MG_OWNER(aside, struct cancel, base);
    mg_postgres_cancel_free(cancel->request);
    free(cancel);
}

static bool start_cancel(struct mg_postgres_link *link)
{
    struct cancel *cancel = calloc(1, sizeof *cancel);
    if (!cancel)
        return false;
    cancel->base = (struct mg_aside){.run = run_cancel, .done = cancel_done, .drop = drop_cancel};
    cancel->link = link;
    cancel->request = mg_postgres_wire_cancel(&link->wire);
    link->cancel = &cancel->base;
    if (cancel->request && mg_aside_start(link->links->asides, &cancel->base))
        return true;
    link->cancel = NULL;
    drop_cancel(&cancel->base);
    return false;
}

void mg_postgres_link_stop(struct mg_postgres_link *link)
{
    end_order(link);
    start_mending(link);
    if (link->state == MG_POSTGRES_MENDING && !start_cancel(link))
        mg_postgres_link_die(link, "no thread to cancel with");
}

void mg_postgres_link_mend(struct mg_postgres_link *link)
{
    end_order(link);
    start_mending(link);
    if (link->state == MG_POSTGRES_MENDING)
        mend(link);
}

static void take_event(struct mg_postgres_link *link, enum mg_postgres_event event)
{
    char words[256];
    bool busy = link->state == MG_POSTGRES_BUSY;
    switch (event) {
    case MG_POSTGRES_READY:
        if (busy)
            mg_postgres_work_ready(link);
        else
            mend(link);
        break;
    case MG_POSTGRES_COPY:
        mg_postgres_link_die(link, "it was made to copy");
        break;
    case MG_POSTGRES_LOST:
        mg_postgres_wire_error(&link->wire, words);
        mg_postgres_link_die(link, words);
        break;
    default:
        if (busy)
            mg_postgres_work_take(link, event);
    }
}

static bool works(const struct mg_postgres_link *link)
{
    return link->state == MG_POSTGRES_BUSY || link->state == MG_POSTGRES_MENDING;
}

// libpq takes in a row whole before it shows any of it: the rest of one that is too large is not
// read, and so the connection is of no use any more.
static void check_unread(struct mg_postgres_link *link)
{
    struct mg_postgres_order *order = link->order;
    if (link->state != MG_POSTGRES_BUSY || order->error != MG_OK ||
        link->wire.unread <= order->body_most + unread_slack)
        return;
    mg_postgres_order_fail(order, MG_TOO_LARGE, "a row of more than %zu bytes", order->body_most);
    mg_postgres_link_die(link, "a row is too large");
}

// All that has come, as long as what is done about it has the server say more.
static void take_events(struct mg_postgres_link *link)
{
    while (works(link)) {
        enum mg_postgres_event event = mg_postgres_wire_next(&link->wire);
        if (event == MG_POSTGRES_NOTHING)
            break;
        link->sent = false;
        take_event(link, event);
        if (event == MG_POSTGRES_READY && !link->sent)
            return;
        // One that fails in the middle of its rows is cut there: the rest is not waited for.
        if (event == MG_POSTGRES_ROW && link->order && link->order->error != MG_OK)
            mg_postgres_link_stop(link);
    }
    check_unread(link);
}

static void dial_on(struct mg_postgres_link *link)
{
    struct mg_loop *loop = link->links->loop;
    pause_watch(link); // libpq may close the socket now and open another one
    switch (mg_postgres_wire_dial_on(&link->wire)) {
    case MG_POSTGRES_WAITS_TO_READ:
        if (!watch(link, UV_READABLE))
            mg_postgres_link_die(link, "its socket cannot be watched");
        break;
    case MG_POSTGRES_WAITS_TO_WRITE:
        if (!watch(link, UV_WRITABLE))
            mg_postgres_link_die(link, "its socket cannot be watched");
        break;
    case MG_POSTGRES_FAILED:
        mg_postgres_link_die(link, NULL);
        break;
    case MG_POSTGRES_STANDS:
        link->stood = true;
        link->born = mg_loop_now(loop);
        if (watch(link, UV_READABLE))
            mg_postgres_link_rest(link);
        else
            mg_postgres_link_die(link, "its socket cannot be watched");
        break;
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct mg_postgres_link *link = MG_OWNER(poll, struct mg_postgres_watch, poll)->link;
    if (status < 0)
        link->watch->events = 0; // libuv has stopped it; libpq will find out why
    if (link->state == MG_POSTGRES_DIALLING) {
        dial_on(link);
        return;
    }
    if (((events & UV_READABLE) || status < 0) && !mg_postgres_wire_read(&link->wire)) {
        mg_postgres_link_die(link, NULL);
        return;
    }
    if (link->state == MG_POSTGRES_IDLE) { // notices; a server that goes away says so first
        mg_postgres_wire_next(&link->wire);
        return;
    }
    if (link->watch->events & UV_WRITABLE)
        mg_postgres_link_flush(link);
    take_events(link);
}

static void on_timer(struct mg_timer *timer)
{
    struct mg_postgres_link *link = MG_OWNER(timer, struct mg_postgres_link, timer);
    if (link->state == MG_POSTGRES_DIALLING)
        mg_postgres_link_die(link, "it could not be reached in time");
    else
        mg_postgres_link_die(link, "it could not be brought to rest in time");
}

static void fail_dial(struct mg_task *task)
{
    struct mg_postgres_link *link = &MG_OWNER(task, struct grave, task)->link;
    if (link->state == MG_POSTGRES_DIALLING)
        mg_postgres_link_die(link, NULL);
}

struct mg_postgres_link *mg_postgres_link_new(const struct mg_postgres_links *links, void *pool,
                                              const char *address)
{
    struct grave *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    struct mg_postgres_link *link = &made->link;
    link->links = links;
    link->pool = pool;
    link->timer.run = on_timer;
    mg_buf_init(&link->first, 1 << 20);
    if (!mg_timer_set(links->loop, &link->timer, mg_loop_now(links->loop) + links->connect_ms)) {
        free(made);
        return NULL;
    }
    // Begins by writing (libpq's manual), which also says when a socket is connected.
    if (mg_postgres_wire_dial(&link->wire, links->target, address) && watch(link, UV_WRITABLE))
        return link;
    made->task.run = fail_dial;
    mg_loop_defer(links->loop, &made->task);
    return link;
}
