#include "gateway/pass.h"

#include "gateway/answer.h"
#include "gateway/function.h"
#include "http/response_gate.h"

// A call that passes has no deadline of its own: its time moves (pass.h).
static const uint64_t never = UINT64_MAX / 4;

// Chunks may be of one byte: small ones go on together, so that they cost no write each.
enum { small_piece = 2 << 10, batch = 16 << 10 };

struct mg_pass {
    struct mg_sink sink;
    struct mg_supply supply;
    struct mg_exchange *exchange;
    struct mg_asked asked;
    struct mg_timer timer;
    uint64_t within, idle; // ms
    struct mg_str fresh;   // a piece of the body that the connection shows just now
    struct mg_buf held;    // what the backend did not take at once, from held_at on
    size_t held_at;
    struct mg_task batched; // small pieces are held until the end of this turn
    bool thirsty;           // it is the client that is waited for
    bool unwanted;          // the call takes no body: the client's is dropped
    bool answered;          // the head has come
    bool ended;             // all of the reply was given
    bool has_length;        // the reply's length is known,
    uint64_t due;           // and this much of it has not come
    uint64_t bytes;         // of both bodies that were moved so far
    uint64_t progress; // the same and what the client has confirmed, when it was last looked at,
    uint64_t moved;    // and when that had last grown (loop time in ms)
};

static uint64_t now(const struct mg_pass *pass)
{
    return mg_loop_now(&pass->exchange->worker->loop);
}

static struct mg_backend *backend_of(struct mg_pass *pass)
{
    return mg_backends_of(&pass->exchange->generation->backends, &pass->asked.call);
}

static void set_timer(struct mg_pass *pass, uint64_t at)
{
    if (!mg_timer_set(&pass->exchange->worker->loop, &pass->timer, at))
        mg_exchange_no_memory(pass->exchange);
}

// The client's body

static struct mg_str look(struct mg_supply *supply)
{
    struct mg_pass *pass = MG_OWNER(supply, struct mg_pass, supply);
    if (pass->held_at < pass->held.len)
        return mg_str_cut(mg_buf_str(&pass->held), pass->held_at, pass->held.len);
    if (pass->fresh.len == 0 && !supply->ended && pass->exchange->conn) {
        pass->thirsty = true;
        mg_conn_read_body(pass->exchange->conn, pass->exchange->request);
    }
    return pass->fresh;
}

static void took(struct mg_supply *supply, size_t len)
{
    struct mg_pass *pass = MG_OWNER(supply, struct mg_pass, supply);
    pass->bytes += len;
    pass->moved = now(pass);
    if (pass->held_at < pass->held.len) {
        pass->held_at += len;
        if (pass->held_at < pass->held.len)
            return;
        mg_buf_clear(&pass->held);
        pass->held_at = 0;
    } else {
        pass->fresh = mg_str_cut(pass->fresh, len, pass->fresh.len);
    }
}

static void feed(struct mg_pass *pass)
{
    if (pass->asked.started)
        mg_backend_feed(backend_of(pass), &pass->asked.call);
}

static void on_batched(struct mg_task *task)
{
    feed(MG_OWNER(task, struct mg_pass, batched));
}

bool mg_pass_piece(struct mg_pass *pass, struct mg_str bytes)
{
    struct mg_exchange *exchange = pass->exchange;
    bool small = pass->supply.length < 0 && bytes.len > 0 && bytes.len < small_piece;
    if (exchange->state == MG_EXCHANGE_REPLIED || pass->unwanted || pass->asked.call.result.landed)
        return true; // it goes nowhere
    pass->moved = pass->thirsty ? now(pass) : pass->moved;
    pass->thirsty = false;
    pass->supply.ended = bytes.len == 0;
    pass->fresh = bytes;
    if (!small || pass->held.len >= batch)
        feed(pass);
    if (!mg_buf_put(&pass->held, pass->fresh))
        mg_exchange_no_memory(exchange);
    pass->fresh = (struct mg_str){0};
    if (!small || pass->held.len >= batch)
        return pass->held.len == 0;
    mg_loop_defer(&exchange->worker->loop, &pass->batched);
    return true;
}

bool mg_pass_has_body(const struct mg_pass *pass)
{
    return pass->supply.ended || pass->unwanted;
}

// The answer

