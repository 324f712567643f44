// faultd: sockets, time and the record. `faultd` prints "faultd: listening on
// http://127.0.0.1:PORT" and runs until it is killed or its parent is gone; with a port or the path
// of a unix socket behind it, it listens there. What it answers: faultd_answers.c. Besides that:
//   /sink /sink/MS    reads the body without keeping any of it, not before MS milliseconds are
//                     over, and answers {"bytes":N} (of a chunked one with its framing)
//   /early/N          answers status N when the head is here, and reads no body
// And what it does when asked on its control port:
//   /log      what it was sent, as JSON (see record_put); with ?brief=1 without the raw bytes
//   /brief    its requests, a line each (see record_brief)
//   /reset    forgets the record
//   /release  lets go of what is held, see /held
//   /mood...  answers otherwise than asked, see faultd_moods.c
// The record keeps the first 32,768 requests and connections and 64 MiB of raw bytes, 64 KiB of
// each request; the counts go on.
#include "faultd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    INPUT_MOST = 32 << 20, // beyond it, a connection is not read from
    OUTPUT_ROOM = 262144,
};

struct conn {
    int fd;
    struct bytes in, out;
    size_t sent;
    struct program program;
    unsigned at;  // step
    double wake;  // ms; 0: not waiting for the clock
    bool busy;    // an answer is under way
    bool sinking; // a body is read that is not kept:
    bool chunked;
    uint64_t sunk, sink_most; // bytes so far, and in all
    char tail[5];             // the last of them
    bool control;             // it came to the control port and is no part of the record
    bool ended;               // freed at the end of this turn
    struct seat seat;
    struct conn *next;
};

static struct listener {
    int fd;
    bool control;
    unsigned port;
} listeners[2] = {{.control = false}, {.control = true}};

static struct conn *conns;
static int epoll;

// Connections

static void conn_end(struct conn *conn, const char *how)
{
    if (conn->ended)
        return;
    if (conn->busy)
        record_done(&conn->seat, false);
    if (!conn->control)
        record_close(&conn->seat, how);
    if (strcmp(how, "rst") == 0)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(conn->fd);
    conn->ended = true;
}

static void program_clear(struct program *program)
{
    for (unsigned i = 0; i < program->count; i++)
        bytes_free(&program->steps[i].bytes);
    program->count = 0;
}

static void conn_free(struct conn *conn)
{
    program_clear(&conn->program);
    bytes_free(&conn->in);
    bytes_free(&conn->out);
    free(conn);
}

// Sends what it can; true when nothing is left.
static bool conn_flush(struct conn *conn)
{
    while (conn->sent < conn->out.len) {
        ssize_t sent =
            send(conn->fd, conn->out.data + conn->sent, conn->out.len - conn->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            if (errno != EAGAIN)
                conn_end(conn, errno == ECONNRESET || errno == EPIPE ? "reset" : "eof");
            return false;
        }
        conn->sent += (size_t)sent;
    }
    conn->out.len = conn->sent = 0;
    return true;
}

// The steps. Each is called again until it says true: done.

static bool step_fill(struct conn *conn, struct step *step)
{
    char block[16384];
    memset(block, 'x', sizeof block);
    while (step->ms < step->count) { // ms: how many were sent, as a fill does not wait
        if (conn->out.len - conn->sent > OUTPUT_ROOM && !conn_flush(conn))
            return false;
        uint64_t left = step->count - step->ms;
        size_t len = left < sizeof block ? (size_t)left : sizeof block;
        block[0] = step->ms == 0 ? '"' : 'x';
        if (len == left)
            block[len - 1] = '"';
        bytes_put(&conn->out, block, len);
        step->ms += len;
    }
    return true;
}

static bool step_wait(struct conn *conn, uint64_t ms)
{
    if (conn->wake == 0) {
        conn->wake = faultd_now() + (double)ms;
        return false;
    }
    if (faultd_now() < conn->wake)
        return false;
    conn->wake = 0;
    return true;
}

static bool step_drip(struct conn *conn, struct step *step)
{
    while (step->count < step->bytes.len) {
        if (step->count > 0 && !step_wait(conn, step->ms))
            return false;
        bytes_put(&conn->out, step->bytes.data + step->count++, 1);
        conn_flush(conn);
    }
    return true;
}

