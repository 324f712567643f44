#include "backend/redis_line.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum {
    first_pause = 20, // ms between two attempts to connect, doubled each time
    longest_pause = 400,
    farewell = 1000,      // ms that a closing line waits for what was sent
    out_most = 256 << 10, // bytes ready to be sent beyond which commands wait unformatted
};

static struct mg_redis_asked *first_of(const struct mg_list *list)
{
    return mg_list_empty(list) ? NULL : MG_OWNER(list->next, struct mg_redis_asked, node);
}

static void set_state(struct mg_redis_line *line, enum mg_redis_line_state state)
{
    static const char *const words[MG_REDIS_LINE_STATES] = {"idle", "connecting", "greeting",
                                                            "ready", "down"};
    mg_log(MG_LOG_DEBUG, "redis.%.*s: %s, was %s", (int)line->name.len, line->name.data,
           words[state], words[line->state]);
    line->state = state;
}

// While bytes come, or somebody waits whose own time will end, a silence is none.
static void watch(struct mg_redis_line *line)
{
    const struct mg_redis_asked *next = first_of(&line->sent);
    if (!next || next->ask || line->silence.place)
        return;
    uint64_t since = next->since > line->heard ? next->since : line->heard;
    mg_timer_set(line->link.loop, &line->silence, since + line->silence_ms);
}

// It has left the line: the owner's, but for greetings.
static void leave(struct mg_redis_line *line, struct mg_redis_asked *asked,
                  struct mg_redis_reply *reply)
{
    mg_list_drop(&asked->node);
    free(asked->wrong);
    asked->wrong = NULL;
    if (!asked->greeting) {
        line->done(line, asked, reply);
        return;
    }
    mg_buf_fini(&reply->body);
    free(asked);
}

static void move_all(struct mg_list *from, struct mg_list *to)
{
    mg_list_init(to);
    for (struct mg_list *node; (node = mg_list_pop(from));)
        mg_list_push(to, node);
}

// One that is given up meanwhile stays in the list, or leaves it, as it would in the line.
static void fail_all(struct mg_redis_line *line, const struct mg_list *list, enum mg_status error,
                     const char *why)
{
    struct mg_redis_asked *asked;
    while ((asked = first_of(list))) {
        struct mg_redis_reply reply = {.error = error};
        snprintf(reply.message, sizeof reply.message, "%s", why);
        leave(line, asked, &reply);
    }
}

static void finish(struct mg_redis_line *line)
{
    struct mg_list gone;
    if (line->finished)
        return;
    line->finished = true;
    move_all(&line->sent, &gone);
    fail_all(line, &gone, MG_RESET, "the connection was closed");
    mg_timer_drop(line->link.loop, &line->timer);
    mg_timer_drop(line->link.loop, &line->silence);
    mg_task_drop(&line->pumping);
    mg_redis_reader_free(line->reader);
    line->reader = NULL;
    mg_redis_link_close(&line->link, line->closed, line->owner);
}

static void dial(struct mg_redis_line *line)
{
    set_state(line, MG_REDIS_CONNECTING);
    line->proved = false;
    line->wanted = false;
    mg_redis_link_open(&line->link);
}

// Connecting has come to nothing.
static void rest(struct mg_redis_line *line, enum mg_status error, const char *why)
{
    uint64_t longer = line->pause ? line->pause * 2 : first_pause;
    struct mg_list gone;
    if (!line->told)
        mg_log(MG_LOG_WARN, "redis.%.*s: no connection: %s", (int)line->name.len, line->name.data,
               why);
    line->failing = line->told = true;
    line->error = error;
    snprintf(line->why, sizeof line->why, "no connection to Redis: %.120s", why);
    line->pause = longer < longest_pause ? longer : longest_pause;
    set_state(line, MG_REDIS_DOWN);
    mg_timer_set(line->link.loop, &line->timer, mg_loop_now(line->link.loop) + line->pause);
    move_all(&line->queued, &gone);
    fail_all(line, &gone, error, line->why);
}

