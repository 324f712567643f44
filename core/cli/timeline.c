#include "cli/timeline.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "json/write.h"

enum { plain_width = 100, name_most = 24, bar_least = 10, bar_most = 60, tail_least = 24 };

static bool speaks_utf8(void)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strstr(value, "UTF-8") || strstr(value, "utf8");
    }
    return false;
}

struct mg_timeline mg_timeline_of(int fd)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    struct mg_timeline timeline = {0};
    struct winsize size = {0};
    if (!isatty(fd))
        return timeline;
    timeline.width = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : plain_width;
    timeline.colours = !(none && *none) && term && strcmp(term, "dumb") != 0;
    timeline.blocks = speaks_utf8();
    return timeline;
}

// Columns

static unsigned columns_of(struct mg_str text)
{
    unsigned columns = 0;
    for (size_t i = 0; i < text.len; i++)
        columns += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return columns;
}

// At most `most` characters of a text, without what would move a terminal's cursor.
static unsigned put_text(struct mg_buf *out, struct mg_str text, unsigned most)
{
    unsigned columns = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool begins = (byte & 0xC0) != 0x80;
        if (begins && columns == most)
            break;
        columns += begins;
        mg_buf_put_char(out, byte < 0x20 || byte == 0x7f ? '?' : text.data[i]);
    }
    return columns;
}

static void put_spaces(struct mg_buf *out, unsigned count)
{
    mg_buf_printf(out, "%*s", (int)count, "");
}

static void put_name(struct mg_buf *out, const struct mg_trace_call *call, unsigned width)
{
    unsigned mark = call->each ? 2 : 0;
    unsigned columns = put_text(out, call->name, name_most - mark);
    mg_buf_put(out, mark ? MG_STR("[]") : MG_STR(""));
    put_spaces(out, width - columns - mark);
}

// How wide the columns before the bars and behind them are, and so the bars.
struct columns {
    unsigned names, bars;
    uint64_t total; // ms that a whole bar stands for; not 0
};

static struct columns columns_for(const struct mg_timeline *timeline, const struct mg_trace *trace)
{
    struct columns columns = {.total = trace->total ? trace->total : 1};
    for (unsigned i = 0; i < trace->count; i++) {
        const struct mg_trace_call *call = &trace->calls[i];
        unsigned name = columns_of(call->name) + (call->each ? 2 : 0);
        columns.names = name > columns.names ? name : columns.names;
        columns.total = call->end > columns.total ? call->end : columns.total;
    }
    columns.names = columns.names > name_most ? name_most : columns.names;
    unsigned width = timeline->width ? timeline->width : plain_width;
    unsigned taken = columns.names + 22 + tail_least; // kind, marks, times and blanks between
    columns.bars = width > taken + bar_least ? width - taken : bar_least;
    columns.bars = columns.bars > bar_most ? bar_most : columns.bars;
    return columns;
}

// Bars

static const char *colour_of(const struct mg_trace_call *call)
{
    if (call->state != MG_TRACE_LANDED)
        return "\033[2m";
    if (mg_str_is(MG_STR("ok"), call->outcome))
        return "\033[32m";
    return call->partial ? "\033[33m" : "\033[31m";
}

static void put_bar(struct mg_buf *out, const struct mg_timeline *timeline,
                    const struct columns *columns, const struct mg_trace_call *call)
{
    struct mg_str unit = timeline->blocks ? MG_STR("\xe2\x94\x81") : MG_STR("=");
    unsigned from = (unsigned)(call->start * columns->bars / columns->total);
    unsigned to = (unsigned)(call->end * columns->bars / columns->total);
    from = from < columns->bars ? from : columns->bars - 1;
    to = to > from ? to : from + 1; // a short one is seen, too
    if (call->state == MG_TRACE_NOT_STARTED)
        from = to = 0;
    put_spaces(out, from);
    mg_buf_put(out, timeline->colours ? mg_str_of(colour_of(call)) : MG_STR(""));
    for (unsigned i = from; i < to; i++)
        mg_buf_put(out, unit);
    mg_buf_put(out, timeline->colours ? MG_STR("\033[0m") : MG_STR(""));
    put_spaces(out, columns->bars - to);
}

