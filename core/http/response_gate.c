#include "http/response_gate.h"

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *mg_response_gate_status(struct mg_str line, int *status)
{
    static const char wrong[] = "the answer is not HTTP";
    *status = 0;
    if (line.len < 12 || memcmp(line.data, "HTTP/1.", 7) != 0 ||
        (line.data[7] != '0' && line.data[7] != '1') || line.data[8] != ' ' ||
        (line.len > 12 && line.data[12] != ' '))
        return wrong;
    for (unsigned i = 9; i < 12; i++) {
        if (!digit(line.data[i]))
            return wrong;
        *status = *status * 10 + (line.data[i] - '0');
    }
    bool known = *status >= 100 && *status <= 599 && *status != 101;
    return known && mg_headers_value_ok(line) ? NULL : wrong;
}

const char *mg_response_gate_field(struct mg_str line, struct mg_header *field)
{
    if (line.len && (line.data[0] == ' ' || line.data[0] == '\t'))
        return "the answer has a folded header field";
    size_t colon = mg_str_find(line, ':', 0);
    field->name = mg_str_cut(line, 0, colon);
    if (colon == line.len || !mg_headers_name_ok(field->name))
        return "the answer has a header field without a proper name";
    field->value = mg_str_trim(mg_str_cut(line, colon + 1, line.len));
    return mg_headers_value_ok(field->value) ? NULL
                                             : "the answer has a header value with control bytes";
}

const char *mg_response_gate_framing(const struct mg_headers *headers, struct mg_framing *framing)
{
    *framing = (struct mg_framing){0};
    unsigned index = 0;
    const struct mg_header *field = mg_headers_next(headers, MG_STR("content-length"), &index);
    framing->has_length = field != NULL;
    // Even twice the same is refused: it comes from somebody who does not watch the framing.
    if (field && (!mg_str_uint(field->value, &framing->length) || framing->length > INT64_MAX ||
                  mg_headers_next(headers, MG_STR("content-length"), &index)))
        return "the answer's Content-Length is not one number";
    index = 0;
    field = mg_headers_next(headers, MG_STR("transfer-encoding"), &index);
    framing->chunked = field != NULL;
    if (!field)
        return NULL;
    if (!mg_str_eq_nocase(field->value, MG_STR("chunked")) ||
        mg_headers_next(headers, MG_STR("transfer-encoding"), &index))
        return "the answer's Transfer-Encoding is not chunked";
    return framing->has_length ? "the answer has both Content-Length and Transfer-Encoding" : NULL;
}
