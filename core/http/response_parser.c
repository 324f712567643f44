#include "http/response_parser.h"

#include <stdlib.h>

#include "http/line.h"
#include "llhttp.h"

// See request_parser.c: the loose llhttp must not get in here either.
#if LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error "llhttp must be compiled with LLHTTP_STRICT_MODE=1"
#endif

// A head goes through the gate as a whole, then llhttp gets it, and of the framing both must say
// the same. Of the body llhttp sees exactly the bytes that belong to it.
enum state {
    HEAD,
    BODY,       // `more` bytes of Content-Length
    REST,       // all until the connection ends
    CHUNK_SIZE, // the line that opens a chunk
    CHUNK_DATA, // `more` bytes of the chunk
    CHUNK_END,  // the empty line behind it
    TRAILERS,
    COMPLETE,
    REFUSED,
};

enum {
    CHUNK_DIGITS_MOST = 16,
    LINE_END = 2,
    EXTENSIONS_MOST = 1024, // bytes of chunk extensions per response
};

struct mg_response_parser {
    llhttp_t llhttp;
    enum state state;
    int status;
    struct mg_buf head;  // a head that comes in pieces, and then what its fields borrow from
    size_t line_at;      // where its line begins that has not ended yet
    size_t left;         // bytes that heads and trailers may still have
    struct mg_line line; // of a chunk or trailer that comes in pieces
    size_t extensions;   // bytes of chunk extensions so far
    uint64_t more;       // bytes of the body, or of its chunk, that are still to come
    enum mg_status error;
    const char *message;
    struct mg_framing framing;
    bool to_head;
    bool bodiless;
    // What llhttp said:
    bool head_seen, chunk_seen, complete_seen;
    bool keep_alive;
    bool framing_agreed;
    uint64_t chunk;
};

static int on_headers_complete(llhttp_t *llhttp)
{
    struct mg_response_parser *parser = llhttp->data;
    bool closes = llhttp->flags & F_CONNECTION_CLOSE;
    // HTTP/1.0 knows no chunks: what sends them anyway is not trusted with a second response
    // (RFC 9112 §6.1).
    bool stays = llhttp->http_minor > 0 ||
                 ((llhttp->flags & F_CONNECTION_KEEP_ALIVE) && !(llhttp->flags & F_CHUNKED));
    parser->head_seen = llhttp->http_major == 1 && llhttp->status_code == parser->status;
    parser->keep_alive = stays && !closes;
    parser->framing_agreed = parser->framing.chunked == !!(llhttp->flags & F_CHUNKED) &&
                             parser->framing.has_length == !!(llhttp->flags & F_CONTENT_LENGTH) &&
                             parser->framing.length == llhttp->content_length;
    llhttp->upgrade = 0; // none was asked for
    return parser->bodiless ? 1 : 0;
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct mg_response_parser *parser = llhttp->data;
    parser->chunk_seen = true;
    parser->chunk = llhttp->content_length;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct mg_response_parser *parser = llhttp->data;
    parser->complete_seen = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
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
    llhttp_init(&parser->llhttp, HTTP_RESPONSE, &settings);
    parser->llhttp.data = parser;
}

