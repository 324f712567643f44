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
    size_t colon = mg_headers_name_end(line);
    field->name = mg_str_cut(line, 0, colon);
    if (colon == 0 || colon == line.len || line.data[colon] != ':')
        return "the answer has a header field without a proper name";
    field->value = mg_str_trim(mg_str_cut(line, colon + 1, line.len));
    return mg_headers_value_ok(field->value) ? NULL
                                             : "the answer has a header value with control bytes";
}

const char *mg_response_gate_framing(const struct mg_headers *headers, struct mg_framing *framing)
{
    static const char bad_length[] = "the answer's Content-Length is not one number";
    static const char bad_coding[] = "the answer's Transfer-Encoding is not chunked";
    *framing = (struct mg_framing){0};
    for (unsigned i = 0; i < headers->count; i++) {
        const struct mg_header *field = &headers->items[i];
        if (mg_str_eq_nocase(field->name, MG_STR("Content-Length"))) {
            // Even twice the same is refused: who sends it does not watch the framing.
            if (framing->has_length || !mg_str_uint(field->value, &framing->length) ||
                framing->length > INT64_MAX)
                return bad_length;
            framing->has_length = true;
        } else if (mg_str_eq_nocase(field->name, MG_STR("Transfer-Encoding"))) {
            if (framing->chunked || !mg_str_eq_nocase(field->value, MG_STR("chunked")))
                return bad_coding;
            framing->chunked = true;
        }
    }
    return framing->has_length && framing->chunked
               ? "the answer has both Content-Length and Transfer-Encoding"
               : NULL;
}
