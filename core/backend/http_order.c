#include "backend/http_order.h"

static bool is_one_of(struct mg_str name, const struct mg_str *names)
{
    for (; names->len; names++)
        if (names->len == name.len && mg_str_eq_nocase(name, *names))
            return true;
    return false;
}

static bool goes_out(const struct mg_http_order *order, const struct mg_http_ask *ask,
                     struct mg_str name, bool foreign)
{
    // Framing is the transport's; there is no waiting for a 100.
    static const struct mg_str framing[] = {{"content-length", 14}, {"expect", 6}, {NULL, 0}};
    // Any other field may be a credential, whatever it is called.
    static const struct mg_str harmless[] = {
        {"accept", 6}, {"accept-language", 15}, {"user-agent", 10}, {NULL, 0}};
    static const struct mg_str of_body[] = {
        {"content-type", 12}, {"content-encoding", 16}, {"content-language", 16}, {NULL, 0}};
    if (is_one_of(name, framing) || mg_headers_hop_by_hop(&ask->headers, name))
        return false;
    if (is_one_of(name, of_body))
        return order->has_body || !ask->has_body; // a redirect may have lost the body
    return !foreign || is_one_of(name, harmless);
}

static enum mg_status wrong(const char *what, const char **why)
{
    *why = what;
    return MG_MALFORMED;
}

enum mg_status mg_http_order_fields(struct mg_http_order *order, const struct mg_http_ask *ask,
                                    bool foreign, struct mg_arena *arena, const char **why)
{
    bool accepts = false, hosted = false;
    struct mg_header *fields = mg_arena_zero(arena, ask->headers.count + 1, sizeof *fields);
    if (!fields)
        return MG_NO_MEMORY;
    order->headers = fields;
    order->header_count = 0;
    for (unsigned i = 0; i < ask->headers.count; i++) {
        struct mg_header field = ask->headers.items[i];
        if (!mg_headers_name_ok(field.name))
            return wrong("a header name of the call is not a token", why);
        if (!mg_headers_value_ok(field.value))
            return wrong("a header value of the call has control bytes", why);
        if (!goes_out(order, ask, field.name, foreign))
            continue;
        bool host = mg_str_eq_nocase(field.name, MG_STR("host"));
        if (host && hosted)
            return wrong("the call has more than one Host", why);
        hosted = hosted || host;
        accepts = accepts || mg_str_eq_nocase(field.name, MG_STR("accept"));
        field.value = mg_str_trim(field.value);
        fields[order->header_count++] = field;
    }
    if (!accepts)
        fields[order->header_count++] = (struct mg_header){MG_STR("Accept"), MG_STR("*/*")};
    return MG_OK;
}

enum mg_status mg_http_order_url(struct mg_buf *url, struct mg_url *site, const struct mg_url *base,
                                 struct mg_str path, const char **why)
{
    if (path.len && path.data[0] != '/' && path.data[0] != '?')
        return wrong("the call's path does not start with / or ?", why);
    if (!mg_url_path_ok(path))
        return wrong("the call's path has a byte that cannot be there", why);
    mg_buf_put(url, base->base);
    mg_buf_put(url, base->path);
    if (!base->path.len && (!path.len || path.data[0] == '?'))
        mg_buf_put_char(url, '/');
    mg_buf_put(url, path);
    if (!mg_buf_put_char(url, 0))
        return MG_NO_MEMORY;
    url->len--;
    const char *fault = mg_url_parse(mg_buf_str(url), site);
    return fault ? wrong(fault, why) : MG_OK;
}
