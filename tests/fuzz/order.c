// A call to an HTTP service with any path, fields and body, as it goes over the wire: one request,
// whose lines are exactly those that were meant. The input is flags, then with a byte for each
// length the path, the body, and names and values of fields.
#include <assert.h>

#include "backend/http_order.h"
#include "backend/http_request.h"
#include "http/request_parser.h"
#include "text.h"

static struct mg_str take(struct mg_str *text)
{
    struct mg_str len = fuzz_take(text, 1);
    return fuzz_take(text, len.len ? (unsigned char)len.data[0] : 0);
}

// Cuts the line at the front of the head, which ends in CR LF and has no other byte that could end
// a line.
static struct mg_str line(struct mg_str *head)
{
    size_t end = mg_str_find(*head, '\n', 0);
    assert(end < head->len && end > 0 && head->data[end - 1] == '\r');
    struct mg_str one = mg_str_cut(*head, 0, end - 1);
    assert(!memchr(one.data, '\r', one.len) && !memchr(one.data, 0, one.len));
    *head = mg_str_cut(*head, end + 1, head->len);
    return one;
}

static bool is_field(struct mg_str line, struct mg_str name, struct mg_str value)
{
    struct mg_str rest = mg_str_cut(line, mg_headers_name_end(line), line.len);
    return mg_str_eq((struct mg_str){line.data, line.len - rest.len}, name) && rest.len &&
           mg_str_eq(mg_str_trim(mg_str_cut(rest, 1, rest.len)), value);
}

static void check_lines(struct mg_str head, const struct mg_http_order *order)
{
    struct mg_str first = line(&head), word = mg_str_of(mg_method_word(order->method));
    unsigned hosts = 0, framings = 0, fields = 0;
    size_t spaces = 0;
    for (size_t i = 0; i < first.len; i++)
        spaces += first.data[i] == ' ';
    assert(spaces == 2 && mg_str_starts(first, word) && first.data[word.len + 1] == '/');
    assert(mg_str_is(mg_str_cut(first, first.len - 9, first.len), " HTTP/1.1"));
    for (struct mg_str one = line(&head); one.len; one = line(&head)) {
        struct mg_str name = mg_str_cut(one, 0, mg_headers_name_end(one));
        bool host = mg_str_eq_nocase(name, MG_STR("host"));
        bool framing = mg_str_eq_nocase(name, MG_STR("content-length")) ||
                       mg_str_eq_nocase(name, MG_STR("transfer-encoding"));
        hosts += host;
        framings += framing;
        for (; !host && !framing && fields < order->header_count; fields++)
            if (!mg_str_eq_nocase(order->headers[fields].name, MG_STR("host")))
                break;
        assert(host || framing ||
               (fields < order->header_count &&
                is_field(one, order->headers[fields].name, order->headers[fields].value)));
        fields += !host && !framing;
    }
    assert(head.len == 0 && hosts == 1 && framings <= 1);
    assert(framings || !mg_http_request_has_body(order));
}

// Another Moongate, asked this, takes it for one request or refuses it as a whole.
static void check_parse(struct mg_str bytes, const struct mg_http_order *order, struct mg_str body)
{
    static const struct mg_request_limits limits = {1 << 16, 1 << 20, 1000, 1 << 16, 1 << 10};
    struct mg_request_parser *parser = mg_request_parser_new(&limits);
    struct mg_request *request = mg_request_new(NULL);
    struct mg_str data;
    size_t got = 0;
    enum mg_parse parse;
    assert(parser && request);
    mg_request_parser_begin(parser, request);
    while ((parse = mg_request_parser_feed(parser, &bytes, &data)) != MG_PARSE_COMPLETE) {
        assert(parse != MG_PARSE_MORE);
        if (parse == MG_PARSE_REFUSED)
            break;
        if (parse == MG_PARSE_HEAD)
            assert(request->method == order->method);
        else
            got += data.len;
    }
    assert(parse == MG_PARSE_REFUSED || (bytes.len == 0 && got == body.len));
    mg_request_free(request);
    mg_request_parser_free(parser);
}

static void check(const struct mg_http_order *order, struct mg_str body)
{
    struct mg_buf wire = {0};
    bool sends = mg_http_request_has_body(order);
    bool ok = mg_http_request_put(&wire, order, sends ? body.len : 0);
    assert(ok);
    check_lines(mg_buf_str(&wire), order);
    if (sends && order->chunked) {
        if (body.len)
            mg_buf_printf(&wire, "%zx\r\n", body.len);
        mg_buf_put(&wire, body);
        mg_buf_put(&wire, body.len ? MG_STR("\r\n0\r\n\r\n") : MG_STR("0\r\n\r\n"));
    } else if (sends) {
        mg_buf_put(&wire, body);
    }
    check_parse(mg_buf_str(&wire), order, sends ? body : (struct mg_str){0});
    mg_buf_fini(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_arena arena = {0};
    struct mg_str text = {(const char *)data, len};
    struct mg_url base;
    const char *why = NULL;
    if (len < 2)
        return 0;
    mg_url_parse(data[0] & 8 ? MG_STR("http://127.0.0.1:8080/base") : MG_STR("http://users"),
                 &base);
    struct mg_http_ask ask = {.method = (enum mg_method)(data[0] >> 4) % MG_METHOD_COUNT,
                              .has_body = data[0] & 1};
    struct mg_http_order order = {
        .method = ask.method, .has_body = ask.has_body, .chunked = data[0] & 2};
    text = mg_str_cut(text, 1, text.len);
    ask.path = take(&text);
    ask.body = take(&text);
    while (text.len && ask.headers.count < 100) {
        struct mg_str name = take(&text), value = take(&text);
        mg_headers_add(&ask.headers, &arena, name, value);
    }
    if (mg_http_order_fields(&order, &ask, data[0] & 4, &arena, &why) == MG_OK &&
        mg_http_order_site(&order.site, &base, ask.path, &arena, &why) == MG_OK)
        check(&order, ask.body);
    else
        assert(why);
    mg_arena_fini(&arena);
    return 0;
}
