#include "backend/http_request.h"

#include <assert.h>

enum {
    number_most = 20,    // digits of a uint64_t
    field_most = 4,      // ": " and CR LF
    constant_most = 128, // the method, the version, "Host: ", a port, a Content-Length
};

static char *put(char *at, struct mg_str text)
{
    if (text.len)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

static char *put_field(char *at, struct mg_str name, struct mg_str value)
{
    at = put(at, name);
    at = put(at, value.len ? MG_STR(": ") : MG_STR(":"));
    at = put(at, value);
    return put(at, MG_STR("\r\n"));
}

static char *put_uint(char *at, uint64_t value)
{
    char digits[number_most];
    size_t from = sizeof digits;
    do
        digits[--from] = (char)('0' + value % 10);
    while (value /= 10);
    return put(at, (struct mg_str){digits + from, sizeof digits - from});
}

// The field of the order's own, or NULL.
static const struct mg_header *find_host(const struct mg_http_order *order)
{
    for (unsigned i = 0; i < order->header_count; i++)
        if (mg_str_eq_nocase(order->headers[i].name, MG_STR("host")))
            return &order->headers[i];
    return NULL;
}

static char *put_host(char *at, const struct mg_url *site)
{
    at = put(at, MG_STR("Host: "));
    at = put(at, site->host);
    if (site->port != 80) {
        *at++ = ':';
        at = put_uint(at, site->port);
    }
    return put(at, MG_STR("\r\n"));
}

static bool says_length(const struct mg_http_order *order)
{
    // Methods that mean a body say so when there is none (RFC 9110 §8.6).
    return mg_http_request_has_body(order) || order->method == MG_POST || order->method == MG_PUT ||
           order->method == MG_PATCH;
}

// More than its head can take: everything is written without another look at the room.
static size_t head_most(const struct mg_http_order *order)
{
    size_t most = constant_most + order->site.path.len + order->site.host.len;
    for (unsigned i = 0; i < order->header_count; i++)
        most += order->headers[i].name.len + order->headers[i].value.len + field_most;
    return most;
}

bool mg_http_request_put(struct mg_buf *buf, const struct mg_http_order *order, uint64_t body_len)
{
    const struct mg_header *host = find_host(order);
    struct mg_str path = order->site.path;
    if (!mg_buf_reserve(buf, head_most(order)))
        return false;
    char *at = put(buf->data + buf->len, mg_str_of(mg_method_word(order->method)));
    at = put(at, path.len && path.data[0] == '/' ? MG_STR(" ") : MG_STR(" /"));
    at = put(at, path);
    at = put(at, MG_STR(" HTTP/1.1\r\n"));
    at = host ? put_field(at, host->name, host->value) : put_host(at, &order->site);
    for (unsigned i = 0; i < order->header_count; i++)
        if (&order->headers[i] != host)
            at = put_field(at, order->headers[i].name, order->headers[i].value);
    if (order->chunked && mg_http_request_has_body(order)) {
        at = put_field(at, MG_STR("Transfer-Encoding"), MG_STR("chunked"));
    } else if (says_length(order)) {
        at = put(at, MG_STR("Content-Length: "));
        at = put_uint(at, body_len);
        at = put(at, MG_STR("\r\n"));
    }
    at = put(at, MG_STR("\r\n"));
    buf->len = (size_t)(at - buf->data);
    assert(buf->len <= buf->cap);
    return true;
}
