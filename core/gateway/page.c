#include "gateway/page.h"

#include "crypto/coding.h"
#include "crypto/digest.h"
#include "gateway/html.h"
#include "json/scan.h"

enum { page_most = 4 << 20, routes_most = 100 };

// Places in the files

static void put_code(struct mg_buf *page, const struct mg_report_place *place)
{
    if (!place->excerpt.count)
        return;
    mg_buf_put(page, MG_STR("<pre tabindex=\"0\">"));
    for (unsigned i = 0; i < place->excerpt.count; i++) {
        int number = place->excerpt.first + (int)i;
        mg_buf_printf(page, "<span%s><i>%d</i>", number == place->line ? " class=\"here\"" : "",
                      number);
        mg_html_put_in(page, "<code>", place->excerpt.lines[i], "\n</code></span>");
    }
    mg_buf_put(page, MG_STR("</pre>"));
}

static void put_place(struct mg_buf *page, const struct mg_report_place *place, bool open)
{
    mg_buf_printf(page, "<details%s><summary>", open ? " open" : "");
    mg_html_put_in(page, "<b>", place->file, "");
    if (place->line)
        mg_buf_printf(page, ":%d", place->line);
    mg_buf_put(page, MG_STR("</b>"));
    if (place->function.len)
        mg_html_put_in(page, " in <code>", place->function, "</code>");
    mg_buf_put(page, MG_STR("</summary>"));
    if (place->message.len)
        mg_html_put_in(page, "<p class=\"wrong\">", place->message, "</p>");
    put_code(page, place);
    mg_buf_put(page, MG_STR("</details>\n"));
}

static void put_places(struct mg_buf *page, const struct mg_report *report)
{
    const char *title = report->loading   ? "What does not load"
                        : report->raised  ? "Where it was raised"
                        : report->of_call ? "The call"
                                          : "The route";
    if (!report->count)
        return;
    mg_buf_printf(page, "<section><h2>%s", title);
    if (report->raised && report->count > 1)
        mg_buf_put(page, MG_STR(" <small>innermost first</small>"));
    mg_buf_put(page, MG_STR("</h2>\n"));
    for (unsigned i = 0; i < report->count; i++)
        put_place(page, &report->places[i], i == 0 || report->loading);
    mg_buf_put(page, MG_STR("</section>\n"));
}

static void put_row(struct mg_buf *page, const struct mg_report *report, struct mg_str name,
                    struct mg_str value)
{
    mg_html_put_in(page, "<tr><th scope=\"row\">", name, "</th><td>");
    mg_html_put_in(page, "", mg_mask_text(&report->mask, value), "</td></tr>\n");
}

// What is wrong with the input

static void put_error(struct mg_buf *page, const struct mg_report *report, struct mg_str error)
{
    struct mg_arena *arena = &report->mask.exchange->request->arena;
    struct mg_json_iter iter;
    struct mg_str at = {0}, detail = {0};
    for (mg_json_begin(&iter, error); mg_json_next(&iter);)
        if (mg_json_key_is(iter.key, MG_STR("at")))
            at = mg_json_text_in(iter.value, arena);
        else if (mg_json_key_is(iter.key, MG_STR("detail")))
            detail = mg_json_text_in(iter.value, arena);
    put_row(page, report, at, detail);
}

static void put_errors(struct mg_buf *page, const struct mg_report *report)
{
    struct mg_json_iter iter;
    if (!report->errors.len)
        return;
    mg_buf_put(page, MG_STR("<section><h2>Input</h2>\n<table class=\"fields\">"));
    for (mg_json_begin(&iter, report->errors); mg_json_next(&iter);)
        put_error(page, report, iter.value);
    mg_buf_put(page, MG_STR("</table></section>\n"));
}

// The request

static void put_headers(struct mg_buf *page, const struct mg_report *report)
{
    const struct mg_headers *headers = &report->mask.exchange->request->headers;
    mg_buf_printf(page, "<details><summary><b>Header</b> %u %s</summary><table class=\"fields\">",
                  headers->count, headers->count == 1 ? "field" : "fields");
    for (unsigned i = 0; i < headers->count; i++) {
        const struct mg_header *header = &headers->items[i];
        if (mg_mask_hides(header->name))
            mg_html_put_in(page, "<tr><th scope=\"row\">", header->name,
                           "</th><td><em>not shown</em></td></tr>\n");
        else
            put_row(page, report, header->name, header->value);
    }
    mg_buf_put(page, MG_STR("</table></details>\n"));
}

static void put_request(struct mg_buf *page, const struct mg_report *report)
{
    const struct mg_exchange *exchange = report->mask.exchange;
    const struct mg_request *request = exchange->request;
    const struct mg_plan *plan = exchange->plan;
    mg_buf_put(page, MG_STR("<section><h2>Request</h2>\n<table class=\"fields\">"));
    if (plan) {
        mg_html_put_in(page, "<tr><th scope=\"row\">route</th><td>", plan->path, "");
        mg_html_put_in(page, " <small>", plan->file, "");
        mg_buf_printf(page, ":%d</small></td></tr>\n", plan->line);
    }
    for (unsigned i = 0; i < request->param_count; i++)
        put_row(page, report, request->params[i].name, request->params[i].value);
    put_row(page, report, MG_STR("client"), request->ip);
    put_row(page, report, MG_STR("request id"), request->id);
    mg_buf_put(page, MG_STR("</table>\n"));
    put_headers(page, report);
    mg_buf_put(page, MG_STR("</section>\n"));
}

