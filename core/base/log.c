#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { line_most = 2048, ring_size = 256 * 1024, drain_ms = 1000, look_ms = 100 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_t writer;
    char *ring; // NULL while no writer runs
    size_t len; // bytes waiting
    unsigned long dropped;
    bool running;
    _Atomic bool stopping;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static _Atomic enum mg_log_level most_level = MG_LOG_INFO;

static struct {
    void (*take)(void *owner, enum mg_log_level level, struct mg_str text); // NULL: stderr
    void *owner;
} instead;

void mg_log_to(void (*take)(void *owner, enum mg_log_level level, struct mg_str text), void *owner)
{
    instead.take = take;
    instead.owner = owner;
}

// Writes all; how many bytes could not be written. A reader that takes nothing is waited for, but
// for at most drain_ms when nobody else is there to wait, or the process is to end. A write of
// PIPE_BUF bytes to a pipe that has room does not block (pipe(7)).
static size_t write_out(const char *data, size_t len, bool patient)
{
    int waited = 0;
    while (len) {
        struct pollfd fd = {STDERR_FILENO, POLLOUT, 0};
        if (poll(&fd, 1, look_ms) <= 0) {
            waited += look_ms;
            if (waited >= drain_ms && (!patient || sink.stopping))
                break;
            continue;
        }
        ssize_t n = write(STDERR_FILENO, data, len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            break;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
            waited = 0;
        }
    }
    return len;
}

// The time and the level that a line begins with, in `room` bytes, which are enough; the length.
static size_t stamp(char *line, size_t room, enum mg_log_level level)
{
    static const char *const words[] = {"error", "warn ", "info ", "debug"};
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    return len + (size_t)snprintf(line + len, room - len, ".%03ldZ %s ", now.tv_nsec / 1000000,
                                  words[level]);
}

static bool write_dropped(unsigned long dropped)
{
    char line[128];
    size_t len = stamp(line, sizeof line, MG_LOG_WARN);
    len += (size_t)snprintf(line + len, sizeof line - len,
                            "%lu log lines were dropped: they could not be written\n", dropped);
    return write_out(line, len, true) == 0;
}

static unsigned long count_lines(const char *text, size_t len)
{
    unsigned long count = 0;
    for (const char *end = text + len; text < end; text++)
        count += *text == '\n';
    return count;
}

// Writes a batch of whole lines, and then how many were dropped before it; returns how many are
// still to be told of. `*torn`: what was written last ended within a line. batch[-1] is a line's
// end.
static unsigned long write_batch(const char *batch, size_t len, unsigned long dropped, bool *torn)
{
    size_t before = *torn, left = write_out(batch - before, len + before, true);
    if (left > len)
        return dropped + count_lines(batch, len);
    *torn = left && batch[(ptrdiff_t)(len - left) - 1] != '\n';
    if (left)
        return dropped + count_lines(batch + len - left, left);
    *torn = dropped && !write_dropped(dropped);
    return *torn ? dropped : 0;
}

static void *write_lines(void *unused)
{
    char *room = malloc(ring_size + 1);
    bool torn = false;
    pthread_mutex_lock(&sink.lock);
    while (room && (!sink.stopping || sink.len)) {
        if (!sink.len) {
            pthread_cond_wait(&sink.filled, &sink.lock);
            continue;
        }
        size_t len = sink.len;
        room[0] = '\n';
        memcpy(room + 1, sink.ring, len);
        unsigned long dropped = sink.dropped;
        sink.len = 0;
        sink.dropped = 0;
        pthread_mutex_unlock(&sink.lock);
        dropped = write_batch(room + 1, len, dropped, &torn);
        pthread_mutex_lock(&sink.lock);
        sink.dropped += dropped;
        if (sink.stopping && dropped)
            break;
    }
    pthread_mutex_unlock(&sink.lock);
    free(room);
    return unused;
}

void mg_log_init(enum mg_log_level most)
{
    most_level = most;
    sink.ring = malloc(ring_size);
    sink.stopping = false;
    sink.running = sink.ring && pthread_create(&sink.writer, NULL, write_lines, NULL) == 0;
}

void mg_log_fini(void)
{
    if (sink.running) {
        pthread_mutex_lock(&sink.lock);
        sink.stopping = true;
        pthread_cond_signal(&sink.filled);
        pthread_mutex_unlock(&sink.lock);
        pthread_join(sink.writer, NULL);
    }
    pthread_mutex_lock(
        &sink.lock); // a thread that was left at work may still have something to say
    sink.running = false;
    free(sink.ring);
    sink.ring = NULL;
    pthread_mutex_unlock(&sink.lock);
}

// Copies `text` with control bytes escaped; returns the length written, at most `room`.
static size_t escape(char *out, size_t room, const char *text)
{
    size_t len = 0;
    for (; *text && len + 4 < room; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f)
            len += (size_t)snprintf(out + len, 5, "\\x%02x", c);
        else
            out[len++] = (char)c;
    }
    return len;
}

void mg_log(enum mg_log_level level, const char *format, ...)
{
    if (level > most_level)
        return;
    char text[line_most], line[line_most + 64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (instead.take) {
        instead.take(instead.owner, level, mg_str_of(text));
        return;
    }

    size_t len = stamp(line, sizeof line, level);
    len += escape(line + len, sizeof line - len - 1, text);
    line[len++] = '\n';

    pthread_mutex_lock(&sink.lock);
    bool running = sink.running;
    if (running && len <= ring_size - sink.len) {
        memcpy(sink.ring + sink.len, line, len);
        sink.len += len;
        pthread_cond_signal(&sink.filled);
    } else if (running) {
        sink.dropped++;
    }
    pthread_mutex_unlock(&sink.lock);
    if (!running)
        write_out(line, len, false);
}
