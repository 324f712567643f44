// An answer's head as libcurl hands it over, line by line, against the same bytes in the parser of
// responses: both ways to a service take the same heads, and read the same from them. Only llhttp
// may refuse more: it has no tabs behind a Content-Length, or behind chunked.
#include <assert.h>

#include "backend/http_head.h"
#include "http/response_parser.h"

enum { head_most = 1 << 16 };

static struct mg_response response;
static struct mg_header items[MG_RESPONSE_FIELDS_MOST];

// Lines as libcurl cuts them: each ends with LF. True: a whole head came that is taken.
static bool by_line(struct mg_http_head *head, struct mg_str text, unsigned *count)
{
    struct mg_headers headers = {items, 0, MG_RESPONSE_FIELDS_MOST};
    struct mg_framing framing;
    mg_http_head_begin(head, head_most);
    while (text.len && !head->whole) {
        size_t end = mg_str_find(text, '\n', 0);
        if (end == text.len || !mg_http_head_line(head, mg_str_cut(text, 0, end + 1)))
            return false;
        text = mg_str_cut(text, end + 1, text.len);
    }
    if (!head->whole || !mg_http_head_parse(head, items, count))
        return false;
    headers.count = *count;
    return !mg_response_gate_framing(&headers, &framing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_str text = {len ? (const char *)data : "", len}, rest = text;
    struct mg_http_head head = {0};
    struct mg_response_parser *parser = mg_response_parser_new();
    unsigned count = 0;
    assert(parser);
    mg_response_parser_begin(parser, true, head_most);
    bool taken = mg_response_parser_feed(parser, &rest, &response) == MG_PARSE_HEAD;
    bool also = by_line(&head, text, &count);
    const char *message = "";
    if (also && !taken)
        mg_response_parser_error(parser, &message);
    assert(taken == also ||
           (also && (mg_str_is(mg_str_of(message), "the answer's header is not valid") ||
                     mg_str_is(mg_str_of(message), "the answer's body is not framed clearly"))));
    if (taken) {
        assert(head.status == response.status && count == response.count);
        for (unsigned i = 0; i < count; i++)
            assert(mg_str_eq(items[i].name, response.fields[i].name) &&
                   mg_str_eq(items[i].value, response.fields[i].value));
    }
    mg_http_head_fini(&head);
    mg_response_parser_free(parser);
    return 0;
}
