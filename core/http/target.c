#include "http/target.h"

// Visible ASCII but "#": a fragment has no place in a request (RFC 9112 §3.2), and what is not
// ASCII must come percent-encoded (RFC 3986 §2).
static bool target_bytes_ok(struct mg_str text)
{
    static const bool ok[256] = {['!' ... '"'] = true, ['$' ... '~'] = true};
    for (size_t i = 0; i < text.len; i++)
        if (!ok[(unsigned char)text.data[i]])
            return false;
    return text.len > 0;
}

// Length of "http://" or "https://" in front of `text`, in any case; 0 when it has neither.
static size_t scheme_len(struct mg_str text)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct mg_str scheme = mg_str_of(schemes[i]);
        if (text.len > scheme.len && mg_str_eq_nocase(mg_str_cut(text, 0, scheme.len), scheme))
            return scheme.len;
    }
    return 0;
}

static void set_target(struct mg_request *request, struct mg_str target)
{
    size_t mark = mg_str_find(target, '?', 0);
    request->target = target;
    request->path = mg_str_cut(target, 0, mark);
    request->query =
        mark < target.len ? mg_str_cut(target, mark + 1, target.len) : (struct mg_str){NULL, 0};
}

// An absolute target without a path means "/", and "*" for OPTIONS (RFC 9112 §3.2.4).
static bool set_absolute(struct mg_request *request, struct mg_str rest)
{
    if (rest.len > 0 && rest.data[0] == '/') {
        set_target(request, rest);
        return true;
    }
    struct mg_str target =
        rest.len == 0 && request->method == MG_OPTIONS
            ? MG_STR("*")
            : mg_arena_printf(&request->arena, "/%.*s", (int)rest.len, rest.len ? rest.data : "");
    if (!target.data)
        return false;
    set_target(request, target);
    return true;
}

bool mg_target_parse(struct mg_request *request, struct mg_str text, struct mg_str *authority)
{
    *authority = (struct mg_str){NULL, 0};
    if (!target_bytes_ok(text))
        return false;
    if (text.data[0] == '/' || (mg_str_is(text, "*") && request->method == MG_OPTIONS)) {
        set_target(request, text);
        return true;
    }
    size_t from = scheme_len(text);
    if (from == 0)
        return false;
    size_t to = from;
    while (to < text.len && text.data[to] != '/' && text.data[to] != '?')
        to++;
    *authority = mg_str_cut(text, from, to);
    return to > from && set_absolute(request, mg_str_cut(text, to, text.len));
}

static bool port_ok(struct mg_str port)
{
    uint64_t number = 0;
    return port.len == 0 || (port.len <= 5 && mg_str_uint(port, &number) && number <= 65535);
}

// Narrower than RFC 3986 §3.2.2: letters, digits, "-._~" name every host there is; escapes and
// delimiters in a host only ever serve to be read differently by the next server.
static const bool name_chars[256] = {
    ['0' ... '9'] = true, ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['-'] = true,
    ['.'] = true,         ['_'] = true,         ['~'] = true,
};

static bool v6_char(char c)
{
    c = mg_lower(c);
    return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

// Length of the host in front of `authority`; 0 when there is none.
static size_t host_len(struct mg_str authority)
{
    size_t len = 0;
    if (authority.len > 0 && authority.data[0] == '[') {
        for (len = 1; len < authority.len && v6_char(authority.data[len]);)
            len++;
        return len > 1 && len < authority.len && authority.data[len] == ']' ? len + 1 : 0;
    }
    while (len < authority.len && name_chars[(unsigned char)authority.data[len]])
        len++;
    return len;
}

struct mg_str mg_authority_host(struct mg_arena *arena, struct mg_str authority)
{
    struct mg_str none = {NULL, 0};
    size_t len = host_len(authority);
    if (len == 0)
        return none;
    if (len < authority.len &&
        (authority.data[len] != ':' || !port_ok(mg_str_cut(authority, len + 1, authority.len))))
        return none;
    char *host = mg_arena_alloc(arena, len);
    if (!host)
        return none;
    for (size_t i = 0; i < len; i++)
        host[i] = mg_lower(authority.data[i]);
    return (struct mg_str){host, len};
}
