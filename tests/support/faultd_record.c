// faultd's memory of what it was sent, and the bytes that all of it is made of. The record keeps
// the first 32,768 requests and connections and 64 MiB of raw bytes, 64 KiB of each request; the
// counts go on.
#include "faultd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    RECORD_MOST = 32768,
    RAW_MOST = 65536,
    RAW_MOST_ALL = 64 << 20,
};

struct entry {
    struct bytes raw;
    unsigned connection;
    double at, done; // ms since the record began; done < 0: not answered in full
};

struct past { // one connection
    double opened, closed;
    const char *how; // NULL: open; "eof", "reset": the other side; "fin", "rst": faultd
    unsigned requests;
};

static struct {
    struct entry entries[RECORD_MOST];
    struct past pasts[RECORD_MOST];
    int entry_count, past_count;
    size_t raw_bytes;
    unsigned requests, in_flight, in_flight_most;
    unsigned connections, open, open_most;
    double began;
    uint64_t epoch;
} record;

double faultd_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

// Bytes

void bytes_room(struct bytes *bytes, size_t more)
{
    if (bytes->cap - bytes->len >= more)
        return;
    bytes->cap = (bytes->len + more) * 2;
    bytes->data = realloc(bytes->data, bytes->cap);
    if (!bytes->data)
        abort();
}

void bytes_put(struct bytes *bytes, const void *data, size_t len)
{
    bytes_room(bytes, len + 1);
    if (len > 0)
        memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

void bytes_text(struct bytes *bytes, const char *text)
{
    bytes_put(bytes, text, strlen(text));
}

void bytes_printf(struct bytes *bytes, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text;
    int len = vasprintf(&text, format, list);
    va_end(list);
    if (len < 0)
        abort();
    bytes_put(bytes, text, (size_t)len);
    free(text);
}

void bytes_json(struct bytes *bytes, const char *data, size_t len)
{
    bytes_text(bytes, "\"");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            bytes_printf(bytes, "\\u%04x", c);
        else
            bytes_put(bytes, &c, 1);
    }
    bytes_text(bytes, "\"");
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

void bytes_drop(struct bytes *bytes, size_t len)
{
    bytes->len -= len;
    memmove(bytes->data, bytes->data + len, bytes->len);
}

// The record

static double since(void)
{
    return faultd_now() - record.began;
}

void record_open(struct seat *seat)
{
    seat->epoch = record.epoch;
    seat->past = seat->entry = -1;
    record.connections++;
    if (++record.open > record.open_most)
        record.open_most = record.open;
    if (record.past_count < RECORD_MOST) {
        seat->past = record.past_count++;
        record.pasts[seat->past] = (struct past){.opened = since()};
    }
}

void record_request(struct seat *seat, const char *raw, size_t len)
{
    if (seat->epoch != record.epoch)
        record_open(seat); // it was open when the record was begun anew
    record.requests++;
    if (++record.in_flight > record.in_flight_most)
        record.in_flight_most = record.in_flight;
    if (seat->past >= 0)
        record.pasts[seat->past].requests++;
    seat->entry = -1;
    if (record.entry_count == RECORD_MOST)
        return;
    seat->entry = record.entry_count++;
    struct entry *entry = &record.entries[seat->entry];
    *entry = (struct entry){.connection = (unsigned)seat->past + 1, .at = since(), .done = -1};
    len = len < RAW_MOST ? len : RAW_MOST;
    if (record.raw_bytes + len <= RAW_MOST_ALL)
        bytes_put(&entry->raw, raw, len);
    record.raw_bytes += entry->raw.len;
}

void record_done(struct seat *seat, bool whole)
{
    if (seat->epoch != record.epoch)
        return;
    record.in_flight--;
    if (whole && seat->entry >= 0)
        record.entries[seat->entry].done = since();
}

void record_close(struct seat *seat, const char *how)
{
    if (seat->epoch != record.epoch)
        return;
    record.open--;
    if (seat->past >= 0) {
        record.pasts[seat->past].closed = since();
        record.pasts[seat->past].how = how;
    }
}

void record_reset(void)
{
    for (int i = 0; i < record.entry_count; i++)
        bytes_free(&record.entries[i].raw);
    record.entry_count = record.past_count = 0;
    record.raw_bytes = 0;
    record.requests = record.in_flight = record.in_flight_most = 0;
    record.connections = record.open = record.open_most = 0;
    record.began = faultd_now();
    record.epoch++;
}

// { requests, in_flight, in_flight_most, connections, open, open_most, now,
//   log = [{ connection, at, done, raw }], conns = [{ opened, closed, how, requests }] }
// Times are ms since the record began; `connection` counts into conns from 1.
void record_put(struct bytes *out, bool brief)
{
    bytes_printf(out,
                 "{\"requests\":%u,\"in_flight\":%u,\"in_flight_most\":%u,\"connections\":%u,"
                 "\"open\":%u,\"open_most\":%u,\"now\":%.3f,\"log\":[",
                 record.requests, record.in_flight, record.in_flight_most, record.connections,
                 record.open, record.open_most, since());
    for (int i = 0; i < record.entry_count; i++) {
        const struct entry *entry = &record.entries[i];
        bytes_printf(out, "%s{\"connection\":%u,\"at\":%.3f", i ? "," : "", entry->connection,
                     entry->at);
        if (entry->done >= 0)
            bytes_printf(out, ",\"done\":%.3f", entry->done);
        if (!brief) {
            bytes_text(out, ",\"raw\":");
            bytes_json(out, entry->raw.data, entry->raw.len);
        }
        bytes_text(out, "}");
    }
    bytes_text(out, "],\"conns\":[");
    for (int i = 0; i < record.past_count; i++) {
        const struct past *past = &record.pasts[i];
        bytes_printf(out, "%s{\"opened\":%.3f,\"requests\":%u", i ? "," : "", past->opened,
                     past->requests);
        if (past->how)
            bytes_printf(out, ",\"closed\":%.3f,\"how\":\"%s\"", past->closed, past->how);
        bytes_text(out, "}");
    }
    bytes_text(out, "]}");
}

// A piece of a head, to the end of its line, without what could be taken for the end of ours.
static void put_piece(struct bytes *out, const char *at, const char *end)
{
    for (; at < end && *at != '\r'; at++) {
        char c = (unsigned char)*at < ' ' ? '?' : *at;
        bytes_put(out, &c, 1);
    }
}

// How many requests are in flight, then a line for each that was read with its body:
//   REQUEST LINE <tab> length of the body-FNV-1a of its bytes <tab> X-Forwarded-For
void record_brief(struct bytes *out)
{
    bytes_printf(out, "%u\n", record.in_flight);
    for (int i = 0; i < record.entry_count; i++) {
        struct ask ask = {0};
        size_t total;
        if (!ask_take(&record.entries[i].raw, &ask, &total))
            continue;
        uint32_t sum = 2166136261u;
        for (size_t n = 0; n < ask.body.len; n++)
            sum = (sum ^ (unsigned char)ask.body.data[n]) * 16777619u;
        const char *end = ask.head + ask.head_len;
        const char *from = ask_field(ask.head, ask.head_len - 2, "x-forwarded-for:");
        put_piece(out, ask.head, end);
        bytes_printf(out, "\t%zu-%08x\t", ask.body.len, sum);
        if (from)
            put_piece(out, from + strspn(from, " "), end);
        bytes_text(out, "\n");
        bytes_free(&ask.body);
    }
}
