#include "http/reply_writer.h"

// What only the connection may say: said twice, it frames a reply in two ways.
static bool framing_name(struct mg_str name)
{
    static const struct mg_str names[] = {
        {"connection", 10}, {"content-length", 14}, {"date", 4}, {"transfer-encoding", 17}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name.len == names[i].len && mg_str_eq_nocase(name, names[i]))
            return true;
    return false;
}

// Appends where the room has been reserved before.
static void put(struct mg_buf *buf, struct mg_str bytes)
{
    memcpy(buf->data + buf->len, bytes.data, bytes.len);
    buf->len += bytes.len;
}

static void put_field(struct mg_buf *buf, struct mg_str name, struct mg_str value)
{
    put(buf, name);
    put(buf, MG_STR(": "));
    if (value.len)
        put(buf, value);
    put(buf, MG_STR("\r\n"));
}

static bool put_status(struct mg_buf *buf, int status)
{
    bool sound = status >= 200 && status <= 599;
    if (!sound)
        status = 500;
    const char digits[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                           (char)('0' + status % 10), ' '};
    put(buf, MG_STR("HTTP/1.1 "));
    put(buf, (struct mg_str){digits, sizeof digits});
    put(buf, mg_str_of(mg_reply_reason(status)));
    put(buf, MG_STR("\r\n"));
    return sound;
}

static bool put_fields(struct mg_buf *buf, const struct mg_headers *headers)
{
    bool sound = true;
    for (unsigned i = 0; i < headers->count; i++) {
        const struct mg_header *field = &headers->items[i];
        if (mg_headers_name_ok(field->name) && mg_headers_value_ok(field->value) &&
            !framing_name(field->name))
            put_field(buf, field->name, field->value);
        else
            sound = false;
    }
    return sound;
}

static void put_framing(struct mg_buf *buf, int status, const struct mg_reply_framing *framing)
{
    bool bodiless = status == 204 || status == 304;
    // To HTTP/1.0 a body of unknown length ends where the connection does (RFC 9112 §6.3).
    bool until_close = framing->old && framing->chunked && !bodiless;
    if (!framing->keep_alive || (until_close && !framing->head))
        put(buf, MG_STR("Connection: close\r\n"));
    else if (framing->old)
        put(buf, MG_STR("Connection: keep-alive\r\n"));
    if (bodiless || until_close)
        return;
    if (framing->chunked) {
        put(buf, MG_STR("Transfer-Encoding: chunked\r\n"));
        return;
    }
    put(buf, MG_STR("Content-Length: "));
    mg_buf_put_uint(buf, framing->length);
    put(buf, MG_STR("\r\n"));
}

// At least as many bytes as the head has.
static size_t head_room(const struct mg_reply *reply, const struct mg_reply_framing *framing)
{
    enum { fixed = 256 }; // status line, the fields of put_framing and the empty line
    size_t room = fixed + framing->date.len;
    for (unsigned i = 0; i < reply->headers.count; i++)
        room += reply->headers.items[i].name.len + reply->headers.items[i].value.len + 4;
    return room;
}

bool mg_reply_write_head(struct mg_buf *buf, const struct mg_reply *reply,
                         const struct mg_reply_framing *framing)
{
    if (!mg_buf_reserve(buf, head_room(reply, framing)))
        return false;
    bool sound = put_status(buf, reply->status);
    if (framing->date.len > 0)
        put_field(buf, MG_STR("Date"), framing->date);
    sound &= put_fields(buf, &reply->headers);
    put_framing(buf, reply->status, framing);
    put(buf, MG_STR("\r\n"));
    return sound && buf->failed == MG_OK;
}
