#include "http/response_parser.h"

#include <stdlib.h>

#include "http/line.h"
#include "http/message.h"

enum { EXTENSIONS_MOST = 1024 }; // bytes of chunk extensions per response

// A head goes through the gate as a whole, then llhttp gets it.
struct mg_response_parser {
    struct mg_message message;
    struct mg_buf head;  // a head that comes in pieces, and then what its fields borrow from
    size_t line_at;      // where its line begins that has not ended yet
    size_t left;         // bytes that heads and trailers may still have
    struct mg_line line; // of a chunk or trailer that comes in pieces
    enum mg_status error;
    const char *why;
    bool to_head;
};

struct mg_response_parser *mg_response_parser_new(void)
{
    struct mg_response_parser *parser = calloc(1, sizeof *parser);
    if (parser)
        mg_response_parser_begin(parser, false, 0);
    return parser;
}

void mg_response_parser_free(struct mg_response_parser *parser)
{
    if (!parser)
        return;
    mg_buf_fini(&parser->head);
    mg_line_fini(&parser->line);
    free(parser);
}

void mg_response_parser_begin(struct mg_response_parser *parser, bool to_head, size_t header_most)
{
    mg_buf_fini(&parser->head);
    mg_line_fini(&parser->line);
    *parser = (struct mg_response_parser){.to_head = to_head, .left = header_most};
    mg_message_begin(&parser->message, HTTP_RESPONSE);
}

static bool refuse(struct mg_response_parser *parser, enum mg_status error, const char *message)
{
    parser->error = error;
    parser->why = message;
    parser->message.part = MG_PART_REFUSED;
    return false;
}

static bool malformed(struct mg_response_parser *parser, const char *message)
{
    return refuse(parser, MG_MALFORMED, message);
}

static bool too_large(struct mg_response_parser *parser)
{
    return refuse(parser, MG_TOO_LARGE, "the answer's header is too large");
}

static bool misframed(struct mg_response_parser *parser)
{
    return malformed(parser, "the answer's body is not framed as announced");
}

// Every head but the first is behind a 1xx response.
static void begin_head(struct mg_response_parser *parser)
{
    mg_buf_fini(&parser->head);
    parser->line_at = 0;
    parser->message.part = MG_PART_HEAD;
}

static bool check_first_line(struct mg_response_parser *parser, struct mg_str line)
{
    const char *why = mg_response_gate_status(line, &parser->message.status);
    return !why || malformed(parser, why);
}

// Goes over the lines of `text` that have ended since the last look. *end: where the head ends, or
// 0. A line end that others may see and we do not is where splitting begins: a bare LF is refused
// as it comes, a bare CR by the gate.
static bool find_end(struct mg_response_parser *parser, struct mg_str text, size_t searched,
                     size_t *end)
{
    *end = 0;
    size_t most = text.len < 7 ? text.len : 7;
    if (parser->line_at == 0 && most > 0 && memcmp(text.data, "HTTP/1.", most) != 0)
        return check_first_line(parser, text);
    for (size_t at; (at = mg_str_find(text, '\n', searched)) < text.len; searched = at + 1) {
        if (at == 0 || text.data[at - 1] != '\r')
            return malformed(parser, "the answer has a line end that is not CR LF");
        struct mg_str line = mg_str_cut(text, parser->line_at, at - 1);
        if (parser->line_at == 0 && !check_first_line(parser, line))
            return false;
        parser->line_at = at + 1;
        if (line.len > 0)
            continue;
        *end = at + 1;
        break;
    }
    return true;
}

static bool cut_fields(struct mg_response_parser *parser, struct mg_str text,
                       struct mg_response *response)
{
    response->status = parser->message.status;
    response->count = 0;
    size_t from = mg_str_find(text, '\n', 0) + 1;
    for (size_t to; (to = mg_str_find(text, '\n', from)) - from > 1; from = to + 1) {
        if (response->count == MG_RESPONSE_FIELDS_MOST)
            return refuse(parser, MG_TOO_LARGE, "the answer has too many header fields");
        const char *why = mg_response_gate_field(mg_str_cut(text, from, to - 1),
                                                 &response->fields[response->count++]);
        if (why)
            return malformed(parser, why);
    }
    return true;
}

static bool take_whole_head(struct mg_response_parser *parser, struct mg_str text,
                            struct mg_response *response)
{
    struct mg_message *message = &parser->message;
    if (!cut_fields(parser, text, response))
        return false;
    if (message->status < 200) {
        begin_head(parser);
        return true;
    }
    struct mg_headers headers = {response->fields, response->count, response->count};
    const char *why = mg_response_gate_framing(&headers, &message->framing);
    if (why)
        return malformed(parser, why);
    message->bodiless = parser->to_head || message->status == 204 || message->status == 304;
    if (!mg_message_show(message, text))
        return malformed(parser, "the answer's header is not valid");
    return mg_message_enter_body(message) ||
           malformed(parser, "the answer's body is not framed clearly");
}

