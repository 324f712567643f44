// The response parser over any bytes: the verdict, the response and the body must come out the same
// fed whole, byte by byte and in slices of 7, and what is accepted must hold to the gate. The first
// byte chooses what was asked.
#include <assert.h>
#include <stdlib.h>

#include "http/response_parser.h"

// What is compared between the three ways of feeding.
struct outcome {
    unsigned complete;
    enum mg_status error;
    const char *message;
    uint64_t digest;
};

struct run {
    struct mg_response_parser *parser;
    struct mg_response *response;
    struct outcome outcome;
    struct mg_framing framing;
    uint64_t body;
    size_t header_most;
    bool to_head, closed;
};

static void mix(struct run *run, struct mg_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        run->outcome.digest = (run->outcome.digest ^ (unsigned char)bytes.data[i]) * 0x100000001b3u;
}

static void begin(struct run *run)
{
    mg_response_parser_begin(run->parser, run->to_head, run->header_most);
    run->body = 0;
}

static void take_head(struct run *run)
{
    struct mg_response *response = run->response;
    struct mg_headers headers = {response->fields, response->count, response->count};
    assert(response->status >= 200 && response->status <= 599);
    assert(response->count <= MG_RESPONSE_FIELDS_MOST);
    assert(!mg_response_gate_framing(&headers, &run->framing));
    for (unsigned i = 0; i < response->count; i++) {
        assert(mg_headers_name_ok(headers.items[i].name));
        assert(mg_headers_value_ok(headers.items[i].value));
        mix(run, headers.items[i].name);
        mix(run, headers.items[i].value);
    }
    run->outcome.digest += (uint64_t)response->status;
    if (run->to_head || response->status == 204 || response->status == 304)
        run->framing = (struct mg_framing){.has_length = true};
}

static void end(struct run *run)
{
    assert(!run->framing.has_length || run->framing.length == run->body);
    run->outcome.complete++;
    run->closed = !mg_response_parser_keep_alive(run->parser);
    assert(run->closed || run->framing.has_length || run->framing.chunked);
    begin(run);
}

static void fail(struct run *run)
{
    run->outcome.error = mg_response_parser_error(run->parser, &run->outcome.message);
    assert(run->outcome.error != MG_OK && run->outcome.message);
    run->closed = true;
}

static void feed(struct run *run, struct mg_str input)
{
    while (!run->closed) {
        switch (mg_response_parser_feed(run->parser, &input, run->response)) {
        case MG_PARSE_MORE:
            assert(input.len == 0);
            return;
        case MG_PARSE_HEAD:
            take_head(run);
            break;
        case MG_PARSE_DATA:
            assert(run->response->data.len > 0);
            run->body += run->response->data.len;
            mix(run, run->response->data);
            break;
        case MG_PARSE_COMPLETE:
            end(run);
            if (input.len == 0)
                return;
            break;
        case MG_PARSE_REFUSED:
            fail(run);
        }
    }
}

// A slice is memory of its own, so that nothing may be kept of it.
static struct mg_str copy(const uint8_t *data, size_t len)
{
    char *bytes = malloc(len);
    assert(bytes);
    memcpy(bytes, data, len);
    return (struct mg_str){bytes, len};
}

static struct outcome parse(struct run run, const uint8_t *data, size_t len, size_t slice)
{
    run.parser = mg_response_parser_new();
    assert(run.parser);
    begin(&run);
    for (size_t from = 0; from < len && !run.closed; from += slice) {
        struct mg_str bytes = copy(data + from, slice < len - from ? slice : len - from);
        feed(&run, bytes);
        free((void *)bytes.data);
    }
    if (!run.closed && mg_response_parser_finish(run.parser))
        end(&run);
    else if (!run.closed)
        fail(&run);
    mg_response_parser_free(run.parser);
    return run.outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct mg_response response;
    if (len < 2)
        return 0;
    struct run run = {
        .response = &response, .to_head = data[0] & 1, .header_most = data[0] & 2 ? 64 : 65536};
    struct outcome whole = parse(run, data + 1, len - 1, len);
    for (unsigned i = 0; i < 2; i++) {
        struct outcome cut = parse(run, data + 1, len - 1, i ? 7 : 1);
        assert(cut.complete == whole.complete && cut.error == whole.error &&
               cut.message == whole.message && cut.digest == whole.digest);
    }
    return 0;
}
