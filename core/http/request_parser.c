#include "http/request_parser.h"

#include <stdlib.h>

#include "http/line.h"
#include "http/message.h"

enum { EMPTY_LINES_MOST = 2 }; // before the request line (RFC 9112 §2.2)

// All that is not body comes as lines: the gate judges each one first, then llhttp gets it.
struct mg_request_parser {
    struct mg_message message;
    const struct mg_request_limits *limits;
    struct mg_request *request;
    struct mg_line line;
    struct mg_str authority; // of an absolute target, in the request's arena
    struct mg_refusal refusal;
    unsigned empty_lines; // seen before the request line
    bool started;
    size_t header;  // bytes of the head so far; 0: the request line comes next
    size_t trailer; // bytes of the trailer section so far
};

struct mg_request_parser *mg_request_parser_new(const struct mg_request_limits *limits)
{
    struct mg_request_parser *parser = calloc(1, sizeof *parser);
    if (!parser)
        return NULL;
    parser->limits = limits;
    parser->message.part = MG_PART_REFUSED; // until it is given a request
    parser->refusal = (struct mg_refusal){500, "No request was begun."};
    return parser;
}

void mg_request_parser_free(struct mg_request_parser *parser)
{
    if (!parser)
        return;
    mg_line_fini(&parser->line);
    free(parser);
}

void mg_request_parser_begin(struct mg_request_parser *parser, struct mg_request *request)
{
    const struct mg_request_limits *limits = parser->limits;
    mg_line_fini(&parser->line);
    *parser = (struct mg_request_parser){.limits = limits, .request = request};
    mg_message_begin(&parser->message, HTTP_REQUEST);
}

static bool refuse(struct mg_request_parser *parser, int status, const char *detail)
{
    parser->refusal = (struct mg_refusal){status, detail};
    parser->message.part = MG_PART_REFUSED;
    parser->started = true;
    return false;
}

static bool refuse_memory(struct mg_request_parser *parser)
{
    return refuse(parser, 500, "There is no memory left for the request.");
}

static bool misframed(struct mg_request_parser *parser)
{
    return refuse(parser, 400, "The body is not framed as announced.");
}

// Shows llhttp a line. What it says against it is said in our own words: its reasons name its own
// states, not what is wrong with the request.
static bool shown(struct mg_request_parser *parser, struct mg_str line)
{
    if (mg_message_show(&parser->message, line))
        return true;
    if (parser->message.part == MG_PART_TRAILERS)
        return refuse(parser, 400, "A trailer field is not valid.");
    return refuse(parser, 400,
                  parser->header ? "A header field is not valid."
                                 : "The request line is not valid.");
}

// The line with its CR LF, copied into the request's arena: names and values are slices of it.
static bool keep(struct mg_request_parser *parser, struct mg_str text, struct mg_str *line)
{
    text.len += MG_LINE_END_LEN;
    *line = mg_arena_copy(&parser->request->arena, text);
    return line->data || refuse_memory(parser);
}

static bool take_request_line(struct mg_request_parser *parser, struct mg_str text)
{
    if (text.len == 0) {
        if (++parser->empty_lines > EMPTY_LINES_MOST)
            return refuse(parser, 400, "There are too many empty lines before the request.");
        return true;
    }
    parser->started = true;
    struct mg_str line;
    if (!keep(parser, text, &line))
        return false;
    struct mg_refusal found = mg_gate_request_line(parser->request, mg_str_cut(line, 0, text.len),
                                                   parser->limits->target, &parser->authority);
    if (found.status)
        return refuse(parser, found.status, found.detail);
    if (!shown(parser, line))
        return false;
    parser->header = line.len;
    return true;
}

static bool take_end_of_head(struct mg_request_parser *parser)
{
    struct mg_message *message = &parser->message;
    struct mg_refusal found = mg_gate_head(parser->request, parser->authority, &message->framing);
    if (found.status)
        return refuse(parser, found.status, found.detail);
    if (!shown(parser, MG_STR("\r\n")))
        return false;
    return mg_message_enter_body(message) || refuse(parser, 400, "The body is not framed clearly.");
}

// Cuts the line into a field of `headers`. Trailer fields that must not be believed are dropped.
static bool add_field(struct mg_request_parser *parser, struct mg_headers *headers,
                      struct mg_str text)
{
    struct mg_str line, name, value;
    if (!keep(parser, text, &line))
        return false;
    struct mg_refusal found = mg_gate_field(mg_str_cut(line, 0, text.len), &name, &value);
    if (found.status)
        return refuse(parser, found.status, found.detail);
    if (parser->message.part == MG_PART_TRAILERS && !mg_gate_trailer(name))
        return true;
    if (headers->count >= parser->limits->count)
        return refuse(parser, 431, "There are too many header fields.");
    if (!shown(parser, line))
        return false;
    return mg_headers_add(headers, &parser->request->arena, name, value) || refuse_memory(parser);
}