// The connection is gone, or no good any more, or did not come about.
static void lose(struct mg_redis_line *line, enum mg_status error, const char *why)
{
    bool stood = line->state == MG_REDIS_READY;
    struct mg_list gone;
    char kept[160]; // `why` may be the reader's
    snprintf(kept, sizeof kept, "%s", why);
    move_all(&line->sent, &gone);
    mg_redis_link_drop(&line->link);
    mg_redis_reader_free(line->reader);
    line->reader = NULL;
    mg_timer_drop(line->link.loop, &line->timer);
    mg_timer_drop(line->link.loop, &line->silence);
    if (stood && !mg_list_empty(&gone) && !line->closing)
        mg_log(MG_LOG_WARN, "redis.%.*s: connection lost: %s", (int)line->name.len, line->name.data,
               kept);
    bool asked = !mg_list_empty(&gone) || !mg_list_empty(&line->queued);
    if (!line->closing && stood && !asked)
        set_state(line, MG_REDIS_IDLE);
    else if (!line->closing && stood && line->proved)
        dial(line);
    else if (!line->closing) // also where connections are taken only to be ended
        rest(line, error, kept);
    struct mg_redis_reply reply = {.error = error}; // which only the first has seen
    snprintf(reply.message, sizeof reply.message, "%s", kept);
    if ((error == MG_MALFORMED || error == MG_TOO_LARGE) && first_of(&gone))
        leave(line, first_of(&gone), &reply);
    fail_all(line, &gone, MG_RESET, kept);
    if (line->closing)
        finish(line);
}

static void on_timer(struct mg_timer *timer)
{
    struct mg_redis_line *line = MG_OWNER(timer, struct mg_redis_line, timer);
    if (line->closing) {
        finish(line);
    } else if (line->state == MG_REDIS_GREETING) {
        lose(line, MG_TIMEOUT, "the server does not answer");
    } else if (line->wanted) {
        dial(line);
    } else { // nobody asks any more: who does next makes the next attempt, and waits for it
        line->failing = false;
        set_state(line, MG_REDIS_IDLE);
    }
}

static void on_silence(struct mg_timer *timer)
{
    struct mg_redis_line *line = MG_OWNER(timer, struct mg_redis_line, silence);
    const struct mg_redis_asked *next = first_of(&line->sent);
    uint64_t now = mg_loop_now(line->link.loop), bound = line->silence_ms;
    if (next && !next->ask && now - next->since >= bound && now - line->heard >= bound)
        lose(line, MG_TIMEOUT, "the server does not answer any more");
    else
        watch(line);
}

// Appends the commands to what is to be sent; false: no memory, and nothing was appended.
static bool put(struct mg_redis_line *line, const struct mg_redis_ask *ask)
{
    static const struct mg_str multi = {"MULTI", 5}, exec = {"EXEC", 4};
    struct mg_buf *out = &line->link.out;
    size_t before = out->len;
    bool ok = !ask->atomic || mg_redis_wire_put(out, &(struct mg_redis_command){&multi, 1});
    for (unsigned i = 0; ok && i < ask->count; i++)
        ok = mg_redis_wire_put(out, &ask->commands[i]);
    ok = ok && (!ask->atomic || mg_redis_wire_put(out, &(struct mg_redis_command){&exec, 1}));
    if (ok)
        return true;
    out->len = before;
    out->failed = MG_OK;
    return false;
}

static void mark_sent(struct mg_redis_line *line, struct mg_redis_asked *asked, unsigned replies)
{
    asked->replies = replies;
    asked->since = mg_loop_now(line->link.loop);
    mg_list_push(&line->sent, &asked->node);
    mg_redis_link_flush(&line->link);
}

