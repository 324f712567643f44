// Plans compiled from any JSON and filled from any request and results. The input's lines are a
// route's canonical JSON (what is no JSON becomes a reply's template), the request's query, its
// body; the rest is what every call gave. Whatever comes out must hold: JSON is valid, headers have
// no control bytes, and no value has made a path segment that is empty, "." or "..".
#include <assert.h>

#include "json/write.h"
#include "plan/fill.h"
#include "text.h"

enum { depth_most = 40 }; // so that what is spliced into what stays below MG_JSON_DEPTH_MOST

static const struct mg_str params[] = {{"id", 2}, {"rest", 4}};

// The bytes as a string in a route that is nothing but a template.
static struct mg_str as_template(struct mg_str bytes, struct mg_arena *arena)
{
    struct mg_buf json = {0};
    mg_buf_put(&json, MG_STR("{\"path\":\"/{id}/{rest...}\",\"reply\":{\"template\":[{\"k\":"));
    mg_json_put_string(&json, bytes);
    mg_buf_put(&json, MG_STR("}]}}"));
    struct mg_str kept = mg_arena_copy(arena, mg_buf_str(&json));
    mg_buf_fini(&json);
    assert(kept.data);
    return kept;
}

static void check_json(const struct mg_str *pieces, unsigned count)
{
    struct mg_buf json = {0};
    for (unsigned i = 0; i < count; i++)
        mg_buf_put(&json, pieces[i]);
    assert(json.failed == MG_OK && mg_json_valid(mg_buf_str(&json), MG_JSON_DEPTH_MOST, NULL));
    mg_buf_fini(&json);
}

static void check_http(const struct mg_plan_call *plan, const struct mg_http_ask *ask)
{
    for (unsigned i = 0; i < ask->headers.count; i++)
        assert(mg_headers_value_ok(ask->headers.items[i].value));
    assert(ask->has_body == (plan->body_kind != MG_PLAN_NO_BODY));
    if (plan->body_kind == MG_PLAN_JSON)
        check_json(&ask->body, 1);
    const struct mg_piece *piece = plan->path.pieces;
    struct mg_str path = mg_str_cut(ask->path, 0, mg_str_find(ask->path, '?', 0));
    if (plan->path.count != 2 || !mg_str_is(piece[0].text, "/") || piece[1].literal)
        return;
    bool rest = piece[1].reference.rest; // "/{id}" or "/{rest}"
    for (size_t from = 1; from <= path.len;) {
        size_t end = mg_str_find(path, '/', from);
        struct mg_str segment = mg_str_cut(path, from, end);
        assert(segment.len || (rest && end == path.len));
        assert(!mg_str_is(segment, ".") && !mg_str_is(segment, ".."));
        assert(rest || end == path.len);
        from = end + 1;
    }
}

// What fills an argument makes no other.
static void check_redis(const struct mg_plan_call *plan, const struct mg_redis_ask *ask)
{
    assert(ask->count == plan->command_count && ask->count && ask->atomic == plan->atomic);
    for (unsigned i = 0; i < ask->count; i++) {
        assert(ask->commands[i].count == plan->commands[i].count);
        assert(ask->commands[i].words[0].len);
    }
}

static void fill_calls(const struct mg_plan *plan, struct mg_scope *scope)
{
    for (unsigned i = 0; i < plan->count; i++) {
        struct mg_call call = {0};
        struct mg_fill_fault fault = {0};
        const struct mg_plan_call *its = &plan->calls[i];
        if (its->each) { // whatever the list is, its element is the request's body
            struct mg_value list = mg_scope_value(scope, mg_template_single(&its->each->list));
            if (list.kind == MG_VALUE_JSON)
                check_json(&list.bytes, 1);
            scope->each = mg_scope_body(scope) == MG_SCOPE_SOUND ? scope->body : MG_STR("null");
            its = &its->each->call;
        }
        enum mg_fill fill = mg_fill_call(its, scope, &call, &fault);
        assert(fill != MG_FILL_MEMORY);
        if (fill != MG_FILL_OK)
            assert(fault.why);
        else if (call.kind == MG_CALL_HTTP)
            check_http(its, &call.http);
        else if (call.kind == MG_CALL_REDIS)
            check_redis(its, &call.redis);
        else if (call.kind == MG_CALL_VALUE)
            check_json(&call.value.json, 1);
    }
}

