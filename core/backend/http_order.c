#include "backend/http_order.h"

#include "data/header_name.h"

static bool goes_out(const struct mg_http_order *order, const struct mg_http_ask *ask,
                     enum mg_header_name name, bool foreign)
{
    switch (name) {
    case MG_HEADER_CONTENT_LENGTH: // framing is the transport's
    case MG_HEADER_EXPECT:         // there is no waiting for a 100
        return false;
    case MG_HEADER_CONTENT_TYPE:
    case MG_HEADER_CONTENT_ENCODING:
    case MG_HEADER_CONTENT_LANGUAGE:
        return order->has_body || !ask->has_body; // a redirect may have lost the body
    case MG_HEADER_ACCEPT:
    case MG_HEADER_ACCEPT_LANGUAGE:
    case MG_HEADER_USER_AGENT:
        return true;
    default: // any other field may be a credential, whatever it is called
        return !foreign && !mg_header_name_of_connection(name);
    }
}

static enum mg_status wrong(const char *what, const char **why)
{
    *why = what;
    return MG_MALFORMED;
}

enum mg_status mg_http_order_fields(struct mg_http_order *order, const struct mg_http_ask *ask,
                                    bool foreign, struct mg_arena *arena, const char **why)
{
    bool accepts = false, hosted = false, named = mg_headers_connection_names(&ask->headers);
    struct mg_header *fields =
        mg_arena_alloc(arena, (ask->headers.count + 1) * sizeof *fields); // and an Accept
    if (!fields)
        return MG_NO_MEMORY;
    order->headers = fields;
    order->header_count = 0;
    for (unsigned i = 0; i < ask->headers.count; i++) {
        struct mg_header field = ask->headers.items[i];
        enum mg_header_name name = mg_header_name_of(field.name);
        if (!mg_headers_name_ok(field.name))
            return wrong("a header name of the call is not a token", why);
        if (!mg_headers_value_ok(field.value))
            return wrong("a header value of the call has control bytes", why);
        if (!goes_out(order, ask, name, foreign) ||
            (named && mg_headers_hop_by_hop(&ask->headers, field.name)))
            continue;
        if (name == MG_HEADER_HOST && hosted)
            return wrong("the call has more than one Host", why);
        hosted = hosted || name == MG_HEADER_HOST;
        accepts = accepts || name == MG_HEADER_ACCEPT;
        field.value = mg_str_trim(field.value);
        fields[order->header_count++] = field;
    }
    if (!accepts)
        fields[order->header_count++] = (struct mg_header){MG_STR("Accept"), MG_STR("*/*")};
    return MG_OK;
}

// The path of the service's URL has no "/" at its end, and no query.
enum mg_status mg_http_order_site(struct mg_url *site, const struct mg_url *base,
                                  struct mg_str path, struct mg_arena *arena, const char **why)
{
    *site = *base;
    if (path.len && path.data[0] != '/' && path.data[0] != '?')
        return wrong("the call's path does not start with / or ?", why);
    if (!mg_url_path_ok(path))
        return wrong("the call's path has a byte that cannot be there", why);
    struct mg_str before = base->path;
    if (!before.len && path.len && path.data[0] == '/') {
        site->path = path;
        return MG_OK;
    }
    if (!before.len)
        before = MG_STR("/");
    char *joined = mg_arena_alloc(arena, before.len + path.len);
    if (!joined)
        return MG_NO_MEMORY;
    memcpy(joined, before.data, before.len);
    if (path.len)
        memcpy(joined + before.len, path.data, path.len);
    site->path = (struct mg_str){joined, before.len + path.len};
    return MG_OK;
}