// Sends what is queued, as much as may be on its way: what waits longer can still be given up
// before Redis hears of it. False: there is no memory for the first.
static bool pump(struct mg_redis_line *line)
{
    struct mg_redis_asked *asked;
    while (line->state == MG_REDIS_READY && line->link.out.len < out_most &&
           (asked = first_of(&line->queued))) {
        if (!put(line, asked->ask))
            return false;
        mg_list_drop(&asked->node);
        mark_sent(line, asked, asked->ask->atomic ? asked->ask->count + 2 : 1);
    }
    return true;
}

// In a turn of its own, where commands may fail.
static void pump_on(struct mg_task *task)
{
    struct mg_redis_line *line = MG_OWNER(task, struct mg_redis_line, pumping);
    while (!pump(line)) {
        struct mg_redis_reply reply = {.error = MG_NO_MEMORY, .message = "no memory"};
        leave(line, first_of(&line->queued), &reply);
    }
}

static void get_ready(struct mg_redis_line *line)
{
    mg_timer_drop(line->link.loop, &line->timer);
    if (line->told)
        mg_log(MG_LOG_INFO, "redis.%.*s: connected again", (int)line->name.len, line->name.data);
    line->failing = line->told = false;
    set_state(line, MG_REDIS_READY);
    pump_on(&line->pumping);
}

static bool greet(struct mg_redis_line *line, const struct mg_str *words, unsigned count)
{
    struct mg_redis_asked *asked = calloc(1, sizeof *asked);
    const struct mg_redis_ask ask = {&(struct mg_redis_command){words, count}, 1, false};
    if (!asked || !put(line, &ask)) {
        free(asked);
        return false;
    }
    asked->greeting = true;
    mark_sent(line, asked, 1);
    return true;
}

static void on_up(struct mg_redis_link *link)
{
    struct mg_redis_line *line = MG_OWNER(link, struct mg_redis_line, link);
    struct mg_str user = link->url->user, password = link->url->password;
    struct mg_str auth[] = {MG_STR("AUTH"), user.len ? user : password, password};
    char db[16];
    snprintf(db, sizeof db, "%u", link->url->db);
    const struct mg_str select[] = {MG_STR("SELECT"), mg_str_of(db)};
    line->heard = mg_loop_now(link->loop);
    line->reader = mg_redis_reader_new(line->reply_most);
    if (!line->reader || (password.len && !greet(line, auth, user.len ? 3 : 2)) ||
        (link->url->db && !greet(line, select, 2))) {
        lose(line, MG_NO_MEMORY, "no memory");
    } else if (mg_list_empty(&line->sent)) {
        get_ready(line);
    } else {
        set_state(line, MG_REDIS_GREETING);
        mg_timer_set(link->loop, &line->timer, line->heard + link->connect_ms);
    }
}

static void on_down(struct mg_redis_link *link, enum mg_status error, const char *why)
{
    lose(MG_OWNER(link, struct mg_redis_line, link), error, why);
}

static void on_room(struct mg_redis_link *link)
{
    pump_on(&MG_OWNER(link, struct mg_redis_line, link)->pumping);
}

// One of the replies before an atomic call's last: QUEUED, or why not. EXEC's own error only says
// that there was one.
static void note_step(struct mg_redis_asked *asked, const struct mg_redis_reply *reply)
{
    const struct mg_redis_ask *ask = asked->ask;
    if (reply->error == MG_OK || asked->wrong || !ask)
        return;
    unsigned step = ask->count + 1 - asked->replies; // 0: MULTI itself
    struct mg_str name = step ? ask->commands[step - 1].words[0] : MG_STR("MULTI");
    if (asprintf(&asked->wrong, "%.*s, command %u of %u: %s", (int)name.len, name.data, step,
                 ask->count, reply->message) < 0)
        asked->wrong = NULL;
}

static void take_last(struct mg_redis_line *line, struct mg_redis_asked *asked,
                      struct mg_redis_reply *reply)
{
    bool atomic = asked->ask && asked->ask->atomic;
    if (atomic && reply->error == MG_OK && mg_str_is(mg_buf_str(&reply->body), "null")) {
        reply->error = MG_REDIS;
        snprintf(reply->message, sizeof reply->message, "the transaction was called off");
    }
    if (reply->error != MG_OK && asked->wrong)
        snprintf(reply->message, sizeof reply->message, "%s", asked->wrong);
    leave(line, asked, reply);
}