// What goes to the client: all but what speaks of the backend's connection, is said anew, or is the
// gateway's to say.
static bool copy_fields(struct mg_pass *pass, const struct mg_headers *from, struct mg_str *date)
{
    static const struct mg_str dropped[] = {{"content-length", 14}, {"x-request-id", 12}};
    struct mg_exchange *exchange = pass->exchange;
    struct mg_headers *to = &exchange->reply.headers;
    for (unsigned i = 0; i < from->count; i++) {
        struct mg_header field = from->items[i];
        bool goes = !mg_headers_hop_by_hop(from, field.name);
        for (size_t k = 0; k < sizeof dropped / sizeof *dropped; k++)
            goes = goes && !mg_str_eq_nocase(field.name, dropped[k]);
        if (mg_str_eq_nocase(field.name, MG_STR("date")))
            *date = field.value;
        else if (goes && !mg_headers_add(to, &exchange->request->arena, field.name, field.value))
            return false;
    }
    return true;
}

static void begin_reply(struct mg_pass *pass, int status, const struct mg_headers *headers)
{
    struct mg_exchange *exchange = pass->exchange;
    struct mg_conn_stream stream = {.length = -1};
    struct mg_framing framing;
    exchange->reply.status = status;
    if (mg_response_gate_framing(headers, &framing) == NULL && framing.has_length &&
        !framing.chunked)
        stream.length = (int64_t)framing.length;
    if (!copy_fields(pass, headers, &stream.date)) {
        exchange->reply.headers.count = 0;
        mg_exchange_no_memory(exchange);
        return;
    }
    if (!mg_answer_fits(&exchange->reply.headers)) {
        exchange->reply.headers.count = 0;
        mg_exchange_say(exchange, 502, "the answer's headers are too large to be passed on");
        return;
    }
    if (exchange->plan->after_count && !mg_function_after_head(exchange))
        return;
    mg_answer_finish(exchange);
    pass->has_length = stream.length >= 0;
    pass->due = pass->has_length ? (uint64_t)stream.length : 0;
    exchange->state = MG_EXCHANGE_PASSING;
    set_timer(pass, now(pass) + pass->idle / 4);
    mg_conn_begin(exchange->conn, exchange->request, &exchange->reply, &stream);
    exchange->reply.headers.count = 0; // they are the backend's
}

static void on_head(struct mg_sink *sink, int status, const struct mg_headers *headers)
{
    struct mg_pass *pass = MG_OWNER(sink, struct mg_pass, sink);
    struct mg_exchange *exchange = pass->exchange;
    if (exchange->state == MG_EXCHANGE_REPLIED || exchange->ending)
        return;
    pass->answered = true;
    pass->moved = now(pass);
    if (exchange->conn)
        begin_reply(pass, status, headers);
    else
        mg_exchange_reply(exchange); // nobody hears it: the call goes on as its method asks
}

static void end_reply(struct mg_pass *pass)
{
    if (pass->ended || pass->exchange->state != MG_EXCHANGE_PASSING)
        return;
    pass->ended = true;
    if (pass->exchange->conn)
        mg_conn_end(pass->exchange->conn, pass->exchange->request);
}

static bool on_data(struct mg_sink *sink, struct mg_str bytes)
{
    struct mg_pass *pass = MG_OWNER(sink, struct mg_pass, sink);
    struct mg_exchange *exchange = pass->exchange;
    if (exchange->state != MG_EXCHANGE_PASSING || !exchange->conn || pass->ended)
        return true;
    pass->bytes += bytes.len;
    pass->due -= bytes.len < pass->due ? bytes.len : pass->due;
    bool more = mg_conn_write(exchange->conn, exchange->request, bytes);
    if (pass->has_length && !pass->due && !pass->supply.ended)
        end_reply(pass); // whatever the client still sends, its answer is whole
    return more || pass->ended;
}

void mg_pass_drained(struct mg_pass *pass)
{
    if (pass->exchange->state == MG_EXCHANGE_PASSING && pass->asked.started)
        mg_backend_resume(backend_of(pass), &pass->asked.call);
}

