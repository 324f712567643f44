#include "gateway/problem.h"

#include "base/buf.h"
#include "json/scan.h"
#include "json/write.h"

static void put_text(struct mg_buf *buf, const char *name, struct mg_str text)
{
    if (!text.len)
        return;
    mg_buf_printf(buf, ",\"%s\":", name);
    mg_json_put_string(buf, text);
}

static void put_json(struct mg_buf *buf, const char *name, struct mg_str json)
{
    if (!json.len)
        return;
    mg_buf_printf(buf, ",\"%s\":", name);
    mg_buf_put(buf, json);
}

// The author's members, but for those that are the problem's own.
static void put_members(struct mg_buf *buf, const struct mg_problem *problem)
{
    static const char *const own[] = {"title", "status", "detail", "request_id", "calls", "errors"};
    bool dev = problem->dev.len > 0;
    struct mg_str members = problem->members;
    struct mg_json_iter iter;
    if (!members.len)
        return;
    for (mg_json_begin(&iter, members); mg_json_next(&iter);) {
        bool taken = dev && mg_json_key_is(iter.key, MG_STR("dev"));
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            taken = taken || mg_json_key_is(iter.key, mg_str_of(own[i]));
        if (taken)
            continue;
        mg_buf_put_char(buf, ',');
        mg_buf_put(buf, iter.key);
        mg_buf_put_char(buf, ':');
        mg_buf_put(buf, iter.value);
    }
}

bool mg_problem_reply(const struct mg_problem *problem, struct mg_arena *arena,
                      struct mg_reply *reply)
{
    struct mg_buf body = {0};
    struct mg_str title =
        problem->title.len ? problem->title : mg_str_of(mg_reply_reason(problem->status));
    if (!title.len) // a status without a name, relayed
        title = MG_STR("Error");
    mg_buf_put(&body, MG_STR("{\"title\":"));
    mg_json_put_string(&body, title);
    mg_buf_printf(&body, ",\"status\":%d", problem->status);
    put_text(&body, "detail", problem->detail);
    put_text(&body, "request_id", problem->id);
    put_json(&body, "calls", problem->calls);
    put_json(&body, "errors", problem->errors);
    put_members(&body, problem);
    put_json(&body, "dev", problem->dev);
    mg_buf_put_char(&body, '}');
    reply->status = problem->status;
    reply->pieces = MG_ARENA_NEW(arena, struct mg_str);
    reply->piece_count = 1;
    bool ok = body.failed == MG_OK && reply->pieces;
    if (ok) {
        *reply->pieces = mg_arena_copy(arena, mg_buf_str(&body));
        ok = reply->pieces->data && mg_headers_add(&reply->headers, arena, MG_STR("Content-Type"),
                                                   MG_STR("application/problem+json"));
        if (problem->status == 503)
            ok = ok && mg_headers_add(&reply->headers, arena, MG_STR("Retry-After"), MG_STR("1"));
    }
    mg_buf_fini(&body);
    return ok;
}
