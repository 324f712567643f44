// hiredis formats commands and parses replies. Its connections are not used: they would look names
// up on the loop, know no time-out for connecting and tell failures apart by no more than NULL.
#include "backend/redis_wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "json/write.h"

enum {
    depth_most = 9,      // lists within lists, as many as hiredis takes
    keep_most = 64 << 10 // bytes that the buffer of a reader may have when it is empty
};

// A list that is being written.
struct frame {
    int count, done;
    bool object; // its elements are names and values in turn
};

struct mg_redis_reader {
    redisReader *hiredis;
    size_t most;
    size_t peak; // bytes that its buffer has held since it was new
    enum mg_status broken;
    char why[128];
    bool begun;                     // a reply is being read
    const struct mg_redis_ask *ask; // what it is to
    struct mg_redis_reply reply;
    struct frame frames[depth_most];
    unsigned depth;
};

bool mg_redis_wire_put(struct mg_buf *out, const struct mg_redis_command *command)
{
    const char *few[16], **words = few;
    size_t few_lens[16], *lens = few_lens;
    char *made = NULL;
    if (command->count > sizeof few / sizeof *few) {
        words = malloc(command->count * sizeof *words);
        lens = malloc(command->count * sizeof *lens);
    }
    for (unsigned i = 0; words && lens && i < command->count; i++) {
        words[i] = command->words[i].data ? command->words[i].data : "";
        lens[i] = command->words[i].len;
    }
    int len = words && lens ? redisFormatCommandArgv(&made, (int)command->count, words, lens) : -1;
    bool ok = len >= 0 && mg_buf_put(out, (struct mg_str){made, (size_t)len});
    if (len >= 0)
        redisFreeCommand(made);
    if (words != few)
        free(words);
    if (lens != few_lens)
        free(lens);
    return ok;
}

