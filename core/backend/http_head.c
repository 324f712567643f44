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

// A line that the connection's end has cut has no line end. False for a bare LF.
static bool cut_end(struct mg_str *line)
{
    if (line->len && line->data[line->len - 1] == '\n') {
        line->len--;
        if (!line->len || line->data[line->len - 1] != '\r')
            return false;
    }
    if (line->len && line->data[line->len - 1] == '\r')
        line->len--;
    return true;
}

static bool keep_line(struct mg_http_head *head, struct mg_str line)
{
    if (!mg_buf_put(&head->lines, line) || !mg_buf_put_char(&head->lines, '\n'))
        return wrong(head, MG_NO_MEMORY, "no memory");
    return true;
}

static bool too_many(struct mg_http_head *head)
{
    return wrong(head, MG_TOO_LARGE, "the answer has too many header fields");
}

// Of a 1xx head, or of the trailers: it is checked and dropped.
static bool check_line(struct mg_http_head *head, struct mg_str line)
{
    struct mg_header field;
    const char *fault = line.len ? mg_response_gate_field(line, &field) : NULL;
    return !fault || wrong(head, MG_MALFORMED, fault);
}

// Of a 1xx head. Behind its empty line the next head begins.
static bool skip_line(struct mg_http_head *head, struct mg_str line)
{
    if (!line.len) {
        head->status = 0;
        head->skipped = 0;
        return true;
    }
    return ++head->skipped <= MG_RESPONSE_FIELDS_MOST ? check_line(head, line) : too_many(head);
}

bool mg_http_head_line(struct mg_http_head *head, struct mg_str line)
{
    if (line.len > head->left)
        return wrong(head, MG_TOO_LARGE, "the answer's header is too large");
    head->left -= line.len;
    if (!cut_end(&line))
        return wrong(head, MG_MALFORMED, "the answer has a line end that is not CR LF");
    if (head->whole)
        return check_line(head, line);
    if (!head->status) {
        const char *fault = mg_response_gate_status(line, &head->status);
        return !fault || wrong(head, MG_MALFORMED, fault);
    }
    if (head->status < 200)
        return skip_line(head, line);
    head->whole = line.len == 0;
    return head->whole || keep_line(head, line);
}

bool mg_http_head_parse(struct mg_http_head *head, struct mg_header items[MG_RESPONSE_FIELDS_MOST],
                        unsigned *count)
{
    struct mg_str text = mg_buf_str(&head->lines);
    *count = 0;
    for (size_t from = 0, to; from < text.len; from = to + 1) {
        to = mg_str_find(text, '\n', from);
        if (*count == MG_RESPONSE_FIELDS_MOST)
            return too_many(head);
        const char *fault = mg_response_gate_field(mg_str_cut(text, from, to), &items[(*count)++]);
        if (fault)
            return wrong(head, MG_MALFORMED, fault);
    }
    return true;
}