static bool take_field(struct mg_request_parser *parser, struct mg_str text)
{
    parser->header += text.len + MG_LINE_END_LEN;
    if (text.len == 0)
        return take_end_of_head(parser);
    return add_field(parser, &parser->request->headers, text);
}

static bool take_chunk_size(struct mg_request_parser *parser, struct mg_str text)
{
    struct mg_refusal found =
        mg_message_take_size(&parser->message, text, parser->limits->extensions);
    return !found.status || refuse(parser, found.status, found.detail);
}

static bool take_trailer(struct mg_request_parser *parser, struct mg_str text)
{
    if (text.len > 0) {
        parser->trailer += text.len + MG_LINE_END_LEN;
        if (parser->trailer > parser->limits->trailer)
            return refuse(parser, 431, "The trailer fields are too long.");
        return add_field(parser, &parser->request->trailers, text);
    }
    return mg_message_take_trailers_end(&parser->message) || misframed(parser);
}

// How long the line may be that comes next, with its CR LF.
static size_t line_most(const struct mg_request_parser *parser)
{
    const struct mg_request_limits *limits = parser->limits;
    if (parser->message.part == MG_PART_HEAD)
        return mg_message_left_of(limits->header, parser->header);
    if (parser->message.part == MG_PART_TRAILERS) // the empty line that ends them is not counted
        return mg_message_left_of(limits->trailer, parser->trailer) + MG_LINE_END_LEN;
    return mg_message_line_most(&parser->message, limits->extensions);
}

static bool refuse_long(struct mg_request_parser *parser, struct mg_str text)
{
    switch (parser->message.part) {
    case MG_PART_HEAD:
        if (parser->header)
            return refuse(parser, 431, "The header fields are too long.");
        if (mg_str_find(text, ' ', 0) == text.len)
            return refuse(parser, 400, "The request line does not begin with a method.");
        return refuse(parser, 414, "The request target is too long.");
    case MG_PART_TRAILERS:
        return refuse(parser, 431, "The trailer fields are too long.");
    case MG_PART_CHUNK_END:
        return refuse(parser, 400, "A chunk is longer than its size says.");
    default:
        return refuse(parser, 400, "The line that opens a chunk is too long.");
    }
}

static bool take_line(struct mg_request_parser *parser, struct mg_str text)
{
    switch (parser->message.part) {
    case MG_PART_HEAD:
        return parser->header ? take_field(parser, text) : take_request_line(parser, text);
    case MG_PART_CHUNK_SIZE:
        return take_chunk_size(parser, text);
    case MG_PART_CHUNK_END:
        return mg_message_take_chunk_end(&parser->message) || misframed(parser);
    default:
        return take_trailer(parser, text);
    }
}

enum mg_parse mg_request_parser_feed(struct mg_request_parser *parser, struct mg_str *input,
                                     struct mg_str *data)
{
    struct mg_message *message = &parser->message;
    *data = (struct mg_str){NULL, 0};
    while (message->part < MG_PART_COMPLETE) {
        if (input->len == 0)
            return MG_PARSE_MORE;
        if (message->part == MG_PART_BODY || message->part == MG_PART_CHUNK_DATA) {
            if (mg_message_take_data(message, input, data))
                return MG_PARSE_DATA;
            misframed(parser);
            return MG_PARSE_REFUSED;
        }
        struct mg_str text;
        bool in_head = message->part == MG_PART_HEAD;
        enum mg_line_end end = mg_line_take(&parser->line, input, line_most(parser), &text);
        if (end == MG_LINE_MORE)
            return MG_PARSE_MORE;
        if (end == MG_LINE_LONG)
            refuse_long(parser, text);
        else if (end == MG_LINE_BAD)
            refuse(parser, 400, "The request holds a control character or a broken line end.");
        else if (end == MG_LINE_NO_MEMORY)
            refuse_memory(parser);
        else if (take_line(parser, text) && in_head && message->part != MG_PART_HEAD)
            return MG_PARSE_HEAD;
    }
    mg_line_fini(&parser->line);
    return message->part == MG_PART_COMPLETE ? MG_PARSE_COMPLETE : MG_PARSE_REFUSED;
}

bool mg_request_parser_started(const struct mg_request_parser *parser)
{
    return parser->started || mg_line_begun(&parser->line);
}

bool mg_request_parser_keep_alive(const struct mg_request_parser *parser)
{
    return parser->message.keep_alive;
}

bool mg_request_parser_expects(const struct mg_request_parser *parser)
{
    unsigned index = 0;
    const struct mg_header *expect =
        mg_headers_next(&parser->request->headers, MG_STR("expect"), &index);
    return expect && !parser->request->old &&
           mg_str_eq_nocase(expect->value, MG_STR("100-continue"));
}

int64_t mg_request_parser_length(const struct mg_request_parser *parser)
{
    const struct mg_framing *framing = &parser->message.framing;
    return framing->has_length ? (int64_t)framing->length : -1;
}

int mg_request_parser_refusal(const struct mg_request_parser *parser, const char **detail)
{
    *detail = parser->refusal.detail;
    return parser->refusal.status;
}