static void fail(struct mg_redis_reader *reader, enum mg_status error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The first reason counts. What was written of the body is dropped.
static void fail(struct mg_redis_reader *reader, enum mg_status error, const char *format, ...)
{
    struct mg_redis_reply *reply = &reader->reply;
    if (reply->error != MG_OK)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(reply->message, sizeof reply->message, format, args);
    va_end(args);
    reply->error = error;
    mg_buf_fini(&reply->body);
}

static bool wanted(const struct mg_redis_reader *reader)
{
    return reader->ask && reader->reply.error == MG_OK;
}

// The command whose reply, or a part of whose reply, is being read; NULL: none in particular.
static const struct mg_redis_command *command_of(const struct mg_redis_reader *reader)
{
    const struct mg_redis_ask *ask = reader->ask;
    if (!ask || !ask->atomic)
        return ask ? ask->commands : NULL;
    unsigned at = reader->depth ? (unsigned)reader->frames[0].done : ask->count;
    return at < ask->count ? &ask->commands[at] : NULL;
}

static void before_value(struct mg_redis_reader *reader)
{
    if (!reader->depth || !wanted(reader))
        return;
    const struct frame *frame = &reader->frames[reader->depth - 1];
    if (frame->done)
        mg_buf_put_char(&reader->reply.body, frame->object && frame->done % 2 ? ':' : ',');
}

// Ends the lists whose last element this was.
static void after_value(struct mg_redis_reader *reader)
{
    struct mg_buf *body = &reader->reply.body;
    while (reader->depth) {
        struct frame *frame = &reader->frames[reader->depth - 1];
        if (++frame->done < frame->count)
            break;
        if (wanted(reader))
            mg_buf_put_char(body, frame->object ? '}' : ']');
        reader->depth--;
    }
    if (body->failed != MG_OK)
        fail(reader, body->failed,
             body->failed == MG_NO_MEMORY ? "no memory" : "the reply is larger than it may be");
}

static bool is_key(const struct mg_redis_reader *reader)
{
    const struct frame *frame = reader->depth ? &reader->frames[reader->depth - 1] : NULL;
    return frame && frame->object && frame->done % 2 == 0;
}

static void put_error(struct mg_redis_reader *reader, struct mg_str text)
{
    const struct mg_redis_command *command = command_of(reader);
    int len = text.len < 200 ? (int)text.len : 200;
    if (command && reader->ask->atomic)
        fail(reader, MG_REDIS, "%.*s, command %d of %u: %.*s", (int)command->words[0].len,
             command->words[0].data, reader->frames[0].done + 1, reader->ask->count, len,
             text.data);
    else
        fail(reader, MG_REDIS, "%.*s", len, text.data);
}

// hiredis takes what these return for an object of ours: any address but NULL will do.
static void *put_string(const redisReadTask *task, char *data, size_t len)
{
    struct mg_redis_reader *reader = task->privdata;
    struct mg_str text = {data, len};
    before_value(reader);
    if (task->type == REDIS_REPLY_ERROR) {
        put_error(reader, text);
    } else if (wanted(reader) && reader->depth) {
        mg_json_put_string(&reader->reply.body, text);
    } else if (wanted(reader)) {
        reader->reply.form = MG_BODY_TEXT;
        mg_buf_put(&reader->reply.body, text);
    }
    after_value(reader);
    return reader;
}

static bool is_pairs(const struct mg_redis_reader *reader)
{
    const struct mg_redis_command *command = command_of(reader);
    unsigned at = reader->ask && reader->ask->atomic ? 1 : 0;
    return command && reader->depth == at && mg_str_eq_nocase(command->words[0], MG_STR("HGETALL"));
}

static void *put_array(const redisReadTask *task, int count)
{
    struct mg_redis_reader *reader = task->privdata;
    bool object = is_pairs(reader) && count % 2 == 0;
    before_value(reader);
    if (is_key(reader))
        fail(reader, MG_MALFORMED, "a list stands where a name must");
    if (wanted(reader))
        mg_buf_put(&reader->reply.body, object ? MG_STR("{") : MG_STR("["));
    if (count > 0 && reader->depth < depth_most) {
        reader->frames[reader->depth++] = (struct frame){count, 0, object};
        return reader;
    }
    if (wanted(reader))
        mg_buf_put_char(&reader->reply.body, object ? '}' : ']');
    after_value(reader);
    return reader;
}

static void *put_integer(const redisReadTask *task, long long value)
{
    struct mg_redis_reader *reader = task->privdata;
    before_value(reader);
    if (is_key(reader))
        fail(reader, MG_MALFORMED, "a number stands where a name must");
    if (wanted(reader))
        mg_json_put_int(&reader->reply.body, value);
    after_value(reader);
    return reader;
}

static void *put_nil(const redisReadTask *task)
{
    struct mg_redis_reader *reader = task->privdata;
    before_value(reader);
    if (is_key(reader))
        fail(reader, MG_MALFORMED, "nil stands where a name must");
    if (wanted(reader))
        mg_buf_put(&reader->reply.body, MG_STR("null"));
    after_value(reader);
    return reader;
}

static redisReplyObjectFunctions functions = {put_string, put_array, put_integer, put_nil, NULL};

static redisReader *new_hiredis(struct mg_redis_reader *reader)
{
    redisReader *made = redisReaderCreateWithFunctions(&functions);
    if (made)
        made->privdata = reader;
    return made;
}

struct mg_redis_reader *mg_redis_reader_new(size_t most)
{
    struct mg_redis_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return NULL;
    reader->most = most;
    reader->hiredis = new_hiredis(reader);
    if (reader->hiredis)
        return reader;
    free(reader);
    return NULL;
}

void mg_redis_reader_free(struct mg_redis_reader *reader)
{
    if (!reader)
        return;
    mg_buf_fini(&reader->reply.body);
    redisReaderFree(reader->hiredis);
    free(reader);
}

static void break_off(struct mg_redis_reader *reader, enum mg_status error, const char *why)
{
    reader->broken = error;
    snprintf(reader->why, sizeof reader->why, "%s", why);
}

static size_t waiting(const struct mg_redis_reader *reader)
{
    return reader->hiredis->len - reader->hiredis->pos;
}

bool mg_redis_reader_empty(const struct mg_redis_reader *reader)
{
    return !reader->begun && waiting(reader) == 0;
}

bool mg_redis_reader_feed(struct mg_redis_reader *reader, struct mg_str bytes)
{
    if (reader->broken != MG_OK)
        return false;
    if (waiting(reader) + bytes.len > reader->most)
        break_off(reader, MG_TOO_LARGE, "a value is larger than its connection may read");
    else if (redisReaderFeed(reader->hiredis, bytes.data, bytes.len) != REDIS_OK)
        break_off(reader, MG_NO_MEMORY, "no memory");
    if (reader->hiredis->len > reader->peak)
        reader->peak = reader->hiredis->len;
    return reader->broken == MG_OK;
}

// hiredis gives the memory of a large value back only when the next bytes come.
static void trim(struct mg_redis_reader *reader)
{
    if (reader->peak <= keep_most || !mg_redis_reader_empty(reader))
        return;
    redisReader *fresh = new_hiredis(reader);
    if (!fresh)
        return;
    redisReaderFree(reader->hiredis);
    reader->hiredis = fresh;
    reader->peak = 0;
}

static void begin(struct mg_redis_reader *reader, size_t body_most)
{
    reader->begun = true;
    reader->depth = 0;
    reader->reply = (struct mg_redis_reply){.form = MG_BODY_JSON};
    mg_buf_init(&reader->reply.body, body_most ? body_most : 1);
}

enum mg_redis_next mg_redis_reader_next(struct mg_redis_reader *reader,
                                        const struct mg_redis_ask *ask, size_t body_most,
                                        struct mg_redis_reply *reply)
{
    void *object = NULL;
    if (reader->broken != MG_OK)
        return MG_REDIS_BROKEN;
    if (mg_redis_reader_empty(reader)) {
        trim(reader);
        return MG_REDIS_MORE;
    }
    if (!reader->begun)
        begin(reader, body_most);
    reader->ask = ask;
    if (!ask)
        mg_buf_fini(&reader->reply.body);
    if (redisReaderGetReply(reader->hiredis, &object) != REDIS_OK) {
        break_off(reader, reader->hiredis->err == REDIS_ERR_OOM ? MG_NO_MEMORY : MG_MALFORMED,
                  reader->hiredis->errstr);
        return MG_REDIS_BROKEN;
    }
    if (!object)
        return MG_REDIS_MORE;
    *reply = reader->reply;
    reader->reply.body = (struct mg_buf){0};
    reader->begun = false;
    return MG_REDIS_REPLY;
}

enum mg_status mg_redis_reader_why(const struct mg_redis_reader *reader, const char **message)
{
    *message = reader->why;
    return reader->broken;
}