// What there is, for a request that no route answers.
static void put_routes(struct mg_buf *page, const struct mg_generation *generation)
{
    mg_buf_put(page, MG_STR("<section><h2>Routes"));
    if (generation->count > routes_most)
        mg_buf_printf(page, " <small>the first %d of %u</small>", routes_most, generation->count);
    mg_buf_put(page, MG_STR("</h2>\n<table class=\"fields\">"));
    for (unsigned i = 0; i < generation->count && i < routes_most; i++) {
        const struct mg_plan *plan = generation->plans[i];
        mg_buf_printf(page, "<tr><th scope=\"row\">%s</th>",
                      plan->any_method ? "any" : mg_method_word(plan->method));
        mg_html_put_in(page, "<td>", plan->host, "");
        mg_html_put_in(page, "", plan->path, "");
        mg_html_put_in(page, " <small>", plan->file, "");
        mg_buf_printf(page, ":%d</small></td></tr>\n", plan->line);
    }
    mg_buf_put(page, MG_STR("</table></section>\n"));
}

// The whole

static struct mg_str headline_of(const struct mg_report *report)
{
    if (report->error.len)
        return report->error;
    return report->detail.len ? report->detail : report->title;
}

static void put_head(struct mg_buf *page, const struct mg_report *report)
{
    const struct mg_request *request = report->mask.exchange->request;
    struct mg_str target = mg_mask_target(&report->mask);
    mg_buf_printf(page,
                  "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                  "<meta name=\"color-scheme\" content=\"light dark\"><title>%d ",
                  report->status);
    mg_html_put_in(page, "", headline_of(report), "</title><style>");
    mg_buf_put(page, mg_str_of(mg_page_style));
    mg_buf_printf(page, "</style></head>\n<body class=\"%s\"><header><div>",
                  report->status < 500 ? "client" : "server");
    mg_buf_put(page, MG_STR("<p class=\"brand\"><svg viewBox=\"0 0 16 16\" aria-hidden=\"true\">"
                            "<path d=\"M13.6 10.3A6.3 6.3 0 0 1 5.7 2.4a6.3 6.3 0 1 0 7.9 7.9z\"/>"
                            "</svg>Moongate</p>"));
    mg_html_put_in(page, "<p class=\"ask\"><b>", mg_str_of(mg_method_word(request->method)),
                   "</b> ");
    mg_html_put_in(page, "", target, "</p>\n");
    mg_html_put_in(page, "<h1>", headline_of(report), "</h1>\n");
    mg_buf_printf(page, "<p class=\"status\"><b>%d</b> ", report->status);
    mg_html_put_in(page, "", report->title, "");
    if (report->error.len && report->detail.len && !mg_str_eq(report->error, report->detail))
        mg_html_put_in(page, " <span>A client without <code>--dev</code> is told: ", report->detail,
                       "</span>");
    if (report->loading)
        mg_buf_put(page, MG_STR(" <span>The routes that were loaded before go on serving programs. "
                                "A browser is shown this page until the files load.</span>"));
    mg_buf_put(page, MG_STR("</p></div></header>\n<main>\n"));
}

static void put_foot(struct mg_buf *page)
{
    mg_buf_put(page, MG_STR("</main>\n<footer><p>"));
    mg_buf_put(page, MG_STR("Shown by <code>moongate serve --dev</code>, and by nothing else."
                            "</p></footer></body></html>\n"));
}

struct mg_str mg_page_of(const struct mg_report *report, const struct mg_trace *trace)
{
    const struct mg_exchange *exchange = report->mask.exchange;
    struct mg_buf page = {.limit = page_most};
    struct mg_str copy = {0};
    put_head(&page, report);
    put_errors(&page, report);
    put_places(&page, report);
    mg_page_put_calls(&page, trace);
    if (!exchange->plan && !report->loading && (report->status == 404 || report->status == 405))
        put_routes(&page, exchange->generation);
    put_request(&page, report);
    put_foot(&page);
    if (page.failed == MG_OK)
        copy = mg_arena_copy(&exchange->request->arena, mg_buf_str(&page));
    mg_buf_fini(&page);
    return copy;
}

struct mg_str mg_page_policy(struct mg_arena *arena)
{
    unsigned char digest[MG_DIGEST_SIZE];
    char text[(MG_DIGEST_SIZE + 2) / 3 * 4];
    if (!mg_digest_sha256(mg_str_of(mg_page_style), digest))
        return (struct mg_str){0};
    size_t len = mg_coding_base64((struct mg_str){(char *)digest, sizeof digest}, false, text);
    return mg_arena_printf(arena,
                           "default-src 'none'; style-src 'sha256-%.*s'; base-uri 'none'; "
                           "form-action 'none'; frame-ancestors 'none'",
                           (int)len, text);
}
