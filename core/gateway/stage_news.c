#include "gateway/stage_news.h"

#include "json/write.h"

static void begin(struct mg_buf *news, const char *event)
{
    mg_buf_printf(news, "%s{\"event\":\"%s\"", news->len ? "," : "", event);
}

static void put_text(struct mg_buf *news, const char *key, struct mg_str text)
{
    mg_buf_printf(news, ",\"%s\":", key);
    mg_json_put_string(news, text);
}

static void put_word(struct mg_buf *news, const char *key, const char *word)
{
    put_text(news, key, mg_str_of(word));
}

static void put_number(struct mg_buf *news, const char *key, uint64_t number)
{
    mg_buf_printf(news, ",\"%s\":%llu", key, (unsigned long long)number);
}

static void put_headers(struct mg_buf *news, const struct mg_header *fields, unsigned count)
{
    mg_buf_put(news, MG_STR(",\"headers\":["));
    for (unsigned i = 0; i < count; i++) {
        mg_buf_put(news, i ? MG_STR(",[") : MG_STR("["));
        mg_json_put_string(news, fields[i].name);
        mg_buf_put_char(news, ',');
        mg_json_put_string(news, fields[i].value);
        mg_buf_put_char(news, ']');
    }
    mg_buf_put_char(news, ']');
}

static void put_http(struct mg_buf *news, const struct mg_http_ask *ask)
{
    size_t mark = mg_str_find(ask->path, '?', 0);
    put_word(news, "method", mg_method_word(ask->method));
    put_text(news, "target", ask->path);
    put_text(news, "path", mg_str_cut(ask->path, 0, mark));
    if (mark < ask->path.len)
        put_text(news, "search", mg_str_cut(ask->path, mark + 1, ask->path.len));
    put_headers(news, ask->headers.items, ask->headers.count);
}

static void put_arg(struct mg_buf *news, const struct mg_sql_arg *arg)
{
    switch (arg->type) {
    case MG_SQL_NULL:
        mg_buf_put(news, MG_STR("null"));
        break;
    case MG_SQL_BOOL:
        mg_buf_put(news, arg->integer ? MG_STR("true") : MG_STR("false"));
        break;
    case MG_SQL_INT:
        mg_json_put_int(news, arg->integer);
        break;
    case MG_SQL_REAL:
        if (!mg_json_put_double(news, arg->real))
            mg_buf_put(news, MG_STR("null"));
        break;
    case MG_SQL_TEXT:
        mg_json_put_string(news, arg->text);
        break;
    }
}

static void put_sql(struct mg_buf *news, const struct mg_sql_ask *ask)
{
    put_word(news, "verb", mg_sql_verb_word(ask->verb));
    if (ask->verb == MG_SQL_ATOMIC) {
        mg_buf_put(news, MG_STR(",\"parts\":["));
        for (unsigned i = 0; i < ask->part_count; i++) {
            mg_buf_put(news, i ? MG_STR(",{\"kind\":\"sql\"") : MG_STR("{\"kind\":\"sql\""));
            put_sql(news, &ask->parts[i]);
            mg_buf_put_char(news, '}');
        }
        mg_buf_put_char(news, ']');
        return;
    }
    put_text(news, "sql", ask->sql);
    mg_buf_put(news, MG_STR(",\"args\":["));
    for (unsigned i = 0; i < ask->arg_count; i++) {
        mg_buf_put(news, i ? MG_STR(",") : MG_STR(""));
        put_arg(news, &ask->args[i]);
    }
    mg_buf_put_char(news, ']');
}

static void put_words(struct mg_buf *news, const struct mg_redis_command *command)
{
    mg_buf_put_char(news, '[');
    for (unsigned i = 0; i < command->count; i++) {
        mg_buf_put(news, i ? MG_STR(",") : MG_STR(""));
        mg_json_put_string(news, command->words[i]);
    }
    mg_buf_put_char(news, ']');
}

