#include "fake_backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { connections_most = 4096, record_most = 4 << 20, steps_most = 16 };

struct connection {
    int fd;
    char *text; // of the request that is coming in
    size_t len;
    unsigned requests;
    const struct fake_step *step; // being carried out, NULL: none
    uint64_t due;                 // when its answer is to be written
    size_t written;
};

struct fake_backend {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    int listener, wake[2], port;
    bool each;
    struct fake_step steps[steps_most];
    unsigned step_count;
    struct connection connections[connections_most];
    unsigned count; // open connections
    unsigned accepted, requests, answering, most_answering, resets;
    char *record;
    size_t recorded;
    bool ending;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void drop(struct fake_backend *fake, unsigned index, bool reset)
{
    struct connection *connection = &fake->connections[index];
    struct linger linger = {1, 0};
    if (reset)
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(connection->fd);
    free(connection->text);
    fake->answering -= connection->step != NULL;
    *connection = fake->connections[--fake->count];
    pthread_cond_broadcast(&fake->news);
}

static void accept_all(struct fake_backend *fake)
{
    int fd, one = 1;
    while (fake->count < connections_most &&
           (fd = accept4(fake->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fake->connections[fake->count++] = (struct connection){.fd = fd};
        fake->accepted++;
        pthread_cond_broadcast(&fake->news);
    }
}

static const struct fake_step *step_for(struct fake_backend *fake, struct connection *connection)
{
    unsigned index = fake->each ? connection->requests : fake->requests;
    return &fake->steps[index < fake->step_count ? index : fake->step_count - 1];
}

// Bytes of the first whole request in the connection's text, 0 when it is not whole yet.
static size_t whole_request(struct fake_backend *fake, struct connection *connection)
{
    char *end = connection->len ? memmem(connection->text, connection->len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return 0;
    size_t head = (size_t)(end + 4 - connection->text), body = 0;
    for (char *at = connection->text; at < end; at++)
        if (*at == '\n' && strncasecmp(at + 1, "Content-Length:", 15) == 0)
            body = strtoul(at + 16, NULL, 10);
    if (step_for(fake, connection)->early)
        return head;
    return connection->len >= head + body ? head + body : 0;
}

static void begin_answer(struct fake_backend *fake, struct connection *connection)
{
    size_t len = connection->step ? 0 : whole_request(fake, connection);
    if (!len)
        return;
    connection->step = step_for(fake, connection);
    connection->due = now_ms() + (uint64_t)connection->step->delay_ms;
    connection->written = 0;
    connection->requests++;
    fake->requests++;
    if (++fake->answering > fake->most_answering)
        fake->most_answering = fake->answering;
    memmove(connection->text, connection->text + len, connection->len - len);
    connection->len -= len;
    pthread_cond_broadcast(&fake->news);
}

// False when the connection has ended.
static bool read_some(struct fake_backend *fake, unsigned index)
{
    struct connection *connection = &fake->connections[index];
    char room[65536];
    ssize_t len = recv(connection->fd, room, sizeof room, 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (len <= 0) {
        fake->resets += len < 0;
        drop(fake, index, false);
        return false;
    }
    size_t keep =
        record_most - fake->recorded < (size_t)len ? record_most - fake->recorded : (size_t)len;
    memcpy(fake->record + fake->recorded, room, keep);
    fake->recorded += keep;
    connection->text = realloc(connection->text, connection->len + (size_t)len);
    memcpy(connection->text + connection->len, room, (size_t)len);
    connection->len += (size_t)len;
    begin_answer(fake, connection);
    return true;
}

static bool write_some(struct fake_backend *fake, unsigned index)
{
    struct connection *connection = &fake->connections[index];
    const struct fake_step *step = connection->step;
    while (connection->written < step->len) {
        ssize_t len = send(connection->fd, step->bytes + connection->written,
                           step->len - connection->written, MSG_NOSIGNAL);
        if (len < 0 && errno == EAGAIN)
            return true;
        if (len < 0) {
            drop(fake, index, false);
            return false;
        }
        connection->written += (size_t)len;
    }
    if (step->then != FAKE_KEEP) {
        drop(fake, index, step->then == FAKE_RESET);
        return false;
    }
    connection->step = NULL;
    fake->answering--;
    begin_answer(fake, connection);
    return true;
}

static int fill_polls(struct fake_backend *fake, struct pollfd *polls)
{
    uint64_t now = now_ms();
    int wait = -1;
    polls[0] = (struct pollfd){.fd = fake->wake[0], .events = POLLIN};
    polls[1] = (struct pollfd){.fd = fake->listener, .events = POLLIN};
    for (unsigned i = 0; i < fake->count; i++) {
        struct connection *connection = &fake->connections[i];
        polls[i + 2] = (struct pollfd){.fd = connection->fd, .events = POLLIN};
        if (connection->step && connection->due <= now)
            polls[i + 2].events |= POLLOUT;
        else if (connection->step && (wait < 0 || connection->due - now < (uint64_t)wait))
            wait = (int)(connection->due - now);
    }
    return wait;
}

static void *serve(void *arg)
{
    struct fake_backend *fake = arg;
    static __thread struct pollfd polls[connections_most + 2];
    pthread_mutex_lock(&fake->lock);
    while (!fake->ending) {
        int wait = fill_polls(fake, polls);
        unsigned count = fake->count;
        pthread_mutex_unlock(&fake->lock);
        poll(polls, count + 2, wait);
        char woken;
        if (polls[0].revents & POLLIN && read(fake->wake[0], &woken, 1) < 0)
            perror("fake_backend");
        pthread_mutex_lock(&fake->lock);
        for (unsigned i = count; i-- > 0;) { // from the end: drop moves the last to the gap
            if (polls[i + 2].revents & (POLLIN | POLLHUP | POLLERR) && !read_some(fake, i))
                continue;
            if (polls[i + 2].revents & POLLOUT && fake->connections[i].step)
                write_some(fake, i);
        }
        accept_all(fake);
    }
    pthread_mutex_unlock(&fake->lock);
    return NULL;
}

static bool listen_on_loopback(struct fake_backend *fake, bool ipv6)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *address = ipv6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t len = ipv6 ? sizeof six : sizeof four;
    fake->listener = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(fake->listener, address, len) != 0 || listen(fake->listener, 4096) != 0)
        return false;
    getsockname(fake->listener, address, &len);
    fake->port = ntohs(ipv6 ? six.sin6_port : four.sin_port);
    return true;
}

static void end(struct fake_backend *fake)
{
    while (fake->count)
        drop(fake, 0, false);
    for (unsigned i = 0; i < fake->step_count; i++)
        free((char *)fake->steps[i].bytes);
    close(fake->wake[0]);
    close(fake->wake[1]);
    free(fake->record);
    free(fake);
}

struct fake_backend *fake_new(const struct fake_step *steps, unsigned count, bool each, bool ipv6)
{
    struct fake_backend *fake = calloc(1, sizeof *fake);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&fake->news, &clock);
    pthread_mutex_init(&fake->lock, NULL);
    fake->each = each;
    fake->step_count = count;
    for (unsigned i = 0; i < count; i++) {
        fake->steps[i] = steps[i];
        fake->steps[i].bytes = memcpy(malloc(steps[i].len + 1), steps[i].bytes, steps[i].len);
    }
    fake->record = malloc(record_most);
    if (pipe(fake->wake) == 0 && listen_on_loopback(fake, ipv6) &&
        pthread_create(&fake->thread, NULL, serve, fake) == 0)
        return fake;
    close(fake->listener);
    end(fake);
    return NULL;
}

void fake_stop(struct fake_backend *fake)
{
    pthread_mutex_lock(&fake->lock);
    bool ends = !fake->ending;
    fake->ending = true;
    pthread_mutex_unlock(&fake->lock);
    if (ends && write(fake->wake[1], "", 1) == 1)
        pthread_join(fake->thread, NULL);
    if (ends)
        close(fake->listener);
}

void fake_free(struct fake_backend *fake)
{
    fake_stop(fake);
    end(fake);
}

void fake_hurry(struct fake_backend *fake)
{
    pthread_mutex_lock(&fake->lock);
    for (unsigned i = 0; i < fake->count; i++)
        fake->connections[i].due = 0;
    pthread_mutex_unlock(&fake->lock);
    if (write(fake->wake[1], "", 1) < 0)
        perror("fake_backend");
}

static unsigned read_count(struct fake_backend *fake, const unsigned *count)
{
    pthread_mutex_lock(&fake->lock);
    unsigned value = *count;
    pthread_mutex_unlock(&fake->lock);
    return value;
}

int fake_port(struct fake_backend *fake)
{
    return fake->port;
}

unsigned fake_connections(struct fake_backend *fake)
{
    return read_count(fake, &fake->accepted);
}

unsigned fake_requests(struct fake_backend *fake)
{
    return read_count(fake, &fake->requests);
}

unsigned fake_most_at_once(struct fake_backend *fake)
{
    return read_count(fake, &fake->most_answering);
}

unsigned fake_resets(struct fake_backend *fake)
{
    return read_count(fake, &fake->resets);
}

static bool wait_for(struct fake_backend *fake, const unsigned *value, unsigned count, int ms)
{
    uint64_t until = now_ms() + (uint64_t)ms;
    struct timespec at = {(time_t)(until / 1000), (long)(until % 1000) * 1000000};
    pthread_mutex_lock(&fake->lock);
    while (*value != count && pthread_cond_timedwait(&fake->news, &fake->lock, &at) == 0)
        continue;
    bool reached = *value == count;
    pthread_mutex_unlock(&fake->lock);
    return reached;
}

bool fake_wait_open(struct fake_backend *fake, unsigned count, int ms)
{
    return wait_for(fake, &fake->count, count, ms);
}

bool fake_wait_requests(struct fake_backend *fake, unsigned count, int ms)
{
    return wait_for(fake, &fake->requests, count, ms);
}

size_t fake_recorded(struct fake_backend *fake)
{
    pthread_mutex_lock(&fake->lock);
    size_t count = fake->recorded;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

size_t fake_received(struct fake_backend *fake, char *room, size_t len)
{
    pthread_mutex_lock(&fake->lock);
    size_t count = fake->recorded < len ? fake->recorded : len;
    memcpy(room, fake->record, count);
    pthread_mutex_unlock(&fake->lock);
    return count;
}
