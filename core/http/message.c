#include "http/message.h"

// The loose llhttp takes bare line ends, data behind a chunk and worse for granted; smuggling lives
// on that. From version 9 on it is always strict.
#if LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error "llhttp must be compiled with LLHTTP_STRICT_MODE=1"
#endif

enum { CHUNK_DIGITS_MOST = 16 };

static const char *const misframed = "The body is not framed as announced.";

static int on_headers_complete(llhttp_t *llhttp)
{
    struct mg_message *message = llhttp->data;
    const struct mg_framing *framing = &message->framing;
    bool closes = llhttp->flags & F_CONNECTION_CLOSE;
    // HTTP/1.0 knows no chunks: what sends them anyway is not trusted with a second message
    // (RFC 9112 §6.1).
    bool stays = llhttp->http_minor > 0 ||
                 ((llhttp->flags & F_CONNECTION_KEEP_ALIVE) && !(llhttp->flags & F_CHUNKED));
    message->head_seen = llhttp->http_major == 1 && llhttp->status_code == message->status;
    message->keep_alive = stays && !closes;
    message->framing_agreed = framing->chunked == !!(llhttp->flags & F_CHUNKED) &&
                              framing->has_length == !!(llhttp->flags & F_CONTENT_LENGTH) &&
                              framing->length == llhttp->content_length;
    // An upgrade is never asked for, and never taken up: the message is an ordinary one
    // (RFC 9110 §7.8).
    llhttp->upgrade = 0;
    return message->bodiless ? 1 : 0;
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct mg_message *message = llhttp->data;
    message->chunk_seen = true;
    message->chunk = llhttp->content_length;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct mg_message *message = llhttp->data;
    message->complete_seen = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

void mg_message_begin(struct mg_message *message, llhttp_type_t type)
{
    llhttp_init(&message->llhttp, type, &settings);
    message->llhttp.data = message;
}

// RFC 9112 §6.3, in its order.
bool mg_message_enter_body(struct mg_message *message)
{
    const struct mg_framing *framing = &message->framing;
    message->left = framing->length;
    if (message->bodiless)
        message->part = MG_PART_COMPLETE;
    else if (framing->chunked)
        message->part = MG_PART_CHUNK_SIZE;
    else if (framing->length > 0)
        message->part = MG_PART_BODY;
    else if (framing->has_length || message->status == 0)
        message->part = MG_PART_COMPLETE;
    else
        message->part = MG_PART_REST;
    if (message->part == MG_PART_REST)
        message->keep_alive = false;
    return message->head_seen && message->framing_agreed &&
           message->complete_seen == (message->part == MG_PART_COMPLETE);
}

bool mg_message_take_data(struct mg_message *message, struct mg_str *input, struct mg_str *data)
{
    size_t len = input->len;
    if (message->part != MG_PART_REST && len > message->left)
        len = (size_t)message->left;
    *data = mg_str_cut(*input, 0, len);
    *input = mg_str_cut(*input, len, input->len);
    if (!mg_message_show(message, *data))
        return false;
    if (message->part == MG_PART_REST)
        return true;
    message->left -= len;
    bool ended = message->part == MG_PART_BODY && message->left == 0;
    if (ended)
        message->part = MG_PART_COMPLETE;
    else if (message->left == 0)
        message->part = MG_PART_CHUNK_END;
    return message->complete_seen == ended;
}

struct mg_refusal mg_message_take_size(struct mg_message *message, struct mg_str line,
                                       size_t extensions_most)
{
    struct mg_str digits;
    struct mg_refusal found = mg_gate_chunk(line, &digits);
    if (found.status)
        return found;
    message->extensions += line.len - digits.len;
    if (message->extensions > extensions_most)
        return (struct mg_refusal){400, "The chunk extensions are too long."};
    message->chunk_seen = false;
    if (!mg_message_show(message, digits) || !mg_message_show(message, MG_STR("\r\n")) ||
        !message->chunk_seen)
        return (struct mg_refusal){400, misframed};
    message->left = message->chunk;
    message->part = message->left > 0 ? MG_PART_CHUNK_DATA : MG_PART_TRAILERS;
    return found;
}

bool mg_message_take_chunk_end(struct mg_message *message)
{
    message->part = MG_PART_CHUNK_SIZE;
    return mg_message_show(message, MG_STR("\r\n"));
}

bool mg_message_take_trailers_end(struct mg_message *message)
{
    message->part = MG_PART_COMPLETE;
    return mg_message_show(message, MG_STR("\r\n")) && message->complete_seen;
}

size_t mg_message_line_most(const struct mg_message *message, size_t extensions_most)
{
    size_t used = message->extensions;
    if (message->part == MG_PART_CHUNK_END)
        return MG_LINE_END_LEN;
    return CHUNK_DIGITS_MOST + mg_message_left_of(extensions_most, used) + MG_LINE_END_LEN;
}

bool mg_message_finish(struct mg_message *message)
{
    if (message->part == MG_PART_REST && llhttp_finish(&message->llhttp) == HPE_OK &&
        message->complete_seen)
        message->part = MG_PART_COMPLETE;
    return message->part == MG_PART_COMPLETE;
}
