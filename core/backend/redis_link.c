#include "backend/redis_link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    // How long an address is waited for that is not the last one: a network that swallows packets
    // must not take the time of one that works (RFC 8305 §5 has 250 ms).
    address_patience = 200,
    room_size = 16 << 10,  // bytes read at once
    keep_most = 256 << 10, // bytes that an empty buffer may keep
    keep_alive_after = 30, // s
};

// Its memory stays until libuv's close callback, which comes after the link has gone on.
struct mg_redis_socket {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    uv_connect_t connecting;
    uv_write_t writing;
    struct mg_buf going; // what libuv is writing
    bool busy;           // it is
    struct mg_redis_link *link;
    char room[room_size];
};

static void dial_next(struct mg_redis_link *link);

// A socket that the link has let go of says nothing any more.
static bool is_old(const struct mg_redis_socket *socket)
{
    return socket->link->socket != socket;
}

static void end_if_closing(struct mg_redis_link *link)
{
    if (link->closed && !link->open)
        mg_loop_defer(link->loop, &link->closing);
}

static void on_closed(uv_handle_t *handle)
{
    struct mg_redis_socket *socket = MG_OWNER(handle, struct mg_redis_socket, handle);
    struct mg_redis_link *link = socket->link;
    mg_buf_fini(&socket->going);
    free(socket);
    link->open--;
    end_if_closing(link);
}

static void let_go(struct mg_redis_link *link)
{
    if (link->socket)
        uv_close(&link->socket->handle, on_closed);
    link->socket = NULL;
    link->standing = false;
}

void mg_redis_link_drop(struct mg_redis_link *link)
{
    let_go(link);
    mg_timer_drop(link->loop, &link->timer);
    mg_task_drop(&link->dialling);
    mg_task_drop(&link->flushing);
    mg_name_wait_drop(&link->wait);
    mg_addresses_drop(link->addresses);
    link->addresses = NULL;
    mg_buf_fini(&link->out);
    link->out_at = 0;
}

static void fall(struct mg_redis_link *link, enum mg_status error, const char *why)
{
    mg_redis_link_drop(link);
    link->down(link, error, why);
}

// Once the link stands.

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct mg_redis_socket *socket = MG_OWNER(handle, struct mg_redis_socket, handle);
    *buf = uv_buf_init(socket->room, sizeof socket->room);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct mg_redis_socket *socket = MG_OWNER(stream, struct mg_redis_socket, stream);
    struct mg_redis_link *link = socket->link;
    if (is_old(socket) || got == 0)
        return;
    if (got > 0)
        link->data(link, (struct mg_str){buf->base, (size_t)got});
    else if (got == UV_ETIMEDOUT)
        fall(link, MG_RESET, "the server is not reached any more");
    else
        fall(link, MG_RESET, "the connection was closed");
}

static void empty(struct mg_buf *buf)
{
    if (buf->cap > keep_most)
        mg_buf_fini(buf);
    else
        mg_buf_clear(buf);
}

static void on_written(uv_write_t *request, int status)
{
    struct mg_redis_socket *socket = MG_OWNER(request, struct mg_redis_socket, writing);
    if (is_old(socket))
        return;
    socket->busy = false;
    empty(&socket->going);
    if (status < 0)
        fall(socket->link, MG_RESET, "the connection was closed");
    else if (socket->link->out.len)
        mg_redis_link_flush(socket->link);
    else
        socket->link->room(socket->link);
}

// What the kernel does not take now is libuv's to send; `out` collects anew meanwhile.
static void send_rest(struct mg_redis_link *link)
{
    struct mg_redis_socket *socket = link->socket;
    struct mg_buf spare = socket->going;
    socket->going = link->out;
    link->out = spare;
    uv_buf_t rest = uv_buf_init(socket->going.data + link->out_at,
                                (unsigned)(socket->going.len - link->out_at));
    link->out_at = 0;
    socket->busy = true;
    if (uv_write(&socket->writing, &socket->stream, &rest, 1, on_written) != 0)
        fall(link, MG_RESET, "the connection was closed");
}

static void flush(struct mg_task *task)
{
    struct mg_redis_link *link = MG_OWNER(task, struct mg_redis_link, flushing);
    struct mg_redis_socket *socket = link->socket;
    if (!link->standing || socket->busy || !link->out.len)
        return;
    uv_buf_t all = uv_buf_init(link->out.data, (unsigned)link->out.len);
    int sent = uv_try_write(&socket->stream, &all, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        fall(link, MG_RESET, "the connection was closed");
        return;
    }
    link->out_at = sent > 0 ? (size_t)sent : 0;
    if (link->out_at < link->out.len) {
        send_rest(link);
        return;
    }
    link->out_at = 0;
    empty(&link->out);
    link->room(link);
}

void mg_redis_link_flush(struct mg_redis_link *link)
{
    mg_loop_defer(link->loop, &link->flushing);
}

// Until then.

static void set_options(struct mg_redis_link *link)
{
    struct mg_redis_socket *socket = link->socket;
    unsigned silence = (unsigned)link->silence_ms;
    int fd;
    if (link->url->path.len || uv_fileno(&socket->handle, &fd) != 0)
        return;
    uv_tcp_nodelay(&socket->tcp, 1);
    uv_tcp_keepalive(&socket->tcp, 1, keep_alive_after);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct mg_redis_socket *socket = MG_OWNER(request, struct mg_redis_socket, connecting);
    struct mg_redis_link *link = socket->link;
    if (is_old(socket))
        return;
    if (status == 0)
        status = uv_read_start(&socket->stream, on_room, on_read);
    if (status != 0) {
        link->wrong = status == UV_ETIMEDOUT ? MG_TIMEOUT : MG_REFUSED;
        let_go(link);
        dial_next(link);
        return;
    }
    if (link->addresses)
        link->first = (link->first + link->tried - 1) % link->addresses->count;
    mg_timer_drop(link->loop, &link->timer);
    link->standing = true;
    set_options(link);
    link->up(link);
}

