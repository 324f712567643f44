#include "gateway/members.h"

#include "json/write.h"

static void put_key(struct mg_buf *json, const char *name)
{
    char last = json->len ? json->data[json->len - 1] : '{';
    mg_buf_printf(json, "%s\"%s\":", last == '{' || last == '[' ? "" : ",", name);
}

static void put_text(struct mg_buf *json, const char *name, struct mg_str text)
{
    if (!text.len)
        return;
    put_key(json, name);
    mg_json_put_string(json, text);
}

static void put_number(struct mg_buf *json, const char *name, uint64_t number)
{
    put_key(json, name);
    mg_buf_put_uint(json, number);
}

static void begin(struct mg_buf *json, unsigned index)
{
    mg_buf_put(json, index ? MG_STR(",{") : MG_STR("{"));
}

static void put_place(struct mg_buf *json, const struct mg_report_place *place)
{
    put_text(json, "file", place->file);
    if (place->line)
        put_number(json, "line", (uint64_t)place->line);
    put_text(json, "function", place->function);
    put_text(json, "message", place->message);
}

static void put_source(struct mg_buf *json, const struct mg_excerpt *excerpt)
{
    if (!excerpt->count)
        return;
    put_key(json, "source");
    mg_buf_put_char(json, '[');
    for (unsigned i = 0; i < excerpt->count; i++) {
        begin(json, i);
        put_number(json, "line", (uint64_t)excerpt->first + i);
        put_key(json, "text");
        mg_json_put_string(json, excerpt->lines[i]);
        mg_buf_put_char(json, '}');
    }
    mg_buf_put_char(json, ']');
}

static void put_places(struct mg_buf *json, const char *name, const struct mg_report *report,
                       bool with_source)
{
    put_key(json, name);
    mg_buf_put_char(json, '[');
    for (unsigned i = 0; i < report->count; i++) {
        begin(json, i);
        put_place(json, &report->places[i]);
        if (with_source)
            put_source(json, &report->places[i].excerpt);
        mg_buf_put_char(json, '}');
    }
    mg_buf_put_char(json, ']');
}

static void put_needs(struct mg_buf *json, const struct mg_trace_call *call)
{
    put_key(json, "needs");
    mg_buf_put_char(json, '[');
    for (unsigned i = 0; i < call->need_count; i++) {
        mg_buf_put(json, i ? MG_STR(",") : MG_STR(""));
        mg_json_put_string(json, call->needs[i]);
    }
    mg_buf_put_char(json, ']');
}

static void put_call(struct mg_buf *json, const struct mg_trace_call *call)
{
    put_text(json, "name", call->name);
    put_text(json, "kind", mg_str_of(call->kind));
    put_text(json, "backend", call->backend);
    put_text(json, "ask", call->ask);
    put_needs(json, call);
    if (call->state != MG_TRACE_NOT_STARTED) {
        put_number(json, "start_ms", call->start);
        put_number(json, "end_ms", call->end);
    }
    put_text(json, "outcome", mg_str_of(call->outcome));
    if (call->status)
        put_number(json, "status", (uint64_t)call->status);
    put_text(json, "message", call->message);
}

static void put_calls(struct mg_buf *json, const struct mg_trace *trace)
{
    put_key(json, "calls");
    mg_buf_put_char(json, '[');
    for (unsigned i = 0; i < trace->count; i++) {
        begin(json, i);
        put_call(json, &trace->calls[i]);
        mg_buf_put_char(json, '}');
    }
    mg_buf_put_char(json, ']');
}

struct mg_str mg_members_of(const struct mg_report *report, const struct mg_report *broken,
                            const struct mg_trace *trace)
{
    struct mg_buf json = {0};
    mg_buf_put_char(&json, '{');
    put_text(&json, "error", report->error);
    if (report->count && !report->loading) {
        put_text(&json, "file", report->places[0].file);
        put_number(&json, "line", (uint64_t)report->places[0].line);
        put_source(&json, &report->places[0].excerpt);
    }
    if (report->raised)
        put_places(&json, "traceback", report, false);
    if (broken)
        put_places(&json, "load_errors", broken, true);
    put_calls(&json, trace);
    put_number(&json, "total_ms", trace->total);
    mg_buf_put_char(&json, '}');
    struct mg_str copy = {0};
    if (json.failed == MG_OK)
        copy = mg_arena_copy(&report->mask.exchange->request->arena, mg_buf_str(&json));
    mg_buf_fini(&json);
    return copy;
}
