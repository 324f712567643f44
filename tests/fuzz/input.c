// What a client sends against what a route declares: the input's lines are the declaration (or,
// when it is no JSON, a pattern), the query, a header field and the body. Whatever comes, checking
// ends within its steps, every fault is told, and what passes is JSON.
#include <assert.h>

#include "json/write.h"
#include "plan/input.h"
#include "plan/scope.h"
#include "text.h"

enum { depth_most = 40, pattern_most = 100, steps = 5000, text_most = 1 << 10, memory = 1 << 16 };

static const struct mg_rule_limits limits = {steps, text_most, memory};
static const struct mg_str params[] = {{"id", 2}, {"rest", 4}};

// A pattern's verdict does not depend on how many steps were left, as long as they were enough.
static void check_pattern(struct mg_str pattern, struct mg_str text, struct mg_arena *arena)
{
    struct mg_str error;
    struct mg_matcher *matcher = mg_matcher_new(arena);
    struct mg_match *match = mg_match_compile(pattern, arena, &error);
    assert(matcher && (match || error.len));
    if (!match || text.len > text_most)
        return;
    uint64_t left = steps, more = 10 * steps;
    enum mg_match_outcome outcome = mg_match_test(match, matcher, text, &left, memory);
    enum mg_match_outcome again = mg_match_test(match, matcher, text, &more, 10 * memory);
    assert(left <= steps && more <= 10 * steps);
    assert(outcome >= MG_MATCH_STEPS || outcome == again);
}

static struct mg_str as_declaration(struct mg_str pattern, struct mg_arena *arena)
{
    struct mg_buf json = {0};
    mg_buf_put(&json, MG_STR("{\"query\":{\"q\":{\"type\":\"string\",\"match\":"));
    mg_json_put_string(&json, pattern);
    mg_buf_put(&json, MG_STR("},\"r\":{\"type\":\"integer\",\"list\":true,\"optional\":true}}}"));
    struct mg_str kept = mg_arena_copy(arena, mg_buf_str(&json));
    mg_buf_fini(&json);
    assert(kept.data);
    return kept;
}

static void check_values(const struct mg_input *input, const struct mg_scope *scope)
{
    static const char *const places[] = {"params", "query", "headers", "body"};
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct mg_str name, json;
        for (unsigned at = 0; mg_input_field(input, scope, places[i], at, &name, &json); at++) {
            assert(!json.len || mg_json_valid(json, MG_JSON_DEPTH_MOST, NULL));
            seen++;
        }
    }
    assert(seen == mg_input_count(input));
}

static void run(const struct mg_input *input, struct mg_request *request)
{
    struct mg_scope scope = {
        .request = request, .arena = &request->arena, .fields_most = 20, .input = input};
    struct mg_buf errors = {0};
    struct mg_str log;
    bool good = mg_input_check(input, &scope, &errors, &log);
    assert(good == (errors.len == 0));
    if (good)
        check_values(input, &scope);
    else
        assert(mg_json_valid(mg_buf_str(&errors), MG_JSON_DEPTH_MOST, NULL) &&
               errors.data[0] == '[');
    mg_buf_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_arena arena = {0};
    struct mg_input_error error = {0};
    struct mg_str text = {len ? (const char *)data : "", len};
    struct mg_str json = fuzz_line(&text);
    struct mg_request *request = mg_request_new(NULL);
    assert(request);
    request->query = fuzz_line(&text);
    struct mg_str field = fuzz_line(&text);
    if (!mg_json_valid(json, depth_most, NULL) ||
        mg_json_type(mg_json_trim(json)) != MG_JSON_OBJECT) {
        struct mg_str pattern = mg_str_cut(json, 0, json.len < pattern_most ? json.len : 0);
        check_pattern(pattern, field, &arena);
        json = as_declaration(pattern, &arena);
    }
    struct mg_input *input =
        mg_input_compile(mg_json_trim(json), params, 2, &limits, &arena, &error);
    assert(input || error.message.len);
    if (input) {
        struct mg_param given[] = {{params[0], request->query}, {params[1], field}};
        request->params = given;
        request->param_count = 2;
        mg_buf_put(&request->body, text);
        mg_headers_add(&request->headers, &request->arena, MG_STR("X-H"), field);
        mg_headers_add(&request->headers, &request->arena, MG_STR("Content-Type"),
                       MG_STR("application/json"));
        run(input, request);
    }
    mg_request_free(request);
    mg_arena_fini(&arena);
    return 0;
}
