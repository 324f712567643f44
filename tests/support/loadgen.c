// Load for tests: sends requests at the times it was told to, whether or not what came before was
// answered (an open loop), over kept connections, and never sends one twice. Each has an id of its
// own, which has to come back in X-Request-Id, and in the body of a 200.
//   loadgen PORT PATH PHASE...
// PATH ends where the id goes. A PHASE is RATExSECONDS, such as 5000x10: so many requests a second;
// or cCOUNTxSECONDS, such as c8x2: as many as come of COUNT in work at once (a closed loop). At
// most 10000 connections, or as many as it may have descriptors, are open; a request for which
// there is none is counted as unsent. It waits 15 s for the last answers, then prints a line for
// each phase:
//   phase=1 ms= sent= unsent= ok= shed= other= wrong= lost= unasked= bare= ok_p99= shed_p50=
//   shed_p99= last_shed=
// ok: 200 with its own id; shed: 503 with it; other: another status; wrong: an id or a body of
// another request; lost: never answered in full; unasked: bytes that nobody asked for; bare: 503
// without Retry-After. Times in us from sending, or connecting, to the last byte; last_shed: when
// the last request of the phase was sent that was shed, in ms from the beginning of the phase.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 4096, PHASES_MOST = 16, GRACE_S = 15, EVENTS = 256 };

struct times {
    uint32_t *us;
    size_t count, cap;
};

static struct phase {
    bool closed;
    double rate; // a second; or how many in work
    double seconds;
    uint64_t begin, end; // ns
    unsigned long sent, unsent, ok, shed, other, wrong, lost, unasked, bare;
    uint64_t last_shed; // ns
    struct times ok_times, shed_times;
} phases[PHASES_MOST];

struct conn {
    int fd;
    bool busy, opening;
    struct phase *phase; // of the request in work
    unsigned long id;
    uint64_t sent_at; // ns
    size_t len;
    char in[ROOM];
    struct conn *next; // idle, or spare
};

static unsigned phase_count, most = 10000, opened, in_work;
static struct conn *idle, *spare;
static struct phase *current;
static const char *path;
static unsigned port;
static int poller;
static unsigned long last_id;

static void die(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void keep(struct times *times, uint64_t ns)
{
    if (times->count == times->cap) {
        times->cap = times->cap ? times->cap * 2 : 4096;
        times->us = realloc(times->us, times->cap * sizeof *times->us);
        if (!times->us)
            die("memory");
    }
    times->us[times->count++] = (uint32_t)(ns / 1000);
}

// Connections

static struct conn *conn_open(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct conn *conn = spare;
    if (fd < 0)
        die("socket");
    if (conn)
        spare = conn->next;
    else if (!(conn = malloc(sizeof *conn)))
        die("memory");
    conn->fd = fd;
    conn->busy = conn->opening = false;
    conn->len = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        if (errno != EINPROGRESS)
            die("connect");
        conn->opening = true;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = conn};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
    opened++;
    return conn;
}

static void conn_close(struct conn *conn)
{
    for (struct conn **at = &idle; !conn->busy && *at; at = &(*at)->next)
        if (*at == conn) {
            *at = conn->next;
            break;
        }
    if (conn->busy)
        in_work--;
    close(conn->fd);
    conn->fd = -1;
    conn->next = spare;
    spare = conn;
    opened--;
}

static void conn_send(struct conn *conn)
{
    char text[1024];
    int len = snprintf(text, sizeof text,
                       "GET %s%lu HTTP/1.1\r\nHost: gate.test\r\nX-Request-Id: load-%lu\r\n\r\n",
                       path, conn->id, conn->id);
    if (send(conn->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
        conn_close(conn);
}

static bool ask(struct phase *phase)
{
    struct conn *conn = idle;
    if (!conn && opened >= most) {
        phase->unsent++;
        return false;
    }
    if (conn)
        idle = conn->next;
    else
        conn = conn_open();
    conn->busy = true;
    conn->phase = phase;
    conn->id = ++last_id;
    conn->sent_at = now();
    phase->sent++;
    in_work++;
    if (!conn->opening)
        conn_send(conn);
    return true;
}

// Answers

// The value of a field, as far as there is one in the head.
static bool field(const char *head, const char *name, char *value, size_t room)
{
    const char *at = strcasestr(head, name);
    if (!at)
        return false;
    at += strlen(name);
    size_t len = strcspn(at, "\r");
    snprintf(value, room, "%.*s", (int)len, at);
    return true;
}

static void count(struct conn *conn, const char *head, const char *body)
{
    struct phase *phase = conn->phase;
    char value[64], wanted[64];
    uint64_t took = now() - conn->sent_at;
    int status = atoi(head + 9);
    snprintf(wanted, sizeof wanted, "load-%lu", conn->id);
    if (!field(head, "\r\nX-Request-Id: ", value, sizeof value) || strcmp(value, wanted) != 0) {
        phase->wrong++;
    } else if (status == 200) {
        if (strcmp(body, wanted + 5) != 0) {
            phase->wrong++;
            return;
        }
        phase->ok++;
        keep(&phase->ok_times, took);
    } else if (status == 503) {
        phase->shed++;
        phase->last_shed = conn->sent_at;
        phase->bare += !field(head, "\r\nRetry-After: ", value, sizeof value);
        keep(&phase->shed_times, took);
    } else {
        phase->other++;
    }
}

// The length of the reply that is at the front of the input; 0: it is not all there.
static size_t whole(struct conn *conn)
{
    char value[32], *end = strstr(conn->in, "\r\n\r\n");
    if (!end)
        return 0;
    end[2] = '\0'; // the head is a string of its own
    bool has = field(conn->in, "\r\nContent-Length: ", value, sizeof value);
    size_t len = (size_t)(end - conn->in) + 4 + (has ? strtoul(value, NULL, 10) : 0);
    if (len > conn->len)
        end[2] = '\r';
    return len > conn->len ? 0 : len;
}

// False: the connection has been closed.
static bool take(struct conn *conn)
{
    char value[16];
    conn->in[conn->len] = '\0';
    if (!conn->busy) {
        current->unasked++;
        conn_close(conn);
        return false;
    }
    size_t len = whole(conn);
    if (!len)
        return true;
    if (len < conn->len)
        conn->phase->unasked++;
    count(conn, conn->in, conn->in + strlen(conn->in) + 2);
    bool over = len < conn->len || (field(conn->in, "\r\nConnection: ", value, sizeof value) &&
                                    strcmp(value, "close") == 0);
    conn->busy = false;
    conn->len = 0;
    in_work--;
    if (over) {
        conn_close(conn);
    } else {
        conn->next = idle;
        idle = conn;
    }
    return !over;
}

static void receive(struct conn *conn)
{
    while (conn->fd >= 0) {
        ssize_t got = recv(conn->fd, conn->in + conn->len, ROOM - 1 - conn->len, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            conn_close(conn);
            return;
        }
        conn->len += (size_t)got;
        if (!take(conn))
            return;
    }
}

static void on_event(struct conn *conn, uint32_t events)
{
    if (conn->fd < 0)
        return;
    if (conn->opening && (events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP))) {
        conn->opening = false;
        conn_send(conn);
    }
    if (conn->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)))
        receive(conn);
}