static bool step_run(struct conn *conn, struct step *step)
{
    switch (step->kind) {
    case STEP_SEND:
        bytes_put(&conn->out, step->bytes.data, step->bytes.len);
        return true;
    case STEP_FILL:
        return step_fill(conn, step);
    case STEP_DRIP:
        return step_drip(conn, step);
    case STEP_WAIT:
        return step_wait(conn, step->ms);
    case STEP_HOLD:
        return step->count > 0;
    case STEP_HANG:
        return false;
    case STEP_CLOSE:
    case STEP_RESET:
        if (!conn_flush(conn))
            return false;
        if (step->kind == STEP_CLOSE && conn->busy) {
            record_done(&conn->seat, true);
            conn->busy = false;
        }
        conn_end(conn, step->kind == STEP_CLOSE ? "fin" : "rst");
        return false;
    }
    return false;
}

// Requests

static void conn_run(struct conn *conn);

static void release_all(void)
{
    for (struct conn *conn = conns; conn; conn = conn->next) {
        struct program *program = &conn->program;
        struct step *step = &program->steps[conn->at];
        if (conn->ended || !conn->busy || conn->at >= program->count || step->kind != STEP_HOLD)
            continue;
        step->count = 1;
        conn_run(conn);
    }
}

static void answer_control(struct conn *conn, const char *target)
{
    struct bytes body = {0};
    if (strncmp(target, "/log", 4) == 0) {
        record_put(&body, strstr(target, "brief=1") != NULL);
    } else if (strncmp(target, "/brief", 6) == 0) {
        record_brief(&body);
    } else if (strncmp(target, "/release", 8) == 0) {
        release_all();
        bytes_text(&body, "{}");
    } else if (strncmp(target, "/mood", 5) == 0) {
        mood_set(target + 5);
        bytes_text(&body, "{}");
    } else {
        record_reset();
        bytes_text(&body, "{}");
    }
    bytes_printf(&conn->out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.len);
    bytes_put(&conn->out, body.data, body.len);
    bytes_free(&body);
}

static bool sink_over(const struct conn *conn)
{
    return conn->chunked ? memcmp(conn->tail, "0\r\n\r\n", 5) == 0 : conn->sunk >= conn->sink_most;
}

static void sink_take(struct conn *conn, const char *data, size_t len)
{
    size_t last = len < sizeof conn->tail ? len : sizeof conn->tail;
    memmove(conn->tail, conn->tail + last, sizeof conn->tail - last);
    memcpy(conn->tail + sizeof conn->tail - last, data + len - last, last);
    conn->sunk += len;
}

// Takes what has come; true when that is all and the answer is on its way.
static bool sink_on(struct conn *conn)
{
    if (conn->wake > 0 && faultd_now() < conn->wake)
        return false;
    conn->wake = 0;
    if (conn->in.len)
        sink_take(conn, conn->in.data, conn->in.len);
    conn->in.len = 0;
    if (!sink_over(conn))
        return false;
    char body[64];
    int len = snprintf(body, sizeof body, "{\"bytes\":%llu}", (unsigned long long)conn->sunk);
    bytes_printf(
        &conn->out,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len,
        body);
    record_done(&conn->seat, true);
    conn->sinking = conn->busy = false;
    return true;
}

// Begins to read a body that is not kept, or to answer without it, if that is what is asked.
static bool sink_begin(struct conn *conn)
{
    const char *end = conn->in.len ? memmem(conn->in.data, conn->in.len, "\r\n\r\n", 4) : NULL;
    char target[64] = "";
    if (!end || conn->control || sscanf(conn->in.data, "%*s %63s", target) != 1)
        return false;
    bool early = strncmp(target, "/early/", 7) == 0;
    if (!early && strncmp(target, "/sink", 5) != 0)
        return false;
    size_t head = (size_t)(end + 4 - conn->in.data);
    const char *length = ask_field(conn->in.data, head - 2, "content-length:");
    conn->chunked = ask_field(conn->in.data, head - 2, "transfer-encoding:") != NULL;
    conn->sink_most = length ? strtoull(length, NULL, 10) : 0;
    conn->sunk = 0;
    conn->sinking = conn->busy = true;
    record_request(&conn->seat, conn->in.data, head);
    bytes_drop(&conn->in, head);
    if (early)
        bytes_printf(&conn->out, "HTTP/1.1 %s Early\r\nContent-Length: 5\r\n\r\nearly", target + 7);
    conn->wake = early              ? faultd_now() + 1e6
                 : target[5] == '/' ? faultd_now() + strtod(target + 6, NULL)
                                    : 0;
    return true;
}

