#include "backend/http_redirect.h"

bool mg_http_redirects(int status, const struct mg_headers *headers)
{
    unsigned index = 0;
    bool asks = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    return asks && mg_headers_next(headers, MG_STR("location"), &index);
}

enum mg_status mg_http_redirect_target(const struct mg_url *from, const struct mg_headers *headers,
                                       struct mg_buf *target)
{
    unsigned index = 0;
    struct mg_url parsed;
    const struct mg_header *field = mg_headers_next(headers, MG_STR("location"), &index);
    mg_buf_clear(target);
    mg_url_join(from, field->value, target);
    if (!mg_buf_put_char(target, 0))
        return MG_NO_MEMORY;
    target->len--;
    return mg_url_parse(mg_buf_str(target), &parsed) ? MG_MALFORMED : MG_OK;
}

bool mg_http_redirect_to_get(int status, enum mg_method method)
{
    if (status == 303)
        return method != MG_HEAD;
    return (status == 301 || status == 302) && method == MG_POST;
}

bool mg_http_redirect_may_go(const struct mg_url *target, const struct mg_url *home,
                             const struct mg_addresses *addresses)
{
    struct mg_address literal;
    if (mg_url_same_origin(target, home))
        return true;
    if (!addresses)
        return mg_address_parse(target->host, &literal) && mg_address_public(&literal);
    for (unsigned i = 0; i < addresses->count; i++)
        if (!mg_address_public(&addresses->items[i]))
            return false;
    return true;
}