static void turn(uint64_t until)
{
    struct epoll_event events[EVENTS];
    uint64_t at = now(), wait = until > at ? until - at : 0;
    struct timespec time = {.tv_sec = (time_t)(wait / 1000000000u),
                            .tv_nsec = (long)(wait % 1000000000u)};
    int ready = epoll_pwait2(poller, events, EVENTS, &time, NULL);
    for (int i = 0; i < ready; i++)
        on_event(events[i].data.ptr, events[i].events);
}

// Phases

static void run_open(struct phase *phase)
{
    unsigned long due = 0;
    for (uint64_t at = phase->begin; at < phase->end; turn(at)) {
        for (; at <= now() && at < phase->end; due++) {
            ask(phase);
            at = phase->begin + (uint64_t)((double)(due + 1) * 1e9 / phase->rate);
        }
    }
}

static void run_closed(struct phase *phase)
{
    while (now() < phase->end) {
        for (unsigned left = (unsigned)phase->rate; left && in_work < (unsigned)phase->rate; left--)
            ask(phase);
        turn(phase->end);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static unsigned quantile(const struct times *times, double share)
{
    return times->count ? times->us[(size_t)((double)(times->count - 1) * share)] : 0;
}

static void print(struct phase *phase, unsigned number)
{
    struct times *ok = &phase->ok_times, *shed = &phase->shed_times;
    if (ok->count)
        qsort(ok->us, ok->count, sizeof *ok->us, by_size);
    if (shed->count)
        qsort(shed->us, shed->count, sizeof *shed->us, by_size);
    uint64_t last = phase->last_shed ? phase->last_shed - phase->begin : 0;
    printf("phase=%u ms=%.0f sent=%lu unsent=%lu ok=%lu shed=%lu other=%lu wrong=%lu lost=%lu "
           "unasked=%lu bare=%lu ok_p99=%u shed_p50=%u shed_p99=%u last_shed=%.0f\n",
           number, (double)(phase->end - phase->begin) / 1e6, phase->sent, phase->unsent, phase->ok,
           phase->shed, phase->other, phase->wrong, phase->lost, phase->unasked, phase->bare,
           quantile(ok, .99), quantile(shed, .5), quantile(shed, .99), (double)last / 1e6);
}

static bool read_phase(const char *text)
{
    if (phase_count == PHASES_MOST)
        return false;
    struct phase *phase = &phases[phase_count];
    phase->closed = *text == 'c';
    if (sscanf(text + phase->closed, "%lfx%lf", &phase->rate, &phase->seconds) != 2 ||
        phase->rate <= 0 || phase->seconds <= 0)
        return false;
    phase_count++;
    return true;
}

int main(int argc, char **argv)
{
    bool sound = argc >= 4;
    for (int i = 3; sound && i < argc; i++)
        sound = read_phase(argv[i]);
    if (!sound) {
        fputs("usage: loadgen PORT PATH RATExSECONDS|cCOUNTxSECONDS...\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    port = (unsigned)atoi(argv[1]);
    path = argv[2];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (most > files.rlim_cur - 16)
        most = (unsigned)files.rlim_cur - 16;
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0)
        die("epoll");
    for (unsigned i = 0; i < phase_count; i++) {
        current = &phases[i];
        current->begin = now();
        current->end = current->begin + (uint64_t)(current->seconds * 1e9);
        (current->closed ? run_closed : run_open)(current);
    }
    for (uint64_t end = now() + GRACE_S * UINT64_C(1000000000); in_work && now() < end;)
        turn(now() + 10000000);
    for (unsigned i = 0; i < phase_count; i++) {
        struct phase *phase = &phases[i];
        phase->lost = phase->sent - phase->ok - phase->shed - phase->other - phase->wrong;
        print(phase, i + 1);
    }
    return 0;
}
