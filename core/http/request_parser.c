#include "http/request_parser.h"

#include <stdlib.h>

#include "http/gate.h"
#include "http/line.h"
#include "llhttp.h"

// The loose llhttp takes bare line ends, data behind a chunk and worse for granted; smuggling lives
// on that. From version 9 on it is always strict.
#if LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error "llhttp must be compiled with LLHTTP_STRICT_MODE=1"
#endif

// Everything that is not body comes as lines: the gate judges each one first, then llhttp gets it,
// and of the framing both must say the same. Of the body llhttp sees exactly the bytes that belong
// to it, so that it never runs into the next request, and its pauses are not needed.
enum state {
    REQUEST_LINE, // and up to two empty lines before it (RFC 9112 §2.2)
    FIELDS,
    BODY,       // `left` bytes of Content-Length
    CHUNK_SIZE, // the line that opens a chunk
    CHUNK_DATA, // `left` bytes of the chunk
    CHUNK_END,  // the empty line behind it
    TRAILERS,
    COMPLETE,
    REFUSED,
};

enum { EMPTY_LINES_MOST = 2, CHUNK_DIGITS_MOST = 16, LINE_END = 2 };

struct mg_request_parser {
    llhttp_t llhttp;
    const struct mg_request_limits *limits;
    struct mg_request *request;
    enum state state;
    struct mg_line line;
    struct mg_str authority; // of an absolute target, in the request's arena
    struct mg_framing framing;
    struct mg_refusal refusal;
    unsigned empty_lines; // seen before the request line
    bool started;
    size_t header;     // bytes of the head so far
    size_t trailer;    // bytes of the trailer section so far
    size_t extensions; // bytes of chunk extensions so far
    uint64_t left;     // bytes of the body, or of its chunk, that are still to come
    // What llhttp said:
    bool head_seen, chunk_seen, complete_seen;
    bool keep_alive;
    bool framing_agreed;
    uint64_t chunk;
};