// How it ended, and what it had to wait for.
static void put_tail(struct mg_buf *out, const struct mg_trace_call *call)
{
    bool ok = mg_str_is(MG_STR("ok"), call->outcome);
    if (call->status && (ok || mg_str_is(MG_STR("status"), call->outcome)))
        mg_buf_printf(out, "%d", call->status);
    else
        mg_buf_put(out, mg_str_of(call->outcome));
    for (unsigned i = 0; i < call->need_count; i++) {
        mg_buf_put(out, i ? MG_STR(", ") : MG_STR(", after "));
        mg_buf_put(out, call->needs[i]);
    }
    if (!ok && call->message.len && !mg_str_is(call->message, call->outcome)) {
        mg_buf_put(out, MG_STR(": "));
        mg_buf_put(out, call->message);
    }
}

static void put_call(struct mg_buf *out, const struct mg_timeline *timeline,
                     const struct columns *columns, const struct mg_trace_call *call)
{
    struct mg_buf tail = {0};
    unsigned before = columns->names + columns->bars + 22;
    put_name(out, call, columns->names);
    mg_buf_printf(out, "  %-7s |", call->kind);
    put_bar(out, timeline, columns, call);
    if (call->state == MG_TRACE_NOT_STARTED)
        mg_buf_put(out, MG_STR("|          "));
    else
        mg_buf_printf(out, "|%6llu ms ", (unsigned long long)(call->end - call->start));
    put_tail(&tail, call);
    unsigned most = timeline->width > before + bar_least ? timeline->width - before : bar_least;
    put_text(out, mg_buf_str(&tail), timeline->width ? most : (unsigned)tail.len);
    mg_buf_put_char(out, '\n');
    mg_buf_fini(&tail);
}

void mg_timeline_put(struct mg_buf *out, const struct mg_timeline *timeline,
                     const struct mg_trace *trace)
{
    struct columns columns = columns_for(timeline, trace);
    for (unsigned i = 0; i < trace->count; i++)
        put_call(out, timeline, &columns, &trace->calls[i]);
}

// For programs

static void put_member(struct mg_buf *out, const char *name, struct mg_str text)
{
    mg_buf_printf(out, ",\"%s\":", name);
    mg_json_put_string(out, text);
}

static void put_call_json(struct mg_buf *out, const struct mg_trace_call *call)
{
    mg_buf_put(out, MG_STR("{\"name\":"));
    mg_json_put_string(out, call->name);
    put_member(out, "kind", mg_str_of(call->kind));
    put_member(out, "backend", call->backend);
    put_member(out, "asks", call->ask);
    mg_buf_printf(out, ",\"each\":%s,\"waits_for\":[", call->each ? "true" : "false");
    for (unsigned i = 0; i < call->need_count; i++) {
        mg_buf_put(out, i ? MG_STR(",") : MG_STR(""));
        mg_json_put_string(out, call->needs[i]);
    }
    mg_buf_put_char(out, ']');
    put_member(out, "outcome", mg_str_of(call->outcome));
    if (call->state != MG_TRACE_NOT_STARTED)
        mg_buf_printf(out, ",\"start\":%llu,\"end\":%llu", (unsigned long long)call->start,
                      (unsigned long long)call->end);
    if (call->status)
        mg_buf_printf(out, ",\"status\":%d", call->status);
    if (call->message.len)
        put_member(out, "message", call->message);
    mg_buf_put_char(out, '}');
}

void mg_timeline_put_json(struct mg_buf *out, const struct mg_trace *trace)
{
    mg_buf_put_char(out, '[');
    for (unsigned i = 0; i < trace->count; i++) {
        mg_buf_put(out, i ? MG_STR(",") : MG_STR(""));
        put_call_json(out, &trace->calls[i]);
    }
    mg_buf_put_char(out, ']');
}
