// The request parser over any bytes: the verdict, the request and the body must come out the same
// fed whole, byte by byte and in slices of 7, and what is accepted must hold to the gate.
#include <assert.h>
#include <stdlib.h>

#include "http/request_parser.h"

// What is compared between the three ways of feeding.
struct outcome {
    unsigned complete;
    int refused;
    uint64_t digest;
};

static void mix(struct outcome *outcome, struct mg_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        outcome->digest = (outcome->digest ^ (unsigned char)bytes.data[i]) * 0x100000001b3u;
    outcome->digest = (outcome->digest ^ 0xff) * 0x100000001b3u;
}

static void mix_fields(struct outcome *outcome, const struct mg_headers *headers)
{
    for (unsigned i = 0; i < headers->count; i++) {
        assert(mg_headers_name_ok(headers->items[i].name));
        assert(mg_headers_value_ok(headers->items[i].value));
        mix(outcome, headers->items[i].name);
        mix(outcome, headers->items[i].value);
    }
}

static void mix_head(struct outcome *outcome, const struct mg_request *request)
{
    assert(request->method < MG_METHOD_COUNT);
    assert(request->path.len > 0 && (request->path.data[0] == '/' || request->path.data[0] == '*'));
    assert(request->old || request->host.len > 0);
    mix(outcome, request->target);
    mix(outcome, request->path);
    mix(outcome, request->query);
    mix(outcome, request->host);
    mix(outcome, request->id);
    mix_fields(outcome, &request->headers);
    outcome->digest += (uint64_t)request->method * 8 + request->old * 4u + request->has_body * 2u;
}

// A slice is memory of its own, so that nothing may be kept of it.
static struct mg_str copy(const uint8_t *data, size_t len)
{
    char *bytes = malloc(len);
    assert(bytes);
    memcpy(bytes, data, len);
    return (struct mg_str){bytes, len};
}

struct run {
    struct mg_request_parser *parser;
    struct mg_request *request;
    struct outcome outcome;
    uint64_t body;
    bool closed;
};

static void begin(struct run *run)
{
    mg_request_free(run->request);
    run->request = mg_request_new(NULL);
    assert(run->request);
    mg_request_parser_begin(run->parser, run->request);
    run->body = 0;
}

static void end(struct run *run)
{
    int64_t length = mg_request_parser_length(run->parser);
    assert(length < 0 || (uint64_t)length == run->body);
    mix_fields(&run->outcome, &run->request->trailers);
    run->outcome.complete++;
    run->closed = !mg_request_parser_keep_alive(run->parser);
    begin(run);
}

static void feed(struct run *run, struct mg_str input)
{
    while (!run->closed) {
        struct mg_str data;
        const char *detail;
        switch (mg_request_parser_feed(run->parser, &input, &data)) {
        case MG_PARSE_MORE:
            assert(input.len == 0);
            return;
        case MG_PARSE_HEAD:
            mix_head(&run->outcome, run->request);
            break;
        case MG_PARSE_DATA:
            assert(data.len > 0);
            run->body += data.len;
            for (size_t i = 0; i < data.len; i++)
                run->outcome.digest =
                    (run->outcome.digest ^ (unsigned char)data.data[i]) * 0x100000001b3u;
            break;
        case MG_PARSE_COMPLETE:
            end(run);
            break;
        case MG_PARSE_REFUSED:
            run->outcome.refused = mg_request_parser_refusal(run->parser, &detail);
            assert(run->outcome.refused >= 400 && detail);
            run->closed = true;
        }
    }
}

static struct outcome parse(const struct mg_request_limits *limits, const uint8_t *data, size_t len,
                            size_t slice)
{
    struct run run = {.parser = mg_request_parser_new(limits)};
    assert(run.parser);
    begin(&run);
    for (size_t from = 0; from < len && !run.closed; from += slice) {
        struct mg_str bytes = copy(data + from, slice < len - from ? slice : len - from);
        feed(&run, bytes);
        free((void *)bytes.data);
    }
    mg_request_free(run.request);
    mg_request_parser_free(run.parser);
    return run.outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct mg_request_limits wide = {8192, 16384, 100, 16384, 1024};
    static const struct mg_request_limits narrow = {24, 96, 5, 24, 8};
    if (len == 0)
        return 0;
    for (unsigned i = 0; i < 2; i++) {
        const struct mg_request_limits *limits = i ? &narrow : &wide;
        struct outcome whole = parse(limits, data, len, len);
        for (unsigned j = 0; j < 2; j++) {
            struct outcome cut = parse(limits, data, len, j ? 7 : 1);
            assert(cut.complete == whole.complete && cut.refused == whole.refused &&
                   cut.digest == whole.digest);
        }
    }
    return 0;
}
