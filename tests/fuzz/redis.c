// Any bytes as a Redis URL (the first line), as replies (the rest) and as words of a command. What
// is read in slices must be what is read at once, replies become valid JSON, and a command read
// back has the words that it was made of.
#include <assert.h>
#include <stdio.h>

#include "backend/redis_url.h"
#include "backend/redis_wire.h"
#include "json/scan.h"

enum { body_most = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_url(struct mg_str text)
{
    struct mg_arena arena = {0};
    struct mg_redis_url url;
    if (!mg_redis_url_parse(text, &arena, &url)) {
        assert((url.host.len > 0) != (url.path.len > 0));
        assert(url.path.len || url.port);
        assert(!url.user.len || url.password.len);
    }
    mg_arena_fini(&arena);
}

// All replies in one text, a line for each; `slice` bytes are fed at a time. Of every third nothing
// is wanted.
static bool read_all(struct mg_str bytes, const struct mg_redis_ask *ask, size_t slice,
                     struct mg_buf *text)
{
    struct mg_redis_reader *reader = mg_redis_reader_new(1 << 16);
    enum mg_redis_next next = MG_REDIS_MORE;
    unsigned count = 0;
    assert(reader);
    for (size_t at = 0; at < bytes.len && next != MG_REDIS_BROKEN; at += slice) {
        size_t end = at + slice < bytes.len ? at + slice : bytes.len;
        struct mg_redis_reply reply;
        mg_redis_reader_feed(reader, mg_str_cut(bytes, at, end));
        while ((next = mg_redis_reader_next(reader, count % 3 == 2 ? NULL : ask, body_most,
                                            &reply)) == MG_REDIS_REPLY) {
            struct mg_str body = mg_buf_str(&reply.body);
            bool wanted = count++ % 3 != 2;
            assert(wanted || !body.len);
            assert(reply.error == MG_OK || !body.len);
            assert(body.len <= body_most);
            if (wanted && reply.error == MG_OK && reply.form == MG_BODY_JSON)
                assert(mg_json_valid(body, MG_JSON_DEPTH_MOST, NULL));
            mg_buf_printf(text, "%d %d %s ", reply.error, reply.form,
                          reply.error ? reply.message : "");
            mg_buf_put(text, body);
            mg_buf_put_char(text, '\n');
            mg_buf_fini(&reply.body);
        }
    }
    mg_redis_reader_free(reader);
    return next != MG_REDIS_BROKEN;
}

static void check_replies(struct mg_str bytes, const struct mg_redis_ask *ask)
{
    struct mg_buf whole = {0}, sliced = {0};
    bool fine = read_all(bytes, ask, bytes.len ? bytes.len : 1, &whole);
    bool fine_too = read_all(bytes, ask, 1 + bytes.len % 7, &sliced);
    assert(fine == fine_too);
    if (fine)
        assert(mg_str_eq(mg_buf_str(&whole), mg_buf_str(&sliced)));
    mg_buf_fini(&whole);
    mg_buf_fini(&sliced);
}

// The words are the input, cut at its newlines.
static void check_command(struct mg_str bytes)
{
    struct mg_str words[20], rest = bytes;
    struct mg_redis_command command = {words, 0};
    struct mg_buf out = {0};
    while (command.count < 20) {
        size_t end = mg_str_find(rest, '\n', 0);
        words[command.count++] = mg_str_cut(rest, 0, end);
        if (end == rest.len)
            break;
        rest = mg_str_cut(rest, end + 1, rest.len);
    }
    bool ok = mg_redis_wire_put(&out, &command);
    assert(ok);
    for (unsigned i = 0; i < command.count; i++) { // each word is there, behind its length
        char head[32];
        int head_len = snprintf(head, sizeof head, i ? "\r\n$%zu\r\n" : "*%2$u\r\n$%1$zu\r\n",
                                words[i].len, command.count);
        struct mg_str left = mg_buf_str(&out);
        assert(left.len >= (size_t)head_len + words[i].len);
        assert(memcmp(left.data, head, (size_t)head_len) == 0);
        assert(!words[i].len || memcmp(left.data + head_len, words[i].data, words[i].len) == 0);
        mg_buf_drop(&out, (size_t)head_len + words[i].len);
    }
    assert(mg_str_is(mg_buf_str(&out), "\r\n"));
    mg_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct mg_str get = {"GET", 3}, all = {"HGETALL", 7};
    const struct mg_redis_command commands[] = {{&get, 1}, {&all, 1}, {&get, 1}};
    const struct mg_redis_ask asks[] = {
        {commands, 1, false}, {commands + 1, 1, false}, {commands, 3, true}};
    struct mg_str bytes = {len ? (const char *)data : "", len};
    size_t end = mg_str_find(bytes, '\n', 0);
    check_url(mg_str_cut(bytes, 0, end));
    check_command(bytes);
    bytes = mg_str_cut(bytes, end < len ? end + 1 : end, len);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
        check_replies(bytes, &asks[i]);
    return 0;
}