// Begins the answer to the request at the front of the input, if there is a whole one.
static bool conn_begin(struct conn *conn)
{
    struct ask ask = {0};
    size_t total;
    if (!ask_take(&conn->in, &ask, &total))
        return false;
    char *method = NULL, *target = NULL;
    if (sscanf(ask.head, "%m[^ \r\n] %m[^ \r\n]", &method, &target) != 2) {
        conn_end(conn, "rst");
    } else if (conn->control) {
        answer_control(conn, target);
    } else {
        record_request(&conn->seat, conn->in.data, total);
        conn->busy = true;
        conn->at = 0;
        conn->wake = 0;
        ask.method = method;
        ask.target = target;
        if (conn->program.stale)
            conn_end(conn, "fin");
        else
            mood_answer(&conn->program, &ask);
    }
    free(method);
    free(target);
    bytes_free(&ask.body);
    bytes_drop(&conn->in, total);
    return !conn->ended;
}

// Does all that can be done now.
static void conn_run(struct conn *conn)
{
    while (!conn->ended) {
        if (!conn->busy && !sink_begin(conn) && !conn_begin(conn))
            break;
        if (conn->sinking) {
            if (!sink_on(conn))
                break;
            continue;
        }
        struct program *program = &conn->program;
        while (conn->busy && conn->at < program->count && step_run(conn, &program->steps[conn->at]))
            conn->at++;
        if (conn->ended || (conn->busy && conn->at < program->count))
            break;
        if (!conn_flush(conn))
            break;
        if (conn->busy)
            record_done(&conn->seat, true);
        conn->busy = false;
        program_clear(program);
    }
    if (!conn->ended)
        conn_flush(conn);
    if (conn->ended)
        return;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (conn->in.len > INPUT_MOST || (conn->sinking && conn->wake > 0))
        event.events = 0;
    // A fill that had no room goes on when there is, even if all it had written is out by now.
    bool filling = conn->busy && conn->at < conn->program.count &&
                   conn->program.steps[conn->at].kind == STEP_FILL;
    if (conn->sent < conn->out.len || filling)
        event.events |= EPOLLOUT;
    epoll_ctl(epoll, EPOLL_CTL_MOD, conn->fd, &event);
}

static void conn_read(struct conn *conn)
{
    bytes_room(&conn->in, 65536);
    ssize_t got = recv(conn->fd, conn->in.data + conn->in.len, 65535, 0);
    if (got > 0)
        conn->in.len += (size_t)got;
    else if (got == 0)
        conn_end(conn, "eof");
    else if (errno != EAGAIN && errno != EINTR)
        conn_end(conn, "reset");
}

static void accept_all(const struct listener *listener)
{
    int fd;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);
        if (!conn)
            abort();
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        conn->fd = fd;
        conn->next = conns;
        conns = conn;
        conn->control = listener->control;
        if (!conn->control)
            record_open(&conn->seat);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

// Runs those whose time has come and frees those that ended; ms until the next is due, or -1.
static int conns_due(void)
{
    double soonest = -1, time = faultd_now();
    for (struct conn **at = &conns; *at;) {
        struct conn *conn = *at;
        if (!conn->ended && conn->wake > 0 && conn->wake <= time)
            conn_run(conn);
        if (conn->ended) {
            *at = conn->next;
            conn_free(conn);
            continue;
        }
        if (conn->wake > 0 && (soonest < 0 || conn->wake < soonest))
            soonest = conn->wake;
        at = &conn->next;
    }
    return soonest < 0 ? -1 : soonest <= time ? 0 : (int)(soonest - time) + 1;
}

static void watch_listener(struct listener *listener, int fd)
{
    listener->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void listen_file(struct listener *listener, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) {
        perror("faultd");
        exit(1);
    }
    watch_listener(listener, fd);
}

static void listen_port(struct listener *listener, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&address, &len)) {
        perror("faultd");
        exit(1);
    }
    listener->port = ntohs(address.sin_port);
    watch_listener(listener, fd);
}

static void event_run(const struct epoll_event *event)
{
    if (event->data.ptr == &listeners[0] || event->data.ptr == &listeners[1]) {
        accept_all(event->data.ptr);
        return;
    }
    struct conn *conn = event->data.ptr;
    if (conn->ended)
        return;
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        conn_read(conn);
    conn_run(conn);
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    record_reset();
    if (argc > 1 && *argv[1] == '/')
        listen_file(&listeners[0], argv[1]);
    else
        listen_port(&listeners[0], argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0);
    listen_port(&listeners[1], 0);
    printf("faultd: listening on 127.0.0.1:%u, control on 127.0.0.1:%u\n", listeners[0].port,
           listeners[1].port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, conns_due());
        for (int i = 0; i < count; i++)
            event_run(&events[i]);
    }
}
