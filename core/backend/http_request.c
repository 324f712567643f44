#include "backend/http_request.h"

static void put_target(struct mg_buf *buf, struct mg_str path)
{
    if (!path.len || path.data[0] != '/')
        mg_buf_put_char(buf, '/');
    mg_buf_put(buf, path);
}

static void put_field(struct mg_buf *buf, struct mg_str name, struct mg_str value)
{
    mg_buf_put(buf, name);
    mg_buf_put(buf, value.len ? MG_STR(": ") : MG_STR(":"));
    mg_buf_put(buf, value);
    mg_buf_put(buf, MG_STR("\r\n"));
}

// The field of the order's own, or NULL.
static const struct mg_header *find_host(const struct mg_http_order *order)
{
    for (unsigned i = 0; i < order->header_count; i++)
        if (mg_str_eq_nocase(order->headers[i].name, MG_STR("host")))
            return &order->headers[i];
    return NULL;
}

static void put_host(struct mg_buf *buf, const struct mg_url *site)
{
    mg_buf_put(buf, MG_STR("Host: "));
    mg_buf_put(buf, site->host);
    if (site->port != 80) {
        mg_buf_put_char(buf, ':');
        mg_buf_put_uint(buf, site->port);
    }
    mg_buf_put(buf, MG_STR("\r\n"));
}

static bool says_length(const struct mg_http_order *order)
{
    // Methods that mean a body say so when there is none (RFC 9110 §8.6).
    return mg_http_request_has_body(order) || order->method == MG_POST || order->method == MG_PUT ||
           order->method == MG_PATCH;
}

bool mg_http_request_put(struct mg_buf *buf, const struct mg_http_order *order, uint64_t body_len)
{
    const struct mg_header *host = find_host(order);
    mg_buf_put(buf, mg_str_of(mg_method_word(order->method)));
    mg_buf_put_char(buf, ' ');
    put_target(buf, order->site.path);
    mg_buf_put(buf, MG_STR(" HTTP/1.1\r\n"));
    if (host)
        put_field(buf, host->name, host->value);
    else
        put_host(buf, &order->site);
    for (unsigned i = 0; i < order->header_count; i++)
        if (&order->headers[i] != host)
            put_field(buf, order->headers[i].name, order->headers[i].value);
    if (order->chunked && mg_http_request_has_body(order)) {
        put_field(buf, MG_STR("Transfer-Encoding"), MG_STR("chunked"));
    } else if (says_length(order)) {
        mg_buf_put(buf, MG_STR("Content-Length: "));
        mg_buf_put_uint(buf, body_len);
        mg_buf_put(buf, MG_STR("\r\n"));
    }
    return mg_buf_put(buf, MG_STR("\r\n"));
}
