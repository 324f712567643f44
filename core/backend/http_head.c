#include "backend/http_head.h"

static bool wrong(struct mg_http_head *head, enum mg_status error, const char *message)
{
    head->error = error;
    head->message = message;
    return false;
}

void mg_http_head_begin(struct mg_http_head *head, size_t most)
{
    struct mg_buf lines = head->lines;
    mg_buf_clear(&lines);
    *head = (struct mg_http_head){.left = most, .lines = lines};
}

void mg_http_head_fini(struct mg_http_head *head)
{
    mg_buf_fini(&head->lines);
}

// "HTTP/1.1 200 OK": 1.0 or 1.1, and three digits (RFC 9112 §4).
static bool parse_status(struct mg_str line, int *status)
{
    uint64_t code;
    if (line.len < 12 || memcmp(line.data, "HTTP/1.", 7) != 0 ||
        (line.data[7] != '0' && line.data[7] != '1') || line.data[8] != ' ' ||
        !mg_str_uint(mg_str_cut(line, 9, 12), &code) || (line.len > 12 && line.data[12] != ' '))
        return false;
    *status = (int)code;
    return code >= 100 && code <= 599 && code != 101; // no upgrade was asked for
}

static struct mg_str without_end(struct mg_str line)
{
    if (line.len && line.data[line.len - 1] == '\n')
        line.len--;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool keep_line(struct mg_http_head *head, struct mg_str line)
{
    if (line.data[0] == ' ' || line.data[0] == '\t') // obsolete folding (RFC 9112 §5.2)
        return wrong(head, MG_MALFORMED, "the answer has a folded header field");
    if (!mg_buf_put(&head->lines, line) || !mg_buf_put_char(&head->lines, '\n'))
        return wrong(head, MG_NO_MEMORY, "no memory");
    return true;
}

bool mg_http_head_line(struct mg_http_head *head, struct mg_str line)
{
    if (line.len > head->left)
        return wrong(head, MG_TOO_LARGE, "the answer's header is too large");
    head->left -= line.len;
    if (head->whole)
        return true;
    line = without_end(line);
    if (!head->status || (head->status < 200 && mg_str_starts(line, MG_STR("HTTP/")))) {
        if (!parse_status(line, &head->status))
            return wrong(head, MG_MALFORMED, "the answer's status line is not HTTP/1.1");
        return true;
    }
    if (head->status < 200)
        return true;
    head->whole = line.len == 0;
    return head->whole || keep_line(head, line);
}

static const char *parse_field(struct mg_str line, struct mg_header *field)
{
    size_t colon = mg_str_find(line, ':', 0);
    field->name = mg_str_cut(line, 0, colon);
    if (colon == line.len || !mg_headers_name_ok(field->name))
        return "the answer has a header field without a proper name";
    field->value = mg_str_trim(mg_str_cut(line, colon + 1, line.len));
    return mg_headers_value_ok(field->value) ? NULL
                                             : "the answer has a header value with control bytes";
}

bool mg_http_head_parse(struct mg_http_head *head, struct mg_header items[MG_HTTP_FIELDS_MOST],
                        unsigned *count)
{
    struct mg_str text = mg_buf_str(&head->lines);
    *count = 0;
    for (size_t from = 0, to; from < text.len; from = to + 1) {
        to = mg_str_find(text, '\n', from);
        if (*count == MG_HTTP_FIELDS_MOST)
            return wrong(head, MG_TOO_LARGE, "the answer has too many header fields");
        const char *fault = parse_field(mg_str_cut(text, from, to), &items[(*count)++]);
        if (fault)
            return wrong(head, MG_MALFORMED, fault);
    }
    return true;
}