static bool new_socket(struct mg_redis_link *link, bool pipe)
{
    struct mg_redis_socket *socket = calloc(1, sizeof *socket);
    uv_loop_t *loop = &link->loop->uv;
    if (!socket)
        return false;
    int wrong = pipe ? uv_pipe_init(loop, &socket->pipe, 0) : uv_tcp_init(loop, &socket->tcp);
    if (wrong) {
        free(socket);
        return false;
    }
    socket->link = link;
    link->socket = socket;
    link->open++;
    return true;
}

// False: this address cannot even be tried.
static bool dial_address(struct mg_redis_link *link, const struct mg_address *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to = {.any.sa_family = (sa_family_t)address->family};
    if (address->family == AF_INET) {
        to.v4.sin_port = htons(link->url->port);
        memcpy(&to.v4.sin_addr, address->bytes, sizeof to.v4.sin_addr);
    } else {
        to.v6.sin6_port = htons(link->url->port);
        memcpy(&to.v6.sin6_addr, address->bytes, sizeof to.v6.sin6_addr);
    }
    link->wrong = MG_REFUSED;
    if (!new_socket(link, false))
        return false;
    struct mg_redis_socket *socket = link->socket;
    if (uv_tcp_connect(&socket->connecting, &socket->tcp, &to.any, on_connected) == 0)
        return true;
    let_go(link);
    return false;
}

static void give_up(struct mg_redis_link *link)
{
    if (link->wrong == MG_TIMEOUT)
        fall(link, MG_TIMEOUT, "no connection came about in time");
    else
        fall(link, MG_REFUSED, "the connection was refused");
}

static void dial_next(struct mg_redis_link *link)
{
    uint64_t now = mg_loop_now(link->loop), left = link->until > now ? link->until - now : 0;
    unsigned count = link->addresses ? link->addresses->count : 0;
    while (link->tried < count && left) {
        unsigned at = (link->first + link->tried++) % count;
        if (!dial_address(link, &link->addresses->items[at]))
            continue;
        if (link->tried < count)
            left = left / 2 < address_patience ? left / 2 : address_patience;
        mg_timer_set(link->loop, &link->timer, now + left);
        return;
    }
    give_up(link);
}

static void dial_socket(struct mg_redis_link *link)
{
    link->wrong = MG_REFUSED;
    if (!new_socket(link, true)) {
        give_up(link);
        return;
    }
    struct mg_redis_socket *socket = link->socket;
    char path[128];
    memcpy(path, link->url->path.data, link->url->path.len); // no longer than such a path may be
    path[link->url->path.len] = 0;
    uv_pipe_connect(&socket->connecting, &socket->pipe, path, on_connected);
}

static struct mg_addresses *literal(struct mg_str host)
{
    struct mg_addresses *addresses = calloc(1, sizeof *addresses);
    if (!addresses)
        return NULL;
    atomic_init(&addresses->uses, 1);
    addresses->count = 1;
    mg_address_parse(host, &addresses->items[0]);
    return addresses;
}

static void resolve(struct mg_redis_link *link)
{
    enum mg_name_state state = MG_NAME_BUSY;
    if (link->url->literal) {
        link->addresses = literal(link->url->host);
        state = link->addresses ? MG_NAME_KNOWN : MG_NAME_BUSY;
    } else if (link->names) {
        state = mg_resolver_ask(link->names, link->url->host, &link->addresses);
    }
    switch (state) {
    case MG_NAME_KNOWN:
        dial_next(link);
        break;
    case MG_NAME_PENDING:
        mg_resolver_wait(link->names, &link->wait);
        break;
    case MG_NAME_UNKNOWN:
        fall(link, MG_DNS, "its name is not known");
        break;
    case MG_NAME_BUSY:
        fall(link, MG_NO_MEMORY, "no memory");
    }
}

static void dial(struct mg_task *task)
{
    struct mg_redis_link *link = MG_OWNER(task, struct mg_redis_link, dialling);
    if (link->url->path.len)
        dial_socket(link);
    else
        resolve(link);
}

static void ask_again(struct mg_name_wait *wait)
{
    resolve(MG_OWNER(wait, struct mg_redis_link, wait));
}

static void on_timer(struct mg_timer *timer)
{
    struct mg_redis_link *link = MG_OWNER(timer, struct mg_redis_link, timer);
    link->wrong = MG_TIMEOUT;
    let_go(link);
    if (link->addresses)
        dial_next(link);
    else
        give_up(link);
}

static void end(struct mg_task *task)
{
    struct mg_redis_link *link = MG_OWNER(task, struct mg_redis_link, closing);
    link->closed(link->owner);
}

void mg_redis_link_init(struct mg_redis_link *link)
{
    link->timer.run = on_timer;
    link->dialling.run = dial;
    link->flushing.run = flush;
    link->closing.run = end;
    link->wait.again = ask_again;
}

void mg_redis_link_open(struct mg_redis_link *link)
{
    link->tried = 0;
    link->wrong = MG_REFUSED;
    link->until = mg_loop_now(link->loop) + link->connect_ms;
    mg_timer_set(link->loop, &link->timer, link->until);
    mg_loop_defer(link->loop, &link->dialling);
}

void mg_redis_link_close(struct mg_redis_link *link, void (*closed)(void *owner), void *owner)
{
    mg_redis_link_drop(link);
    link->closed = closed;
    link->owner = owner;
    end_if_closing(link);
}
