// What a script says of a reply, any bytes of it, written as a head: it is one head, of which no
// byte is raw, and the parser of responses reads the same status and fields from it. The input is
// flags, the status in two bytes, then fields: a byte for each length, the name and the value.
#include <assert.h>

#include "http/reply_writer.h"
#include "http/response_parser.h"
#include "text.h"

// What may be said by a reply, and is not the connection's to say.
static bool sound(const struct mg_header *field)
{
    static const char *const own[] = {"connection", "content-length", "date", "transfer-encoding"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (mg_str_eq_nocase(field->name, mg_str_of(own[i])))
            return false;
    return mg_headers_name_ok(field->name) && mg_headers_value_ok(field->value);
}

static void check_bytes(struct mg_str head)
{
    for (size_t i = 0; i < head.len; i++) {
        assert(head.data[i]);
        assert(head.data[i] != '\r' || (i + 1 < head.len && head.data[i + 1] == '\n'));
        assert(head.data[i] != '\n' || (i > 0 && head.data[i - 1] == '\r'));
        assert(i + 4 >= head.len || memcmp(head.data + i, "\r\n\r\n", 4) != 0);
    }
    assert(head.len > 4 && memcmp(head.data + head.len - 4, "\r\n\r\n", 4) == 0);
}

static void check_fields(const struct mg_reply *reply, const struct mg_response *response)
{
    unsigned at = 1; // behind Date
    assert(mg_str_is(response->fields[0].name, "Date"));
    for (unsigned i = 0; i < reply->headers.count; i++) {
        const struct mg_header *field = &reply->headers.items[i];
        if (!sound(field))
            continue;
        assert(at < response->count && mg_str_eq(response->fields[at].name, field->name));
        assert(mg_str_eq(response->fields[at].value, mg_str_trim(field->value)));
        at++;
    }
    for (; at < response->count; at++) // of the framing, and nobody else's
        assert(mg_str_is(response->fields[at].name, "Connection") ||
               mg_str_is(response->fields[at].name, "Content-Length") ||
               mg_str_is(response->fields[at].name, "Transfer-Encoding"));
}

// The body is as long as was said.
static void check_body(struct mg_response_parser *parser, struct mg_response *response,
                       const struct mg_reply_framing *framing, int status)
{
    struct mg_str body = MG_STR("123456789");
    enum mg_parse parse;
    bool bodiless = framing->head || status == 204 || status == 304;
    bool chunked = framing->chunked && !framing->old && !bodiless;
    bool until_close = framing->chunked && framing->old && !bodiless;
    if (chunked)
        body = MG_STR("3\r\nabc\r\n0\r\n\r\n");
    else if (!until_close)
        body.len = bodiless ? 0 : framing->length;
    do
        parse = mg_response_parser_feed(parser, &body, response);
    while (parse == MG_PARSE_DATA);
    assert(body.len == 0);
    assert(parse == (until_close ? MG_PARSE_MORE : MG_PARSE_COMPLETE));
    if (until_close)
        assert(mg_response_parser_finish(parser));
    else
        assert(mg_response_parser_keep_alive(parser) == framing->keep_alive);
}

static void check(struct mg_buf *head, const struct mg_reply *reply,
                  const struct mg_reply_framing *framing)
{
    static struct mg_response response;
    struct mg_response_parser *parser = mg_response_parser_new();
    int status = reply->status >= 200 && reply->status <= 599 ? reply->status : 500;
    struct mg_str input = mg_buf_str(head);
    assert(parser);
    mg_response_parser_begin(parser, framing->head, SIZE_MAX);
    enum mg_parse parse = mg_response_parser_feed(parser, &input, &response);
    assert(parse == MG_PARSE_HEAD && input.len == 0 && response.status == status);
    check_fields(reply, &response);
    check_body(parser, &response, framing, status);
    mg_response_parser_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_arena arena = {0};
    struct mg_buf head = {0};
    struct mg_str text = {(const char *)data, len};
    if (len < 3)
        return 0;
    struct mg_reply reply = {.status = data[1] << 8 | data[2]};
    struct mg_reply_framing framing = {.keep_alive = data[0] & 1,
                                       .old = data[0] & 2,
                                       .head = data[0] & 4,
                                       .chunked = data[0] & 8,
                                       .length = data[0] >> 4 & 7,
                                       .date = MG_STR("Sun, 06 Nov 1994 08:49:37 GMT")};
    bool all = reply.status >= 200 && reply.status <= 599;
    for (fuzz_take(&text, 3); text.len > 2 && reply.headers.count < 100;) {
        struct mg_str lens = fuzz_take(&text, 2);
        struct mg_header field;
        field.name = fuzz_take(&text, (unsigned char)lens.data[0]);
        field.value = fuzz_take(&text, (unsigned char)lens.data[1]);
        mg_headers_add(&reply.headers, &arena, field.name, field.value);
        all = all && sound(&field);
    }
    bool written = mg_reply_write_head(&head, &reply, &framing);
    assert(written == all);
    check_bytes(mg_buf_str(&head));
    check(&head, &reply, &framing);
    mg_buf_fini(&head);
    mg_arena_fini(&arena);
    return 0;
}
