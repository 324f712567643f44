// What faultd does with a request, by its path. Each answer takes these query fields:
// status, body, type, header ("Name: value", repeated), all percent-encoded.
//
//   /ok                   200, {"ok":true} or the query's body
//   /status/N             the same with status N
//   /id/X                 {"id":"X"}
//   /once/X               {"id":"X","n":1}, with how often that was asked for
//   /echo                 the request as JSON: method, target, headers, body
//   /delay/MS/...         what the rest says, MS milliseconds later
//   /held/...             what the rest says, once /release was asked of the control port
//   /hang                 nothing, ever
//   /reset/K  /cut/K      the first K bytes of the answer of /ok, then RST, or FIN
//   /die/length/K  /die/chunked/K    the first K bytes of a plain answer of 4096 y, then FIN
//   /drip/MS  /drip/head/MS   the body, or all of it, one byte every MS milliseconds
//   /garbage  /garbage/N  no HTTP, in five forms (0 to 4)
//   /length/short long dup negative junk   a Content-Length that is not true, or none at all
//   /chunk/ok bad cut trailer noend        chunked, right or wrong
//   /noend                a head and the first half of the body, then nothing
//   /eof                  a body that ends with the connection
//   /header/huge/N  /header/many/N   one field of N bytes; N fields
//   /big/N  /bigchunk/N   a JSON string of N bytes, with its length; in one chunk
//   /redirect?to=URL      302, or the query's status
//   /informed             100 and 103 before the answer
//   /close                as /ok, says "Connection: close" and does
//   /quiet                as /ok, closes without having said so
//   /stale                as /ok, closes when the next request has arrived on the connection
//   /raw?bytes=...        exactly these bytes, then nothing; with close=1 FIN
#include "faultd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct step *program_add(struct program *program, enum step_kind kind)
{
    if (program->count == STEPS_MOST)
        abort();
    struct step *step = &program->steps[program->count++];
    *step = (struct step){.kind = kind};
    return step;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

static void put_decoded(struct bytes *out, const char *at, const char *end)
{
    for (; at < end; at++) {
        char c = *at;
        if (c == '%' && end - at > 2 && hex(at[1]) >= 0 && hex(at[2]) >= 0) {
            c = (char)(hex(at[1]) * 16 + hex(at[2]));
            at += 2;
        }
        bytes_put(out, &c, 1);
    }
}

// Appends the decoded value of the `nth` (from 0) query field of that name; false when there is
// none.
static bool query(const struct ask *ask, const char *name, unsigned nth, struct bytes *value)
{
    size_t len = strlen(name);
    const char *at = strchr(ask->target, '?');
    while (at && *at) {
        at++;
        const char *end = at + strcspn(at, "&");
        if (strncmp(at, name, len) == 0 && at[len] == '=' && nth-- == 0) {
            put_decoded(value, at + len + 1, end);
            return true;
        }
        at = *end ? end : NULL;
    }
    return false;
}

static unsigned query_number(const struct ask *ask, const char *name, unsigned otherwise)
{
    struct bytes text = {0};
    unsigned number = otherwise;
    if (query(ask, name, 0, &text)) {
        bytes_put(&text, "", 1);
        number = (unsigned)strtoul(text.data, NULL, 10);
    }
    bytes_free(&text);
    return number;
}

static void put_fields(struct bytes *out, const struct ask *ask, const char *type)
{
    bytes_text(out, "Content-Type: ");
    if (!query(ask, "type", 0, out))
        bytes_text(out, type);
    bytes_text(out, "\r\n");
    struct bytes field = {0};
    for (unsigned i = 0; query(ask, "header", i, &field); i++, field.len = 0)
        bytes_printf(out, "%.*s\r\n", (int)field.len, field.data);
    bytes_free(&field);
}

static void put_status(struct bytes *out, unsigned status)
{
    bytes_printf(out, "HTTP/1.1 %u Told So\r\n", status);
}

// A whole and correct reply with that body.
static void put_reply(struct bytes *out, const struct ask *ask, unsigned status, struct bytes body,
                      const char *more)
{
    status = query_number(ask, "status", status);
    put_status(out, status);
    put_fields(out, ask, "application/json");
    bytes_text(out, more);
    bool bare = status == 204 || status == 304 || status < 200;
    if (!bare)
        bytes_printf(out, "Content-Length: %zu\r\n", body.len);
    bytes_text(out, "\r\n");
    if (!bare && strcmp(ask->method, "HEAD") != 0)
        bytes_put(out, body.data, body.len);
}

static struct bytes ok_body(const struct ask *ask)
{
    struct bytes body = {0};
    if (!query(ask, "body", 0, &body))
        bytes_text(&body, "{\"ok\":true}");
    return body;
}

static void put_ok(struct bytes *out, const struct ask *ask, unsigned status, const char *more)
{
    struct bytes body = ok_body(ask);
    put_reply(out, ask, status, body, more);
    bytes_free(&body);
}

// The answers. `rest` is the path behind the first segment, without the slash.

static void answer_ok(struct program *program, const struct ask *ask, const char *rest)
{
    put_ok(&program_add(program, STEP_SEND)->bytes, ask, 200, "");
}

static void answer_status(struct program *program, const struct ask *ask, const char *rest)
{
    put_ok(&program_add(program, STEP_SEND)->bytes, ask, (unsigned)atoi(rest), "");
}

static void answer_id(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes body = {0};
    bytes_text(&body, "{\"id\":");
    bytes_json(&body, rest, strcspn(rest, "?"));
    bytes_text(&body, "}");
    put_reply(&program_add(program, STEP_SEND)->bytes, ask, 200, body, "");
    bytes_free(&body);
}

static void answer_once(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes body = {0};
    size_t len = strcspn(rest, "?");
    bytes_text(&body, "{\"id\":");
    bytes_json(&body, rest, len);
    bytes_printf(&body, ",\"n\":%u}", once_count(rest, len));
    put_reply(&program_add(program, STEP_SEND)->bytes, ask, 200, body, "");
    bytes_free(&body);
}

static void put_header_list(struct bytes *out, const struct ask *ask)
{
    const char *end = ask->head + ask->head_len;
    const char *at = memchr(ask->head, '\n', ask->head_len);
    const char *comma = "";
    for (at = at ? at + 1 : end; at < end && *at != '\r';) {
        const char *line = memchr(at, '\r', (size_t)(end - at));
        const char *colon = memchr(at, ':', (size_t)(end - at));
        if (!line || !colon || colon > line)
            break;
        bytes_printf(out, "%s[", comma);
        bytes_json(out, at, (size_t)(colon - at));
        bytes_text(out, ",");
        for (colon++; colon < line && *colon == ' ';)
            colon++;
        bytes_json(out, colon, (size_t)(line - colon));
        bytes_text(out, "]");
        comma = ",";
        at = line + 2;
    }
}

static void answer_echo(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes body = {0};
    bytes_printf(&body, "{\"method\":\"%s\",\"target\":", ask->method);
    bytes_json(&body, ask->target, strlen(ask->target));
    bytes_text(&body, ",\"headers\":[");
    put_header_list(&body, ask);
    bytes_text(&body, "],\"body\":");
    bytes_json(&body, ask->body.data, ask->body.len);
    bytes_text(&body, "}");
    put_reply(&program_add(program, STEP_SEND)->bytes, ask, 200, body, "");
    bytes_free(&body);
}

static void answer_path(struct program *program, const struct ask *ask, const char *path);

static void answer_delay(struct program *program, const struct ask *ask, const char *rest)
{
    program_add(program, STEP_WAIT)->ms = strtoull(rest, NULL, 10);
    const char *next = strchr(rest, '/');
    answer_path(program, ask, next ? next + 1 : "ok");
}

static void answer_held(struct program *program, const struct ask *ask, const char *rest)
{
    program_add(program, STEP_HOLD);
    answer_path(program, ask, rest);
}

static void answer_hang(struct program *program, const struct ask *ask, const char *rest)
{
    program_add(program, STEP_HANG);
}

static void first_bytes(struct program *program, const struct ask *ask, const char *count)
{
    struct bytes *bytes = &program_add(program, STEP_SEND)->bytes;
    put_ok(bytes, ask, 200, "");
    size_t most = (size_t)strtoull(count, NULL, 10);
    bytes->len = most < bytes->len ? most : bytes->len;
}

static void answer_reset(struct program *program, const struct ask *ask, const char *rest)
{
    first_bytes(program, ask, rest);
    program_add(program, STEP_RESET);
}

static void answer_cut(struct program *program, const struct ask *ask, const char *rest)
{
    first_bytes(program, ask, rest);
    program_add(program, STEP_CLOSE);
}

static void answer_die(struct program *program, const struct ask *ask, const char *rest)
{
    enum { size = 4096 };
    struct bytes *out = &program_add(program, STEP_SEND)->bytes;
    bool chunked = strncmp(rest, "chunked/", 8) == 0;
    char body[size];
    memset(body, 'y', size);
    bytes_text(out, "HTTP/1.1 200 OK\r\n");
    if (chunked)
        bytes_printf(out, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", size);
    else
        bytes_printf(out, "Content-Length: %d\r\n\r\n", size);
    bytes_put(out, body, size);
    if (chunked)
        bytes_text(out, "\r\n0\r\n\r\n");
    const char *count = strchr(rest, '/');
    size_t most = count ? (size_t)strtoull(count + 1, NULL, 10) : 0;
    out->len = most < out->len ? most : out->len;
    program_add(program, STEP_CLOSE);
}

// Cuts what the first step sends after its head, and has a second step drip the rest.
static void answer_drip(struct program *program, const struct ask *ask, const char *rest)
{
    bool head = strncmp(rest, "head/", 5) == 0;
    struct bytes *first = &program_add(program, STEP_SEND)->bytes;
    put_ok(first, ask, 200, "");
    const char *body = memmem(first->data, first->len, "\r\n\r\n", 4);
    size_t kept = head ? 0 : (size_t)(body + 4 - first->data);
    struct step *drip = program_add(program, STEP_DRIP);
    bytes_put(&drip->bytes, first->data + kept, first->len - kept);
    drip->ms = strtoull(head ? rest + 5 : rest, NULL, 10);
    first->len = kept;
}

static void answer_garbage(struct program *program, const struct ask *ask, const char *rest)
{
    static const struct {
        const char *data;
        size_t len;
    } forms[] = {
#define FORM(literal) {literal, sizeof(literal) - 1}
        FORM("What is it that you want from me?\r\n\r\n"),
        FORM("HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}"),
        FORM("\x00\xff\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\r\n\r\n"),
        FORM("HTTP/1.1 200 OK\r\nContent Length: 2\r\n\r\n{}"),
        FORM("HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
#undef FORM
    };
    size_t form = (size_t)atoi(rest) % (sizeof forms / sizeof *forms);
    bytes_put(&program_add(program, STEP_SEND)->bytes, forms[form].data, forms[form].len);
    program_add(program, STEP_CLOSE);
}

// The body is {"ok":true} or the query's; only what is said of its length differs.
static void answer_length(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes body = ok_body(ask);
    struct bytes *out = &program_add(program, STEP_SEND)->bytes;
    put_status(out, 200);
    put_fields(out, ask, "application/json");
    if (strncmp(rest, "short", 5) == 0) // the body is shorter than it was said to be
        bytes_printf(out, "Content-Length: %zu\r\n", body.len + 7);
    else if (strncmp(rest, "long", 4) == 0)
        bytes_printf(out, "Content-Length: %zu\r\n", body.len / 2);
    else if (strncmp(rest, "dup", 3) == 0)
        bytes_printf(out, "Content-Length: %zu\r\nContent-Length: %zu\r\n", body.len, body.len + 1);
    else if (strncmp(rest, "negative", 8) == 0)
        bytes_text(out, "Content-Length: -5\r\n");
    else
        bytes_printf(out, "Content-Length: %zux\r\n", body.len);
    bytes_text(out, "\r\n");
    bytes_put(out, body.data, body.len);
    bytes_free(&body);
    if (strncmp(rest, "short", 5) == 0)
        program_add(program, STEP_CLOSE);
}

static void answer_chunk(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes body = ok_body(ask);
    struct bytes *out = &program_add(program, STEP_SEND)->bytes;
    put_status(out, 200);
    put_fields(out, ask, "application/json");
    bytes_text(out, "Transfer-Encoding: chunked\r\n\r\n");
    size_t half = body.len / 2;
    bool bad = strncmp(rest, "bad", 3) == 0;
    bytes_printf(out, bad ? "%zxz\r\n" : "%zx\r\n", half);
    bytes_put(out, body.data, half);
    bytes_printf(out, "\r\n%zx\r\n", body.len - half);
    bytes_put(out, body.data + half, body.len - half);
    bytes_text(out, "\r\n");
    bytes_free(&body);
    if (strncmp(rest, "cut", 3) == 0)
        program_add(program, STEP_CLOSE);
    else if (strncmp(rest, "noend", 5) == 0)
        program_add(program, STEP_HANG);
    else
        bytes_text(out,
                   strncmp(rest, "trailer", 7) == 0 ? "0\r\nX-Trailer: late\r\n\r\n" : "0\r\n\r\n");
}

static void answer_noend(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes *out = &program_add(program, STEP_SEND)->bytes;
    put_ok(out, ask, 200, "");
    out->len -= 5;
    program_add(program, STEP_HANG);
}

static void answer_eof(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes *out = &program_add(program, STEP_SEND)->bytes;
    struct bytes body = ok_body(ask);
    put_status(out, 200);
    put_fields(out, ask, "application/json");
    bytes_text(out, "\r\n");
    bytes_put(out, body.data, body.len);
    bytes_free(&body);
    program_add(program, STEP_CLOSE);
}

static void answer_header(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes more = {0};
    const char *count = strchr(rest, '/');
    size_t number = count ? (size_t)strtoull(count + 1, NULL, 10) : 1000;
    if (strncmp(rest, "huge", 4) == 0) {
        bytes_text(&more, "X-Huge: ");
        for (size_t i = 0; i < number; i++)
            bytes_text(&more, "x");
        bytes_text(&more, "\r\n");
    } else {
        for (size_t i = 0; i < number; i++)
            bytes_printf(&more, "X-Many-%zu: %zu\r\n", i, i);
    }
    bytes_put(&more, "", 1);
    put_ok(&program_add(program, STEP_SEND)->bytes, ask, 200, more.data);
    bytes_free(&more);
}

static void answer_big(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes *out = &program_add(program, STEP_SEND)->bytes;
    uint64_t count = strtoull(rest, NULL, 10);
    put_status(out, 200);
    put_fields(out, ask, "application/json");
    bytes_printf(out, "Content-Length: %llu\r\n\r\n", (unsigned long long)count);
    if (strcmp(ask->method, "HEAD") != 0)
        program_add(program, STEP_FILL)->count = count;
}

static void answer_bigchunk(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes *out = &program_add(program, STEP_SEND)->bytes;
    uint64_t count = strtoull(rest, NULL, 10);
    put_status(out, 200);
    put_fields(out, ask, "application/json");
    bytes_printf(out, "Transfer-Encoding: chunked\r\n\r\n%llx\r\n", (unsigned long long)count);
    program_add(program, STEP_FILL)->count = count;
    bytes_text(&program_add(program, STEP_SEND)->bytes, "\r\n0\r\n\r\n");
}

static void answer_redirect(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes to = {0};
    bytes_text(&to, "Location: ");
    query(ask, "to", 0, &to);
    bytes_put(&to, "\r\n", 3);
    put_ok(&program_add(program, STEP_SEND)->bytes, ask, 302, to.data);
    bytes_free(&to);
}

static void answer_informed(struct program *program, const struct ask *ask, const char *rest)
{
    struct bytes *out = &program_add(program, STEP_SEND)->bytes;
    bytes_text(out, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    put_ok(out, ask, 200, "");
}

static void answer_close(struct program *program, const struct ask *ask, const char *rest)
{
    put_ok(&program_add(program, STEP_SEND)->bytes, ask, 200, "Connection: close\r\n");
    program_add(program, STEP_CLOSE);
}

static void answer_quiet(struct program *program, const struct ask *ask, const char *rest)
{
    answer_ok(program, ask, rest);
    program_add(program, STEP_CLOSE);
}

static void answer_stale(struct program *program, const struct ask *ask, const char *rest)
{
    answer_ok(program, ask, rest);
    program->stale = true;
}

static void answer_raw(struct program *program, const struct ask *ask, const char *rest)
{
    query(ask, "bytes", 0, &program_add(program, STEP_SEND)->bytes);
    if (query_number(ask, "close", 0))
        program_add(program, STEP_CLOSE);
}

static void answer_path(struct program *program, const struct ask *ask, const char *path)
{
    static const struct {
        const char *name;
        void (*answer)(struct program *program, const struct ask *ask, const char *rest);
    } answers[] = {
        {"ok", answer_ok},
        {"status", answer_status},
        {"id", answer_id},
        {"once", answer_once},
        {"echo", answer_echo},
        {"delay", answer_delay},
        {"held", answer_held},
        {"hang", answer_hang},
        {"reset", answer_reset},
        {"cut", answer_cut},
        {"die", answer_die},
        {"drip", answer_drip},
        {"garbage", answer_garbage},
        {"length", answer_length},
        {"chunk", answer_chunk},
        {"noend", answer_noend},
        {"eof", answer_eof},
        {"header", answer_header},
        {"big", answer_big},
        {"bigchunk", answer_bigchunk},
        {"redirect", answer_redirect},
        {"informed", answer_informed},
        {"close", answer_close},
        {"quiet", answer_quiet},
        {"stale", answer_stale},
        {"raw", answer_raw},
    };
    size_t len = strcspn(path, "/?");
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strlen(answers[i].name) == len && strncmp(answers[i].name, path, len) == 0) {
            answers[i].answer(program, ask, path[len] == '/' ? path + len + 1 : "");
            return;
        }
    answer_status(program, ask, "404");
}

void faultd_answer(struct program *program, const struct ask *ask)
{
    answer_path(program, ask, *ask->target == '/' ? ask->target + 1 : ask->target);
}
