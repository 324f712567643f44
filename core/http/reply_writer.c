#include "http/reply_writer.h"

// What only the connection may say: said twice, it frames a reply in two ways.
static bool framing_name(struct mg_str name)
{
    static const char *const names[] = {"connection", "content-length", "date",
                                        "transfer-encoding"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mg_str_eq_nocase(name, mg_str_of(names[i])))
            return true;
    return false;
}

static void put_field(struct mg_buf *buf, struct mg_str name, struct mg_str value)
{
    mg_buf_put(buf, name);
    mg_buf_put(buf, MG_STR(": "));
    mg_buf_put(buf, value);
    mg_buf_put(buf, MG_STR("\r\n"));
}

static bool put_status(struct mg_buf *buf, int status)
{
    bool sound = status >= 200 && status <= 599;
    if (!sound)
        status = 500;
    mg_buf_put(buf, MG_STR("HTTP/1.1 "));
    mg_buf_put_uint(buf, (uint64_t)status);
    mg_buf_put_char(buf, ' ');
    mg_buf_put(buf, mg_str_of(mg_reply_reason(status)));
    mg_buf_put(buf, MG_STR("\r\n"));
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
    if (!framing->keep_alive || until_close)
        mg_buf_put(buf, MG_STR("Connection: close\r\n"));
    else if (framing->old)
        mg_buf_put(buf, MG_STR("Connection: keep-alive\r\n"));
    if (bodiless || until_close)
        return;
    if (framing->chunked) {
        mg_buf_put(buf, MG_STR("Transfer-Encoding: chunked\r\n"));
        return;
    }
    mg_buf_put(buf, MG_STR("Content-Length: "));
    mg_buf_put_uint(buf, framing->length);
    mg_buf_put(buf, MG_STR("\r\n"));
}

bool mg_reply_write_head(struct mg_buf *buf, const struct mg_reply *reply,
                         const struct mg_reply_framing *framing)
{
    bool sound = put_status(buf, reply->status);
    if (framing->date.len > 0)
        put_field(buf, MG_STR("Date"), framing->date);
    sound &= put_fields(buf, &reply->headers);
    put_framing(buf, reply->status, framing);
    mg_buf_put(buf, MG_STR("\r\n"));
    return sound && buf->failed == MG_OK;
}
