#include "gateway/trace.h"

// The names of the calls that a planned one waits for.
static bool read_needs(struct mg_exchange *exchange, const struct mg_plan_call *plan,
                       struct mg_trace_call *call)
{
    unsigned count = (unsigned)__builtin_popcountll(plan->needs);
    struct mg_str *names = mg_arena_zero(&exchange->request->arena, count + 1, sizeof *names);
    if (!names)
        return false;
    call->needs = names;
    for (unsigned i = 0; i < exchange->plan->count; i++)
        if (plan->needs & (UINT64_C(1) << i))
            names[call->need_count++] = exchange->plan->calls[i].name;
    return true;
}

static struct mg_str backend_of(const struct mg_exchange *exchange, const struct mg_asked *asked)
{
    const struct mg_config *config = exchange->generation->edition->config;
    const struct mg_plan_backend *backend = asked->plan ? asked->plan->backend : NULL;
    for (unsigned i = 0; !asked->plan && i < config->backend_count; i++)
        if (config->backends[i].kind == asked->call.kind &&
            config->backends[i].index == asked->call.backend)
            backend = &config->backends[i];
    return backend ? backend->name : (struct mg_str){0};
}

// What is asked

static void put_words(struct mg_buf *out, const struct mg_redis_ask *redis)
{
    for (unsigned c = 0; c < redis->count; c++)
        for (unsigned i = 0; i < redis->commands[c].count; i++) {
            mg_buf_put(out, i ? MG_STR(" ") : c ? MG_STR("; ") : MG_STR(""));
            mg_buf_put(out, redis->commands[c].words[i]);
        }
}

static void put_sql(struct mg_buf *out, const struct mg_sql_ask *sql)
{
    mg_buf_put(out, sql->sql);
    for (unsigned i = 0; i < sql->part_count; i++) {
        mg_buf_put(out, i ? MG_STR("; ") : MG_STR(""));
        mg_buf_put(out, sql->parts[i].sql);
    }
}

static void put_sent(struct mg_buf *out, const struct mg_call *call)
{
    switch (call->kind) {
    case MG_CALL_HTTP:
        mg_buf_printf(out, "%s ", mg_method_word(call->http.method));
        mg_buf_put(out, call->http.path);
        break;
    case MG_CALL_FILE:
        mg_buf_put(out, call->file.path);
        break;
    case MG_CALL_REDIS:
        put_words(out, &call->redis);
        break;
    case MG_CALL_SQL:
        put_sql(out, &call->sql);
        break;
    case MG_CALL_COMPUTE:
        mg_buf_put(out, call->compute.module);
        mg_buf_put_char(out, ' ');
        mg_buf_put(out, call->compute.function);
        break;
    default:
        break;
    }
}

static void put_planned(struct mg_buf *out, const struct mg_plan_call *plan)
{
    if (plan->kind == MG_CALL_HTTP && plan->verb < MG_METHOD_COUNT)
        mg_buf_printf(out, "%s ", mg_method_word((enum mg_method)plan->verb));
    mg_buf_put(out, plan->path_text);
    if (plan->kind == MG_CALL_COMPUTE) {
        mg_buf_put_char(out, ' ');
        mg_buf_put(out, plan->function);
    }
    for (unsigned i = 0; i < plan->statement_count; i++) {
        mg_buf_put(out, i ? MG_STR("; ") : MG_STR(""));
        mg_buf_put(out, plan->statements[i].sql);
    }
}

// Bounded, since a statement or a key may be of any length; cut between characters. What is hidden
// goes first: of what was cut in the midst the start would not be known.
static struct mg_str bounded(struct mg_exchange *exchange, const struct mg_mask *mask,
                             struct mg_str text)
{
    enum { most = 300 };
    struct mg_arena *arena = &exchange->request->arena;
    text = mask ? mg_mask_text(mask, text) : mg_vm_redact(exchange->generation->vm, text, arena);
    size_t len = text.len < most ? text.len : most;
    while (len < text.len && len > 0 && ((unsigned char)text.data[len] & 0xC0) == 0x80)
        len--;
    return len < text.len ? mg_arena_printf(arena, "%.*s...", (int)len, text.data)
                          : mg_arena_copy(arena, text);
}

static struct mg_str ask_of(struct mg_exchange *exchange, const struct mg_mask *mask,
                            const struct mg_asked *asked)
{
    struct mg_buf ask = {0};
    const struct mg_plan_call *plan = asked->plan;
    if (plan && plan->each)
        put_planned(&ask, &plan->each->call);
    else if (plan && !asked->started)
        put_planned(&ask, plan);
    else
        put_sent(&ask, &asked->call);
    struct mg_str text = bounded(exchange, mask, mg_buf_str(&ask));
    mg_buf_fini(&ask);
    return text;
}

// Its times, and how it ended

static uint64_t since(uint64_t origin, uint64_t at)
{
    return at > origin ? at - origin : 0;
}

static void read_end(struct mg_exchange *exchange, const struct mg_mask *mask,
                     const struct mg_asked *asked, uint64_t total, struct mg_trace_call *call)
{
    const struct mg_result *result = &asked->call.result;
    uint64_t began = asked->call.began;
    call->outcome = "not started";
    if (!began)
        return;
    call->start = since(exchange->request->began, began);
    call->state = result->landed ? MG_TRACE_LANDED : MG_TRACE_UNDER_WAY;
    if (!result->landed) {
        call->outcome = "under way";
        call->end = total;
        return;
    }
    call->end = call->start + result->ms;
    call->outcome = mg_status_word(result->error);
    call->partial = asked->verdict == MG_VERDICT_PARTIAL;
    call->status = asked->call.kind == MG_CALL_HTTP ? result->status : 0;
    call->message = bounded(exchange, mask, result->message);
}

static bool read_call(struct mg_exchange *exchange, const struct mg_mask *mask,
                      const struct mg_asked *asked, uint64_t total, struct mg_trace_call *call)
{
    const struct mg_plan_call *plan = asked->plan;
    *call = (struct mg_trace_call){
        .name = asked->name,
        .kind = mg_call_kind_word(plan ? plan->kind : asked->call.kind),
        .backend = backend_of(exchange, asked),
        .ask = ask_of(exchange, mask, asked),
        .each = plan && plan->each,
    };
    read_end(exchange, mask, asked, total, call);
    return !plan || read_needs(exchange, plan, call);
}

// Ones that began together stay as they were: they were asked for in that order.
static void sort(struct mg_trace_call *calls, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        struct mg_trace_call one = calls[i];
        unsigned at = i;
        bool idle = one.state == MG_TRACE_NOT_STARTED;
        for (; at > 0 && !idle; at--) {
            const struct mg_trace_call *before = &calls[at - 1];
            if (before->state != MG_TRACE_NOT_STARTED && before->start <= one.start)
                break;
            calls[at] = calls[at - 1];
        }
        calls[at] = one;
    }
}

bool mg_trace_read(struct mg_exchange *exchange, const struct mg_mask *mask, struct mg_trace *trace)
{
    uint64_t now = mg_loop_fresh(&exchange->worker->loop);
    *trace = (struct mg_trace){
        .calls = mg_arena_zero(&exchange->request->arena, exchange->asked_count + 1,
                               sizeof *trace->calls),
        .total = since(exchange->request->began, now),
    };
    for (unsigned i = 0; trace->calls && i < exchange->asked_count; i++)
        if (!read_call(exchange, mask, exchange->asked[i], trace->total,
                       &trace->calls[trace->count++]))
            return false;
    sort(trace->calls, trace->count);
    return trace->calls != NULL;
}