static int on_headers_complete(llhttp_t *llhttp)
{
    struct mg_request_parser *parser = llhttp->data;
    parser->head_seen = true;
    parser->keep_alive = llhttp_should_keep_alive(llhttp) && !(llhttp->flags & F_CONNECTION_CLOSE);
    parser->framing_agreed = parser->framing.chunked == !!(llhttp->flags & F_CHUNKED) &&
                             parser->framing.length == llhttp->content_length;
    // An upgrade is never taken up: the request is an ordinary one (RFC 9110 §7.8).
    llhttp->upgrade = 0;
    return 0;
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct mg_request_parser *parser = llhttp->data;
    parser->chunk_seen = true;
    parser->chunk = llhttp->content_length;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct mg_request_parser *parser = llhttp->data;
    parser->complete_seen = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

struct mg_request_parser *mg_request_parser_new(const struct mg_request_limits *limits)
{
    struct mg_request_parser *parser = calloc(1, sizeof *parser);
    if (!parser)
        return NULL;
    parser->limits = limits;
    parser->state = REFUSED; // until it is given a request
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
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
}

static bool refuse(struct mg_request_parser *parser, int status, const char *detail)
{
    parser->refusal = (struct mg_refusal){status, detail};
    parser->state = REFUSED;
    parser->started = true;
    return false;
}

static bool refuse_memory(struct mg_request_parser *parser)
{
    return refuse(parser, 500, "There is no memory left for the request.");
}

// Shows llhttp the bytes. What it says against them is said in our own words: its reasons name its
// own states, not what is wrong with the request.
static bool shown(struct mg_request_parser *parser, struct mg_str bytes)
{
    if (llhttp_execute(&parser->llhttp, bytes.data, bytes.len) == HPE_OK)
        return true;
    switch (parser->state) {
    case REQUEST_LINE:
        return refuse(parser, 400, "The request line is not valid.");
    case FIELDS:
        return refuse(parser, 400, "A header field is not valid.");
    case TRAILERS:
        return refuse(parser, 400, "A trailer field is not valid.");
    default:
        return refuse(parser, 400, "The body is not framed as announced.");
    }
}

// The line with its CR LF, copied into the request's arena: names and values are slices of it.
static bool keep(struct mg_request_parser *parser, struct mg_str text, struct mg_str *line)
{
    text.len += LINE_END;
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
    parser->header = text.len + LINE_END;
    struct mg_str line;
    if (!keep(parser, text, &line))
        return false;
    struct mg_refusal found = mg_gate_request_line(parser->request, mg_str_cut(line, 0, text.len),
                                                   parser->limits->target, &parser->authority);
    if (found.status)
        return refuse(parser, found.status, found.detail);
    if (!shown(parser, line))
        return false;
    parser->state = FIELDS;
    return true;
}

static bool take_end_of_head(struct mg_request_parser *parser)
{
    struct mg_refusal found = mg_gate_head(parser->request, parser->authority, &parser->framing);
    if (found.status)
        return refuse(parser, found.status, found.detail);
    if (!shown(parser, MG_STR("\r\n")))
        return false;
    bool has_data = parser->framing.chunked || parser->framing.length > 0;
    if (!parser->head_seen || !parser->framing_agreed || parser->complete_seen == has_data)
        return refuse(parser, 400, "The body is not framed clearly.");
    parser->left = parser->framing.length;
    if (!has_data)
        parser->state = COMPLETE;
    else
        parser->state = parser->framing.chunked ? CHUNK_SIZE : BODY;
    return true;
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
    if (parser->state == TRAILERS && !mg_gate_trailer(name))
        return true;
    if (headers->count >= parser->limits->count)
        return refuse(parser, 431, "There are too many header fields.");
    if (!shown(parser, line))
        return false;
    return mg_headers_add(headers, &parser->request->arena, name, value) || refuse_memory(parser);
}

static bool take_field(struct mg_request_parser *parser, struct mg_str text)
{
    parser->header += text.len + LINE_END;
    if (text.len == 0)
        return take_end_of_head(parser);
    return add_field(parser, &parser->request->headers, text);
}

// llhttp is shown the size without the extensions: they mean nothing here.
static bool take_chunk_size(struct mg_request_parser *parser, struct mg_str text)
{
    struct mg_str digits;
    struct mg_refusal found = mg_gate_chunk(text, &digits);
    if (found.status)
        return refuse(parser, found.status, found.detail);
    parser->extensions += text.len - digits.len;
    if (parser->extensions > parser->limits->extensions)
        return refuse(parser, 400, "The chunk extensions are too long.");
    parser->chunk_seen = false;
    if (!shown(parser, digits) || !shown(parser, MG_STR("\r\n")))
        return false;
    if (!parser->chunk_seen)
        return refuse(parser, 400, "The body is not framed as announced.");
    parser->left = parser->chunk;
    parser->state = parser->left > 0 ? CHUNK_DATA : TRAILERS;
    return true;
}

// The line is empty: line_most leaves no room for more.
static bool take_chunk_end(struct mg_request_parser *parser)
{
    if (!shown(parser, MG_STR("\r\n")))
        return false;
    parser->state = CHUNK_SIZE;
    return true;
}

static bool take_trailer(struct mg_request_parser *parser, struct mg_str text)
{
    if (text.len > 0) {
        parser->trailer += text.len + LINE_END;
        if (parser->trailer > parser->limits->trailer)
            return refuse(parser, 431, "The trailer fields are too long.");
        return add_field(parser, &parser->request->trailers, text);
    }
    if (!shown(parser, MG_STR("\r\n")))
        return false;
    if (!parser->complete_seen)
        return refuse(parser, 400, "The body is not framed as announced.");
    parser->state = COMPLETE;
    return true;
}

// How long the line may be that comes next, with its CR LF.
static size_t line_most(const struct mg_request_parser *parser)
{
    const struct mg_request_limits *limits = parser->limits;
    switch (parser->state) {
    case CHUNK_SIZE:
        return CHUNK_DIGITS_MOST + limits->extensions - parser->extensions + LINE_END;
    case CHUNK_END:
        return LINE_END;
    case TRAILERS: // the empty line that ends the section is not counted
        return limits->trailer - parser->trailer + LINE_END;
    default:
        return limits->header - parser->header;
    }
}

static bool refuse_long(struct mg_request_parser *parser, struct mg_str text)
{
    switch (parser->state) {
    case REQUEST_LINE:
        if (mg_str_find(text, ' ', 0) == text.len)
            return refuse(parser, 400, "The request line does not begin with a method.");
        return refuse(parser, 414, "The request target is too long.");
    case FIELDS:
        return refuse(parser, 431, "The header fields are too long.");
    case TRAILERS:
        return refuse(parser, 431, "The trailer fields are too long.");
    case CHUNK_END:
        return refuse(parser, 400, "A chunk is longer than its size says.");
    default:
        return refuse(parser, 400, "The line that opens a chunk is too long.");
    }
}

static bool take_line(struct mg_request_parser *parser, struct mg_str text)
{
    switch (parser->state) {
    case REQUEST_LINE:
        return take_request_line(parser, text);
    case FIELDS:
        return take_field(parser, text);
    case CHUNK_SIZE:
        return take_chunk_size(parser, text);
    case CHUNK_END:
        return take_chunk_end(parser);
    default:
        return take_trailer(parser, text);
    }
}

// A slice of the body, as much as the input has of it.
static enum mg_parse take_data(struct mg_request_parser *parser, struct mg_str *input,
                               struct mg_str *data)
{
    size_t len = input->len < parser->left ? input->len : (size_t)parser->left;
    struct mg_str slice = mg_str_cut(*input, 0, len);
    if (!shown(parser, slice))
        return MG_PARSE_REFUSED;
    *input = mg_str_cut(*input, len, input->len);
    parser->left -= len;
    bool ended = parser->state == BODY && parser->left == 0;
    if (parser->complete_seen != ended) {
        refuse(parser, 400, "The body is not framed as announced.");
        return MG_PARSE_REFUSED;
    }
    if (ended)
        parser->state = COMPLETE;
    else if (parser->left == 0)
        parser->state = CHUNK_END;
    *data = slice;
    return MG_PARSE_DATA;
}

enum mg_parse mg_request_parser_feed(struct mg_request_parser *parser, struct mg_str *input,
                                     struct mg_str *data)
{
    *data = (struct mg_str){NULL, 0};
    while (parser->state != COMPLETE && parser->state != REFUSED) {
        if (input->len == 0)
            return MG_PARSE_MORE;
        if (parser->state == BODY || parser->state == CHUNK_DATA)
            return take_data(parser, input, data);
        struct mg_str text;
        bool in_head = parser->state == FIELDS;
        enum mg_line_end end = mg_line_take(&parser->line, input, line_most(parser), &text);
        if (end == MG_LINE_MORE)
            return MG_PARSE_MORE;
        if (end == MG_LINE_LONG)
            refuse_long(parser, text);
        else if (end == MG_LINE_BAD)
            refuse(parser, 400, "The request holds a control character or a broken line end.");
        else if (end == MG_LINE_NO_MEMORY)
            refuse_memory(parser);
        else if (take_line(parser, text) && in_head && parser->state != FIELDS)
            return MG_PARSE_HEAD;
    }
    mg_line_fini(&parser->line);
    return parser->state == COMPLETE ? MG_PARSE_COMPLETE : MG_PARSE_REFUSED;
}

bool mg_request_parser_started(const struct mg_request_parser *parser)
{
    return parser->started || mg_line_begun(&parser->line);
}

bool mg_request_parser_keep_alive(const struct mg_request_parser *parser)
{
    return parser->keep_alive;
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
    return parser->framing.has_length ? (int64_t)parser->framing.length : -1;
}

int mg_request_parser_refusal(const struct mg_request_parser *parser, const char **detail)
{
    *detail = parser->refusal.detail;
    return parser->refusal.status;
}