static bool refuse(struct mg_response_parser *parser, enum mg_status error, const char *message)
{
    parser->error = error;
    parser->message = message;
    parser->state = REFUSED;
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

static bool shown(struct mg_response_parser *parser, struct mg_str bytes)
{
    return llhttp_execute(&parser->llhttp, bytes.data, bytes.len) == HPE_OK;
}

// Every head but the first is behind a 1xx response.
static void begin_head(struct mg_response_parser *parser)
{
    mg_buf_fini(&parser->head);
    parser->line_at = 0;
    parser->state = HEAD;
}

static bool check_first_line(struct mg_response_parser *parser, struct mg_str line)
{
    const char *why = mg_response_gate_status(line, &parser->status);
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
    response->status = parser->status;
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

// RFC 9112 §6.3, in its order.
static void enter_body(struct mg_response_parser *parser)
{
    parser->more = parser->framing.length;
    if (parser->bodiless || (parser->framing.has_length && parser->more == 0))
        parser->state = COMPLETE;
    else if (parser->framing.chunked)
        parser->state = CHUNK_SIZE;
    else
        parser->state = parser->framing.has_length ? BODY : REST;
    if (parser->state == REST)
        parser->keep_alive = false;
}

static bool take_whole_head(struct mg_response_parser *parser, struct mg_str text,
                            struct mg_response *response)
{
    if (!cut_fields(parser, text, response))
        return false;
    if (parser->status < 200) {
        begin_head(parser);
        return true;
    }
    struct mg_headers headers = {response->fields, response->count, response->count};
    const char *why = mg_response_gate_framing(&headers, &parser->framing);
    if (why)
        return malformed(parser, why);
    parser->bodiless = parser->to_head || parser->status == 204 || parser->status == 304;
    if (!shown(parser, text))
        return malformed(parser, "the answer's header is not valid");
    enter_body(parser);
    if (!parser->head_seen || !parser->framing_agreed ||
        parser->complete_seen != (parser->state == COMPLETE))
        return malformed(parser, "the answer's body is not framed clearly");
    return true;
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

// llhttp is shown the size without the extensions: they mean nothing here.
static bool take_chunk_size(struct mg_response_parser *parser, struct mg_str text)
{
    struct mg_str digits;
    if (mg_gate_chunk(text, &digits).status)
        return misframed(parser);
    parser->extensions += text.len - digits.len;
    parser->chunk_seen = false;
    if (parser->extensions > EXTENSIONS_MOST || !shown(parser, digits) ||
        !shown(parser, MG_STR("\r\n")) || !parser->chunk_seen || parser->chunk > INT64_MAX)
        return misframed(parser);
    parser->more = parser->chunk;
    parser->state = parser->more > 0 ? CHUNK_DATA : TRAILERS;
    return true;
}

// Trailers are checked and dropped, unseen by llhttp: there they might still change the framing.
static bool take_trailer(struct mg_response_parser *parser, struct mg_str text)
{
    struct mg_header field;
    if (text.len > 0) {
        parser->left -= text.len + LINE_END;
        const char *why = mg_response_gate_field(text, &field);
        return !why || malformed(parser, why);
    }
    if (!shown(parser, MG_STR("\r\n")) || !parser->complete_seen)
        return misframed(parser);
    parser->state = COMPLETE;
    return true;
}

// How long the line may be that comes next, with its CR LF.
static size_t line_most(const struct mg_response_parser *parser)
{
    if (parser->state == CHUNK_SIZE)
        return CHUNK_DIGITS_MOST + EXTENSIONS_MOST - parser->extensions + LINE_END;
    return parser->state == CHUNK_END ? LINE_END : parser->left + LINE_END;
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
        return parser->state == TRAILERS ? too_large(parser) : misframed(parser);
    case MG_LINE_BAD:
        return misframed(parser);
    case MG_LINE_WHOLE:
        break;
    }
    if (parser->state == CHUNK_SIZE)
        return take_chunk_size(parser, text);
    if (parser->state == TRAILERS)
        return take_trailer(parser, text);
    parser->state = CHUNK_SIZE; // the line is empty: line_most leaves no room for more
    return shown(parser, MG_STR("\r\n")) || misframed(parser);
}

// A slice of the body, as much as the input has of it.
static bool take_data(struct mg_response_parser *parser, struct mg_str *input, struct mg_str *data)
{
    size_t len = input->len;
    if (parser->state != REST && len > parser->more)
        len = (size_t)parser->more;
    *data = mg_str_cut(*input, 0, len);
    *input = mg_str_cut(*input, len, input->len);
    if (!shown(parser, *data))
        return misframed(parser);
    if (parser->state == REST)
        return true;
    parser->more -= len;
    bool ended = parser->state == BODY && parser->more == 0;
    if (parser->complete_seen != ended)
        return misframed(parser);
    if (ended)
        parser->state = COMPLETE;
    else if (parser->more == 0)
        parser->state = CHUNK_END;
    return true;
}

enum mg_parse mg_response_parser_feed(struct mg_response_parser *parser, struct mg_str *input,
                                      struct mg_response *response)
{
    if (parser->state != HEAD && parser->head.cap)
        mg_buf_fini(&parser->head);
    while (parser->state != COMPLETE && parser->state != REFUSED) {
        bool taken;
        if (input->len == 0)
            return MG_PARSE_MORE;
        if (parser->state == HEAD) {
            taken = take_head(parser, input, response);
            if (taken && parser->state != HEAD)
                return MG_PARSE_HEAD;
        } else if (parser->state == BODY || parser->state == REST || parser->state == CHUNK_DATA) {
            taken = take_data(parser, input, &response->data);
            if (taken)
                return MG_PARSE_DATA;
        } else {
            taken = take_line(parser, input);
        }
        if (!taken)
            break;
    }
    return parser->state == COMPLETE ? MG_PARSE_COMPLETE : MG_PARSE_REFUSED;
}

bool mg_response_parser_finish(struct mg_response_parser *parser)
{
    if (parser->state == REST && llhttp_finish(&parser->llhttp) == HPE_OK && parser->complete_seen)
        parser->state = COMPLETE;
    if (parser->state != COMPLETE && parser->state != REFUSED)
        refuse(parser, MG_RESET, "the connection was closed before the answer was whole");
    return parser->state == COMPLETE;
}

bool mg_response_parser_keep_alive(const struct mg_response_parser *parser)
{
    return parser->keep_alive;
}

enum mg_status mg_response_parser_error(const struct mg_response_parser *parser,
                                        const char **message)
{
    *message = parser->message;
    return parser->error;
}
