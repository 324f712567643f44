// Calls as bars on an axis of time. The bars are drawn in SVG, whose attributes a policy without
// inline styles allows.
#include "gateway/html.h"
#include "gateway/page.h"

enum { ticks_most = 5 };

// Round steps, few enough to be read: 1, 2, 5, 10, 20, ...
static uint64_t step_of(uint64_t total)
{
    static const uint64_t factors[] = {2, 5, 10};
    uint64_t unit = 1, step = 1;
    for (unsigned i = 0; total / step > ticks_most; i = (i + 1) % 3) {
        step = unit * factors[i];
        unit = i == 2 ? unit * 10 : unit;
    }
    return step;
}

static double percent(uint64_t ms, uint64_t total)
{
    return total ? 100.0 * (double)ms / (double)total : 0;
}

static void put_axis(struct mg_buf *page, uint64_t total)
{
    uint64_t step = step_of(total);
    mg_buf_put(page, MG_STR("<svg class=\"axis\" aria-hidden=\"true\">"));
    for (uint64_t at = 0; at <= total; at += step) {
        double x = percent(at, total);
        const char *anchor = at == 0 ? "start" : x > 90 ? "end" : "middle";
        mg_buf_printf(page, "<text x=\"%.2f%%\" y=\"12\" text-anchor=\"%s\">%llu%s</text>", x,
                      anchor, (unsigned long long)at, at + step > total ? " ms" : "");
    }
    mg_buf_put(page, MG_STR("</svg>"));
}

static const char *look_of(const struct mg_trace_call *call)
{
    bool skipped = strcmp(call->outcome, "skipped") == 0;
    if (call->state != MG_TRACE_LANDED)
        return call->state == MG_TRACE_UNDER_WAY ? "open" : "none";
    return strcmp(call->outcome, "ok") == 0 ? "ok" : call->partial || skipped ? "part" : "bad";
}

// On the lines of the axis, which go through all rows.
static void put_bar(struct mg_buf *page, const struct mg_trace_call *call, uint64_t total)
{
    uint64_t step = step_of(total);
    bool started = call->state != MG_TRACE_NOT_STARTED;
    mg_buf_put(page, MG_STR("<svg class=\"bar\""));
    if (started)
        mg_buf_printf(page, " role=\"img\" aria-label=\"from %llu to %llu ms\">",
                      (unsigned long long)call->start, (unsigned long long)call->end);
    else
        mg_buf_put(page, MG_STR(" aria-hidden=\"true\">"));
    for (uint64_t at = 0; at <= total; at += step) {
        double x = percent(at, total);
        mg_buf_printf(page, "<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>", x, x);
    }
    double from = percent(call->start, total), width = percent(call->end - call->start, total);
    width = width < 0.8 ? 0.8 : width;
    from = from + width > 100 ? 100 - width : from;
    if (started)
        mg_buf_printf(page,
                      "<rect class=\"%s\" x=\"%.2f%%\" y=\"13\" width=\"%.2f%%\" height=\"13\" "
                      "rx=\"3\"/>",
                      look_of(call), from, width);
    mg_buf_put(page, MG_STR("</svg>"));
}

static void put_what(struct mg_buf *page, const struct mg_trace_call *call)
{
    mg_html_put_in(page, "<th scope=\"row\"><b>", call->name, "</b>");
    mg_html_put_in(page, "<span>", mg_str_of(call->kind), "");
    if (call->backend.len && !mg_str_eq(call->backend, call->name))
        mg_html_put_in(page, " ", call->backend, "");
    for (unsigned i = 0; i < call->need_count; i++)
        mg_html_put_in(page, i ? ", " : ", after ", call->needs[i], "");
    mg_buf_put(page, MG_STR("</span>"));
    if (call->ask.len)
        mg_html_put_in(page, "<code>", call->ask,
                       call->each ? " <i>for each</i></code>" : "</code>");
    if (call->message.len)
        mg_html_put_in(page, "<em>", call->message, "</em>");
    mg_buf_put(page, MG_STR("</th>"));
}

static void put_call(struct mg_buf *page, const struct mg_trace_call *call, uint64_t total)
{
    const char *look = look_of(call);
    mg_buf_put(page, MG_STR("<tr>"));
    put_what(page, call);
    mg_buf_put(page, MG_STR("<td class=\"time\">"));
    put_bar(page, call, total);
    mg_buf_put(page, MG_STR("</td><td class=\"ms\">"));
    if (call->state != MG_TRACE_NOT_STARTED)
        mg_buf_printf(page, "%llu ms", (unsigned long long)(call->end - call->start));
    mg_buf_printf(page, "</td><td class=\"end %s\">%s", look, call->outcome);
    if (call->status)
        mg_buf_printf(page, " <small>%d</small>", call->status);
    mg_buf_put(page, MG_STR("</td></tr>\n"));
}

void mg_page_put_calls(struct mg_buf *page, const struct mg_trace *trace)
{
    uint64_t total = trace->total;
    if (!trace->count)
        return;
    for (unsigned i = 0; i < trace->count; i++)
        total = trace->calls[i].end > total ? trace->calls[i].end : total;
    mg_buf_printf(page, "<section><h2>Calls <small>%u, in %llu ms</small></h2>\n", trace->count,
                  (unsigned long long)trace->total);
    mg_buf_put(page, MG_STR("<table class=\"calls\"><thead><tr><th scope=\"col\">call</th>"
                            "<th scope=\"col\" class=\"time\">"));
    put_axis(page, total);
    mg_buf_put(page, MG_STR("</th><th scope=\"col\" class=\"ms\">took</th>"
                            "<th scope=\"col\" class=\"end\">ended</th></tr></thead>\n<tbody>"));
    for (unsigned i = 0; i < trace->count; i++)
        put_call(page, &trace->calls[i], total);
    mg_buf_put(page, MG_STR("</tbody></table></section>\n"));
}