static void fill_reply(const struct mg_plan *plan, struct mg_scope *scope)
{
    struct mg_str *pieces;
    unsigned count;
    bool ok = mg_fill_merged(plan, scope, &pieces, &count);
    assert(ok);
    check_json(pieces, count);
    if (plan->reply_kind != MG_PLAN_REPLY_TEMPLATE || !plan->reply.count)
        return;
    ok = mg_fill_reply(&plan->reply, scope, &pieces, &count);
    assert(ok);
    check_json(pieces, count);
}

// Each call ends another way, in turn: with a body, without one, accepted without one.
static void land(struct mg_call *call, unsigned index, struct mg_str body)
{
    bool json = mg_json_valid(body, depth_most, NULL);
    call->result = (struct mg_result){
        .landed = true,
        .error = index % 3 == 1 ? MG_TIMEOUT : MG_OK,
        .status = index % 3 == 1 ? 0 : 200,
        .form = json || index % 3 == 2 ? MG_BODY_JSON : MG_BODY_TEXT,
        .body = index % 3 == 0 ? body : (struct mg_str){0},
    };
}

static void run(const struct mg_plan *plan, struct mg_request *request, struct mg_str body)
{
    struct mg_arena *arena = &request->arena;
    struct mg_call *calls = mg_arena_zero(arena, plan->count + 1, sizeof *calls);
    struct mg_call **list = mg_arena_zero(arena, plan->count + 1, sizeof *list);
    struct mg_buf errors = {0};
    struct mg_scope scope = {.request = request, .arena = arena, .fields_most = 20, .calls = list};
    assert(calls && list);
    for (unsigned i = 0; i < plan->count; i++) {
        list[i] = &calls[i];
        land(list[i], i, body);
    }
    struct mg_str log;
    bool good = !plan->input || mg_input_check(plan->input, &scope, &errors, &log);
    if (errors.len)
        check_json(&(struct mg_str){errors.data, errors.len}, 1);
    assert(good == (errors.len == 0));
    mg_buf_fini(&errors);
    if (!good)
        return;
    fill_calls(plan, &scope);
    fill_reply(plan, &scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_arena arena = {0};
    struct mg_plan_backend backends[] = {
        {.kind = MG_CALL_HTTP, .name = MG_STR("users")},
        {.kind = MG_CALL_FILE, .name = MG_STR("pages")},
        {.kind = MG_CALL_REDIS, .name = MG_STR("cache")},
        {.kind = MG_CALL_SQL, .name = MG_STR("shop")},
    };
    const struct mg_plan_gateway gateway = {
        .backends = backends,
        .backend_count = 4,
        .limits = {.match = 10000, .match_text = 1 << 10, .match_memory = 1 << 16},
    };
    struct mg_str text = {len ? (const char *)data : "", len};
    struct mg_plan_error error;
    bool ok = mg_plan_headers(MG_STR("{\"x-h\":\"a{headers.x-h}\"}"), &backends[0].headers,
                              &backends[0].header_count, &arena, &error);
    assert(ok);
    struct mg_str json = fuzz_line(&text);
    if (!mg_json_valid(json, depth_most, NULL))
        json = as_template(json, &arena);
    struct mg_plan *plan = mg_plan_compile(json, params, 2, &gateway, &arena, &error);
    assert(plan || error.message.len);
    struct mg_request *request = mg_request_new(NULL);
    assert(request);
    request->query = fuzz_line(&text);
    struct mg_str body = fuzz_line(&text);
    if (plan && (body.len == 0 || !mg_json_valid(body, MG_JSON_DEPTH_MOST, NULL) ||
                 mg_json_valid(body, depth_most, NULL))) {
        mg_buf_put(&request->body, body);
        struct mg_param given[] = {{params[0], request->query}, {params[1], body}};
        request->params = given;
        request->param_count = 2;
        mg_headers_add(&request->headers, &request->arena, MG_STR("X-H"), body);
        mg_headers_add(&request->headers, &request->arena, MG_STR("Cookie"), request->query);
        run(plan, request, text);
    }
    mg_request_free(request);
    mg_arena_fini(&arena);
    return 0;
}