void mg_pass_landed(struct mg_pass *pass)
{
    struct mg_exchange *exchange = pass->exchange;
    const struct mg_result *result = &pass->asked.call.result;
    if (result->error == MG_OK && pass->answered) {
        pass->asked.verdict = MG_VERDICT_OK;
        end_reply(pass);
        return;
    }
    bool refused = result->error == MG_STATUS && exchange->state != MG_EXCHANGE_PASSING;
    pass->asked.verdict = refused ? MG_VERDICT_RELAY : MG_VERDICT_FAILED;
    if (pass->ended)
        return;
    if (refused) // a backend that is no HTTP says so: no such file, no such range of it
        exchange->reply.headers = result->headers;
    if (exchange->state == MG_EXCHANGE_PASSING)
        mg_answer_log(exchange,
                      mg_arena_printf(&exchange->request->arena, "the answer was cut: %.*s",
                                      (int)result->message.len, result->message.data));
    mg_exchange_fail(exchange, &pass->asked);
}

// Its times

static void wait_for_head(struct mg_pass *pass)
{
    struct mg_exchange *exchange = pass->exchange;
    uint64_t due = pass->thirsty ? now(pass) + pass->within : pass->moved + pass->within;
    if (due <= now(pass))
        mg_exchange_out_of_time(exchange);
    else
        set_timer(pass, due);
}

static void wait_for_more(struct mg_pass *pass)
{
    struct mg_exchange *exchange = pass->exchange;
    uint64_t progress = pass->bytes + (exchange->conn ? mg_conn_confirmed(exchange->conn) : 0);
    if (progress != pass->progress) {
        pass->progress = progress;
        pass->moved = now(pass);
    }
    if (now(pass) - pass->moved < pass->idle) {
        set_timer(pass, now(pass) + pass->idle / 4);
        return;
    }
    mg_answer_log(exchange, MG_STR("the answer was cut: it got no further"));
    mg_exchange_reply(exchange);
}

static void on_timer(struct mg_timer *timer)
{
    struct mg_pass *pass = MG_OWNER(timer, struct mg_pass, timer);
    struct mg_exchange *exchange = pass->exchange;
    if (exchange->state == MG_EXCHANGE_PASSING)
        wait_for_more(pass);
    else if (exchange->state != MG_EXCHANGE_REPLIED && !exchange->ending)
        wait_for_head(pass); // else `after` has the request's time
    mg_exchange_end_if_done(exchange);
}

struct mg_asked *mg_pass_asked(struct mg_pass *pass)
{
    const struct mg_plan_call *plan = pass->exchange->plan->pass;
    pass->asked.plan = plan;
    pass->asked.name = plan->name;
    pass->asked.contract = plan->contract;
    pass->asked.call.arena = &pass->exchange->request->arena;
    return &pass->asked;
}

void mg_pass_attach(struct mg_pass *pass, struct mg_call *call)
{
    call->sink = &pass->sink;
    pass->unwanted = call->kind != MG_CALL_HTTP || call->http.method == MG_HEAD;
    if (!pass->unwanted && pass->supply.length != 0)
        call->http.supply = &pass->supply;
    pass->moved = call->deadline - pass->within; // so much of it the calls before have used
    if (mg_timer_set(&pass->exchange->worker->loop, &pass->timer, call->deadline))
        call->deadline = never;
}

struct mg_pass *mg_pass_new(struct mg_exchange *exchange)
{
    const struct mg_plan *plan = exchange->plan;
    const struct mg_limits *limits = &exchange->generation->edition->config->limits;
    const struct mg_request *request = exchange->request;
    struct mg_pass *pass = MG_ARENA_NEW(&exchange->request->arena, struct mg_pass);
    if (!pass)
        return NULL;
    pass->exchange = exchange;
    pass->sink = (struct mg_sink){on_head, on_data};
    pass->supply = (struct mg_supply){.look = look, .took = took, .length = request->body_length};
    pass->supply.ended = request->body_length == 0;
    pass->timer.run = on_timer;
    pass->batched.run = on_batched;
    pass->idle = plan->idle ? plan->idle : limits->pass_idle;
    pass->within = plan->within ? plan->within : limits->within;
    if (plan->pass->contract.within && plan->pass->contract.within < pass->within)
        pass->within = plan->pass->contract.within;
    return pass;
}

void mg_pass_fini(struct mg_pass *pass)
{
    mg_timer_drop(&pass->exchange->worker->loop, &pass->timer);
    mg_task_drop(&pass->batched);
    mg_buf_fini(&pass->held);
}
