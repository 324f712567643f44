#include "gateway/dev.h"

#include "gateway/answer.h"
#include "gateway/members.h"
#include "gateway/page.h"
#include "http/accept.h"

enum { timing_most = 4096 };

static struct mg_trouble *trouble_of(const struct mg_exchange *exchange)
{
    return &exchange->worker->common->dev->trouble;
}

static void add_header(struct mg_exchange *exchange, struct mg_str name, struct mg_str value)
{
    if (value.len)
        mg_headers_add(&exchange->reply.headers, &exchange->request->arena, name, value);
}

// Server-Timing (W3C): the calls that were started, as many as there is room for, and the whole.
static void add_timing(struct mg_exchange *exchange, const struct mg_trace *trace)
{
    struct mg_buf list = {0};
    for (unsigned i = 0; i < trace->count && list.len < timing_most; i++) {
        const struct mg_trace_call *call = &trace->calls[i];
        if (call->state == MG_TRACE_NOT_STARTED || call->name.len > timing_most)
            continue;
        mg_answer_put_token(&list, call->name);
        mg_buf_printf(&list, ";dur=%llu, ", (unsigned long long)(call->end - call->start));
    }
    mg_buf_printf(&list, "total;dur=%llu", (unsigned long long)trace->total);
    struct mg_str copy = {0};
    if (list.failed == MG_OK)
        copy = mg_arena_copy(&exchange->request->arena, mg_buf_str(&list));
    mg_buf_fini(&list);
    add_header(exchange, MG_STR("Server-Timing"), copy);
}

void mg_dev_explain(struct mg_exchange *exchange, struct mg_problem *problem)
{
    struct mg_trace trace;
    struct mg_report *broken = problem->report;
    if (!problem->report) {
        problem->report = mg_report_new(exchange, problem);
        broken = mg_report_trouble(exchange, trouble_of(exchange));
    }
    exchange->report = problem->report;
    if (problem->report && mg_trace_read(exchange, &problem->report->mask, &trace))
        problem->dev = mg_members_of(problem->report, broken, &trace);
}

// A browser names HTML, and not JSON before it; a program that takes anything is given the problem.
static bool wants_page(struct mg_exchange *exchange)
{
    static const char *const others[] = {"application/json", "application/problem+json"};
    const struct mg_request *request = exchange->request;
    struct mg_str accept;
    if (!mg_headers_get(&request->headers, &exchange->request->arena, MG_STR("accept"), &accept))
        return false;
    int weight = mg_accept_weight(accept, MG_STR("text/html"));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (mg_accept_weight(accept, mg_str_of(others[i])) > weight)
            return false;
    return weight > 0;
}

bool mg_dev_trouble(struct mg_exchange *exchange)
{
    struct mg_trouble *trouble = trouble_of(exchange);
    if (!atomic_load(&trouble->count) || !wants_page(exchange))
        return false;
    struct mg_report *report = mg_report_trouble(exchange, trouble);
    if (!report)
        return false;
    mg_exchange_problem(
        exchange,
        (struct mg_problem){.status = report->status, .detail = report->detail, .report = report});
    return true;
}

static struct mg_header *type_of(struct mg_reply *reply)
{
    for (unsigned i = 0; i < reply->headers.count; i++)
        if (mg_str_eq_nocase(reply->headers.items[i].name, MG_STR("content-type")))
            return &reply->headers.items[i];
    return NULL;
}

// Whether the reply is still the problem of the report, and not what `after` has made of it.
static bool is_reported(const struct mg_reply *reply, const struct mg_report *report)
{
    return report && report->body == reply->pieces && report->status == reply->status;
}

static void put_page(struct mg_exchange *exchange, const struct mg_trace *trace)
{
    struct mg_reply *reply = &exchange->reply;
    struct mg_header *type = type_of(reply);
    struct mg_str page, policy;
    if (!is_reported(reply, exchange->report) || !type ||
        !mg_str_is(type->value, "application/problem+json"))
        return;
    add_header(exchange, MG_STR("Vary"), MG_STR("Accept"));
    if (reply->piece_count != 1 || !wants_page(exchange))
        return;
    page = mg_page_of(exchange->report, trace);
    policy = mg_page_policy(&exchange->request->arena);
    type = type_of(reply); // it may have moved
    if (!page.len || !policy.len)
        return;
    *reply->pieces = page;
    type->value = MG_STR("text/html; charset=utf-8");
    add_header(exchange, MG_STR("Content-Security-Policy"), policy);
    add_header(exchange, MG_STR("X-Content-Type-Options"), MG_STR("nosniff"));
    add_header(exchange, MG_STR("Referrer-Policy"), MG_STR("no-referrer"));
    add_header(exchange, MG_STR("Cache-Control"), MG_STR("no-store"));
}

void mg_dev_finish(struct mg_exchange *exchange)
{
    struct mg_trace trace;
    if (!mg_trace_read(exchange, exchange->report ? &exchange->report->mask : NULL, &trace))
        return;
    add_timing(exchange, &trace);
    add_header(exchange, MG_STR("Moongate-Load-Error"),
               mg_trouble_line(trouble_of(exchange), &exchange->request->arena));
    put_page(exchange, &trace);
}