static void put_redis(struct mg_buf *news, const struct mg_redis_ask *ask)
{
    mg_buf_put(news, ask->atomic ? MG_STR(",\"verb\":\"atomic\",\"commands\":[")
                                 : MG_STR(",\"verb\":\"command\",\"command\":"));
    for (unsigned i = 0; i < ask->count; i++) {
        mg_buf_put(news, i ? MG_STR(",") : MG_STR(""));
        put_words(news, &ask->commands[i]);
    }
    if (ask->atomic)
        mg_buf_put_char(news, ']');
}

static void put_ticket(struct mg_buf *news, const struct mg_ticket_ask *ask)
{
    static const char *const verbs[] = {
        [MG_TICKET_ADD] = "start",         [MG_TICKET_GET] = "get",
        [MG_TICKET_RESULT] = "result",     [MG_TICKET_CANCEL] = "cancel",
        [MG_TICKET_PROGRESS] = "progress", [MG_TICKET_WRITE] = "write",
        [MG_TICKET_END] = "end",           [MG_TICKET_REQUEUE] = "requeue",
    };
    put_word(news, "verb", verbs[ask->verb]);
    put_text(news, "task", ask->task);
    if (ask->id.len)
        put_text(news, "ticket", ask->id);
    if (ask->owner.len)
        put_text(news, "owner", ask->owner);
    if (ask->verb == MG_TICKET_ADD && ask->text.len) {
        mg_buf_put(news, MG_STR(",\"args\":"));
        mg_buf_put(news, ask->text);
    }
}

static void put_ask(struct mg_buf *news, const struct mg_call *call)
{
    put_word(news, "kind", mg_call_kind_word(call->kind));
    if (call->kind == MG_CALL_HTTP) {
        put_http(news, &call->http);
    } else if (call->kind == MG_CALL_FILE) {
        put_word(news, "verb", mg_file_verb_word(call->file.verb));
        put_text(news, "path", call->file.path);
    } else if (call->kind == MG_CALL_SQL) {
        put_sql(news, &call->sql);
    } else if (call->kind == MG_CALL_REDIS) {
        put_redis(news, &call->redis);
    } else if (call->kind == MG_CALL_COMPUTE) {
        put_text(news, "module", call->compute.module);
        put_text(news, "verb", call->compute.function);
        mg_buf_put(news, MG_STR(",\"args\":"));
        mg_buf_put(news, call->compute.args);
    } else if (call->kind == MG_CALL_TICKET) {
        put_ticket(news, &call->ticket);
    }
}

void mg_stage_news_call(struct mg_buf *news, unsigned run, uint64_t at,
                        const struct mg_standin_call *call)
{
    const struct mg_asked *asked = MG_OWNER(call->call, const struct mg_asked, call);
    begin(news, "call");
    put_number(news, "run", run);
    put_number(news, "id", call->id);
    put_number(news, "at", at);
    put_text(news, "name", asked->name);
    put_text(news, "backend", mg_standin_backend(call));
    mg_buf_put(news, asked->plan ? MG_STR(",\"planned\":true") : MG_STR(",\"planned\":false"));
    if (call->call->sink)
        mg_buf_put(news, MG_STR(",\"passed\":true"));
    put_ask(news, call->call);
    mg_buf_put_char(news, '}');
}

void mg_stage_news_end(struct mg_buf *news, uint64_t at, const struct mg_standin_call *call,
                       const char *how)
{
    begin(news, "end");
    put_number(news, "id", call->id);
    put_number(news, "at", at);
    put_word(news, "how", how);
    mg_buf_put_char(news, '}');
}

void mg_stage_news_reply(struct mg_buf *news, unsigned run, int status,
                         const struct mg_header *fields, unsigned count, bool whole)
{
    begin(news, "reply");
    put_number(news, "run", run);
    put_number(news, "status", (uint64_t)status);
    put_headers(news, fields, count);
    mg_buf_put(news, whole ? MG_STR(",\"whole\":true}") : MG_STR(",\"whole\":false}"));
}

void mg_stage_news_log(struct mg_buf *news, struct mg_str text)
{
    begin(news, "log");
    put_text(news, "text", text);
    mg_buf_put_char(news, '}');
}