// A head that lies in the input as a whole is not copied.
static bool take_head(struct mg_response_parser *parser, struct mg_str *input,
                      struct mg_response *response)
{
    size_t had = parser->head.len, room = parser->left - had, end;
    struct mg_str window = mg_str_cut(*input, 0, input->len < room ? input->len : room);
    struct mg_str text = window;
    if (had > 0) {
        if (!mg_buf_put(&parser->head, window))
            return refuse(parser, MG_NO_MEMORY, "no memory");
        text = mg_buf_str(&parser->head);
    }
    if (!find_end(parser, text, had, &end))
        return false;
    if (end == 0) {
        if (text.len >= parser->left)
            return too_large(parser);
        if (had == 0 && !mg_buf_put(&parser->head, window))
            return refuse(parser, MG_NO_MEMORY, "no memory");
        *input = mg_str_cut(*input, window.len, input->len);
        return true;
    }
    parser->left -= end;
    *input = mg_str_cut(*input, end - had, input->len);
    return take_whole_head(parser, mg_str_cut(text, 0, end), response);
}

static bool take_chunk_size(struct mg_response_parser *parser, struct mg_str text)
{
    if (mg_message_take_size(&parser->message, text, EXTENSIONS_MOST).status ||
        parser->message.left > INT64_MAX)
        return misframed(parser);
    return true;
}

// Trailers are checked and dropped, unseen by llhttp: there they might still change the framing.
static bool take_trailer(struct mg_response_parser *parser, struct mg_str text)
{
    struct mg_header field;
    if (text.len > 0) {
        parser->left -= text.len + MG_LINE_END_LEN;
        const char *why = mg_response_gate_field(text, &field);
        return !why || malformed(parser, why);
    }
    return mg_message_take_trailers_end(&parser->message) || misframed(parser);
}

// How long the line may be that comes next, with its CR LF.
static size_t line_most(const struct mg_response_parser *parser)
{
    if (parser->message.part == MG_PART_TRAILERS)
        return parser->left + MG_LINE_END_LEN;
    return mg_message_line_most(&parser->message, EXTENSIONS_MOST);
}

static bool take_line(struct mg_response_parser *parser, struct mg_str *input)
{
    struct mg_str text;
    switch (mg_line_take(&parser->line, input, line_most(parser), &text)) {
    case MG_LINE_MORE:
        return true;
    case MG_LINE_NO_MEMORY:
        return refuse(parser, MG_NO_MEMORY, "no memory");
    case MG_LINE_LONG:
        return parser->message.part == MG_PART_TRAILERS ? too_large(parser) : misframed(parser);
    case MG_LINE_BAD:
        return misframed(parser);
    case MG_LINE_WHOLE:
        break;
    }
    if (parser->message.part == MG_PART_CHUNK_SIZE)
        return take_chunk_size(parser, text);
    if (parser->message.part == MG_PART_TRAILERS)
        return take_trailer(parser, text);
    return mg_message_take_chunk_end(&parser->message) || misframed(parser);
}

enum mg_parse mg_response_parser_feed(struct mg_response_parser *parser, struct mg_str *input,
                                      struct mg_response *response)
{
    struct mg_message *message = &parser->message;
    if (message->part != MG_PART_HEAD && parser->head.cap)
        mg_buf_fini(&parser->head);
    while (message->part < MG_PART_COMPLETE) {
        bool taken;
        if (input->len == 0)
            return MG_PARSE_MORE;
        if (message->part == MG_PART_HEAD) {
            taken = take_head(parser, input, response);
            if (taken && message->part != MG_PART_HEAD)
                return MG_PARSE_HEAD;
        } else if (message->part <= MG_PART_REST || message->part == MG_PART_CHUNK_DATA) {
            taken = mg_message_take_data(message, input, &response->data) || misframed(parser);
            if (taken)
                return MG_PARSE_DATA;
        } else {
            taken = take_line(parser, input);
        }
        if (!taken)
            break;
    }
    return message->part == MG_PART_COMPLETE ? MG_PARSE_COMPLETE : MG_PARSE_REFUSED;
}

bool mg_response_parser_finish(struct mg_response_parser *parser)
{
    if (mg_message_finish(&parser->message))
        return true;
    if (parser->message.part != MG_PART_REFUSED)
        refuse(parser, MG_RESET, "the connection was closed before the answer was whole");
    return false;
}

bool mg_response_parser_keep_alive(const struct mg_response_parser *parser)
{
    return parser->message.keep_alive;
}

enum mg_status mg_response_parser_error(const struct mg_response_parser *parser,
                                        const char **message)
{
    *message = parser->why;
    return parser->error;
}
