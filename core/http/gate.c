#include "http/gate.h"

#include "http/target.h"

enum { CHUNK_DIGITS_MOST = 16, REQUEST_ID_MOST = 64 };

static const struct mg_refusal FINE = {0, NULL};

static struct mg_refusal refusal(int status, const char *detail)
{
    return (struct mg_refusal){status, detail};
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

// HTTP-version (RFC 9112 §2.3): two digits, and of those only 1.0 and 1.1 are spoken here.
static struct mg_refusal check_version(struct mg_request *request, struct mg_str text)
{
    if (text.len != 8 || !mg_str_starts(text, MG_STR("HTTP/")) || !digit(text.data[5]) ||
        text.data[6] != '.' || !digit(text.data[7]))
        return refusal(400, "The request line does not end in an HTTP version.");
    if (text.data[5] != '1' || text.data[7] > '1')
        return refusal(505, "Only HTTP/1.0 and HTTP/1.1 are served here.");
    request->old = text.data[7] == '0';
    return FINE;
}

static struct mg_refusal check_method(struct mg_request *request, struct mg_str text)
{
    if (!mg_headers_name_ok(text))
        return refusal(400, "The request line does not begin with a method.");
    if (!mg_method_of(text, &request->method))
        return refusal(501, "The method is not one that is served here.");
    return FINE;
}

struct mg_refusal mg_gate_request_line(struct mg_request *request, struct mg_str line,
                                       size_t target_most, struct mg_str *authority)
{
    size_t first = mg_str_find(line, ' ', 0);
    size_t second = first < line.len ? mg_str_find(line, ' ', first + 1) : line.len;
    if (second == line.len)
        return refusal(400, "The request line is not method, target and version.");
    struct mg_str target = mg_str_cut(line, first + 1, second);
    struct mg_refusal found = check_version(request, mg_str_cut(line, second + 1, line.len));
    if (!found.status)
        found = check_method(request, mg_str_cut(line, 0, first));
    if (found.status)
        return found;
    if (target.len > target_most)
        return refusal(414, "The request target is too long.");
    if (!mg_target_parse(request, target, authority))
        return refusal(400, "The request target is not a valid one.");
    return FINE;
}

struct mg_refusal mg_gate_field(struct mg_str line, struct mg_str *name, struct mg_str *value)
{
    if (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
        return refusal(400, "A header field is continued on a second line.");
    size_t colon = mg_str_find(line, ':', 0);
    if (colon == line.len)
        return refusal(400, "A header field has no colon.");
    *name = mg_str_cut(line, 0, colon);
    *value = mg_str_trim(mg_str_cut(line, colon + 1, line.len));
    if (!mg_headers_name_ok(*name))
        return refusal(400, "A header field has no valid name.");
    if (mg_str_find(*name, '_', 0) < name->len)
        return refusal(400, "A header field has an underscore in its name.");
    if (!mg_headers_value_ok(*value))
        return refusal(400, "A header field has a control character in its value.");
    return FINE;
}

// The only field of that name: 1, none: 0, more than one: 2 (then *field is the first).
static int single(const struct mg_headers *headers, struct mg_str name, struct mg_header **field)
{
    unsigned index = 0;
    *field = (struct mg_header *)mg_headers_next(headers, name, &index);
    if (!*field)
        return 0;
    return mg_headers_next(headers, name, &index) ? 2 : 1;
}

static struct mg_refusal check_host(struct mg_request *request, struct mg_str authority)
{
    struct mg_header *field;
    int count = single(&request->headers, MG_STR("host"), &field);
    if (count > 1)
        return refusal(400, "There is more than one Host header field.");
    if (count == 0 && !request->old)
        return refusal(400, "The Host header field is missing.");
    if (count == 1) {
        request->host = mg_authority_host(&request->arena, field->value);
        if (!request->host.data)
            return refusal(400, "The Host header field is not a host.");
    }
    if (authority.len == 0)
        return FINE;
    request->host = mg_authority_host(&request->arena, authority);
    if (!request->host.data)
        return refusal(400, "The request target has no valid host.");
    if (count == 1)
        field->value = authority;
    return FINE;
}

// A list of codings that a server could know, with "chunked" last or not at all, is answered 501
// (RFC 9112 §6.1); anything else frames nothing that two readers would agree on.
static struct mg_refusal other_coding(struct mg_str value)
{
    for (size_t from = 0; from <= value.len;) {
        size_t comma = mg_str_find(value, ',', from);
        struct mg_str coding = mg_str_trim(mg_str_cut(value, from, comma));
        if (!mg_headers_name_ok(coding) ||
            (comma < value.len && mg_str_eq_nocase(coding, MG_STR("chunked"))))
            return refusal(400, "The Transfer-Encoding header field is not valid.");
        from = comma + 1;
    }
    return refusal(501, "Of all transfer codings only chunked is understood here.");
}

static struct mg_refusal check_coding(struct mg_request *request, bool with_length,
                                      struct mg_framing *framing)
{
    struct mg_header *field;
    int count = single(&request->headers, MG_STR("transfer-encoding"), &field);
    if (count == 0)
        return FINE;
    if (count > 1)
        return refusal(400, "There is more than one Transfer-Encoding header field.");
    if (with_length)
        return refusal(400, "Both Transfer-Encoding and Content-Length are given.");
    if (request->old)
        return refusal(400, "HTTP/1.0 has no Transfer-Encoding.");
    if (!mg_str_eq_nocase(field->value, MG_STR("chunked")))
        return other_coding(field->value);
    framing->chunked = true;
    return FINE;
}

static bool all_digits(struct mg_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!digit(text.data[i]))
            return false;
    return text.len > 0;
}

static struct mg_refusal check_framing(struct mg_request *request, struct mg_framing *framing)
{
    struct mg_header *field;
    int count = single(&request->headers, MG_STR("content-length"), &field);
    struct mg_refusal found = check_coding(request, count > 0, framing);
    if (found.status || count == 0)
        return found;
    if (count > 1)
        return refusal(400, "There is more than one Content-Length header field.");
    if (!all_digits(field->value))
        return refusal(400, "The Content-Length header field is not a number.");
    if (!mg_str_uint(field->value, &framing->length) || framing->length > INT64_MAX)
        return refusal(413, "The announced body is too large.");
    framing->has_length = true;
    return FINE;
}

// The client's X-Request-Id, when it is one that can stand in logs and headers as it is.
static struct mg_str sound_id(const struct mg_headers *headers)
{
    struct mg_str none = {NULL, 0};
    struct mg_header *field;
    if (single(headers, MG_STR("x-request-id"), &field) != 1 || field->value.len == 0 ||
        field->value.len > REQUEST_ID_MOST)
        return none;
    for (size_t i = 0; i < field->value.len; i++) {
        char c = mg_lower(field->value.data[i]);
        if (!(c >= 'a' && c <= 'z') && !digit(c) && c != '.' && c != '_' && c != '-')
            return none;
    }
    return field->value;
}

struct mg_refusal mg_gate_head(struct mg_request *request, struct mg_str authority,
                               struct mg_framing *framing)
{
    *framing = (struct mg_framing){0};
    struct mg_refusal found = check_host(request, authority);
    if (!found.status)
        found = check_framing(request, framing);
    if (found.status)
        return found;
    request->has_body = framing->chunked || framing->has_length;
    request->body_length = framing->chunked ? -1 : (int64_t)framing->length;
    request->id = sound_id(&request->headers);
    return FINE;
}

static bool hex(char c)
{
    c = mg_lower(c);
    return digit(c) || (c >= 'a' && c <= 'f');
}

static size_t token_end(struct mg_str text, size_t from)
{
    while (from < text.len && mg_headers_name_ok(mg_str_cut(text, from, from + 1)))
        from++;
    return from;
}

// Where the quoted string that begins at `from` ends, or `from` when it does not (RFC 9110 §5.6.4).
static size_t quoted_end(struct mg_str text, size_t from)
{
    for (size_t at = from + 1; at < text.len; at++) {
        if (text.data[at] == '\\')
            at++;
        else if (text.data[at] == '"')
            return at + 1;
    }
    return from;
}

// *( ";" name [ "=" ( token / quoted-string ) ] ), RFC 9112 §7.1.1, without the white space that
// only bad senders put around ";" and "=".
static bool extensions_ok(struct mg_str text)
{
    for (size_t at = 0; at < text.len;) {
        if (text.data[at] != ';')
            return false;
        size_t name = at + 1;
        at = token_end(text, name);
        if (at == name)
            return false;
        if (at == text.len || text.data[at] != '=')
            continue;
        size_t value = at + 1;
        bool quoted = value < text.len && text.data[value] == '"';
        at = quoted ? quoted_end(text, value) : token_end(text, value);
        if (at == value)
            return false;
    }
    return true;
}

struct mg_refusal mg_gate_chunk(struct mg_str line, struct mg_str *digits)
{
    size_t len = 0;
    while (len < line.len && hex(line.data[len]))
        len++;
    *digits = mg_str_cut(line, 0, len);
    if (len == 0 || len > CHUNK_DIGITS_MOST)
        return refusal(400, "A chunk does not begin with its size.");
    if (!extensions_ok(mg_str_cut(line, len, line.len)))
        return refusal(400, "A chunk has an extension that is not valid.");
    return FINE;
}

bool mg_gate_trailer(struct mg_str name)
{
    static const char *const refused[] = {
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "max-forwards",
        "pragma",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (mg_str_eq_nocase(name, mg_str_of(refused[i])))
            return false;
    return true;
}