static void take_reply(struct mg_redis_line *line, struct mg_redis_asked *asked,
                       struct mg_redis_reply *reply)
{
    line->proved = true;
    line->pause = 0;
    asked->replies--;
    if (asked->replies) {
        note_step(asked, reply);
        mg_buf_fini(&reply->body);
        return;
    }
    bool greeting = asked->greeting, refused = greeting && reply->error != MG_OK;
    if (refused) {
        asked->replies = 1;
        mg_buf_fini(&reply->body);
        lose(line, MG_REDIS, reply->message);
        return;
    }
    take_last(line, asked, reply);
    if (greeting && mg_list_empty(&line->sent))
        get_ready(line);
}

// False: no reply is there, or the connection is gone.
static bool read_reply(struct mg_redis_line *line)
{
    struct mg_redis_reply reply;
    const char *why;
    enum mg_status error;
    struct mg_redis_asked *asked = first_of(&line->sent);
    const struct mg_redis_ask *ask = asked && asked->replies == 1 ? asked->ask : NULL;
    switch (mg_redis_reader_next(line->reader, ask, ask ? asked->body_most : 0, &reply)) {
    case MG_REDIS_MORE:
        return false;
    case MG_REDIS_REPLY:
        break;
    case MG_REDIS_BROKEN:
        error = mg_redis_reader_why(line->reader, &why);
        lose(line, error, why);
        return false;
    }
    if (asked) {
        take_reply(line, asked, &reply);
    } else {
        mg_buf_fini(&reply.body);
        lose(line, MG_REDIS, reply.error ? reply.message : "a reply that nobody asked for");
    }
    return line->reader != NULL;
}

static void on_data(struct mg_redis_link *link, struct mg_str bytes)
{
    struct mg_redis_line *line = MG_OWNER(link, struct mg_redis_line, link);
    line->heard = mg_loop_now(link->loop);
    mg_redis_reader_feed(line->reader, bytes); // that it could not is told by the reading
    while (read_reply(line))
        continue;
    if (line->reader && line->closing && mg_list_empty(&line->sent))
        finish(line);
    else if (line->reader)
        watch(line);
}

void mg_redis_line_init(struct mg_redis_line *line)
{
    mg_list_init(&line->queued);
    mg_list_init(&line->sent);
    line->timer.run = on_timer;
    line->silence.run = on_silence;
    line->pumping.run = pump_on;
    line->link.up = on_up;
    line->link.data = on_data;
    line->link.room = on_room;
    line->link.down = on_down;
    mg_redis_link_init(&line->link);
}

void mg_redis_line_add(struct mg_redis_line *line, struct mg_redis_asked *asked)
{
    mg_list_push(&line->queued, &asked->node);
    if (line->state == MG_REDIS_IDLE)
        dial(line);
    else if (!pump(line))
        mg_loop_defer(line->link.loop, &line->pumping);
}

void mg_redis_line_want(struct mg_redis_line *line)
{
    line->wanted = true;
}

bool mg_redis_line_give_up(struct mg_redis_line *line, struct mg_redis_asked *asked)
{
    asked->ask = NULL;
    if (asked->replies) {
        watch(line);
        return false;
    }
    mg_list_drop(&asked->node);
    return true;
}

void mg_redis_line_close(struct mg_redis_line *line, void (*closed)(void *owner), void *owner)
{
    line->closing = true;
    line->closed = closed;
    line->owner = owner;
    if (line->state == MG_REDIS_READY && !mg_list_empty(&line->sent))
        mg_timer_set(line->link.loop, &line->timer, mg_loop_now(line->link.loop) + farewell);
    else
        finish(line);
}

void mg_redis_line_hurry(struct mg_redis_line *line)
{
    if (line->closing)
        finish(line);
}
