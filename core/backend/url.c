// Written by hand: libcurl's URL parser takes more than is meant here (userinfo, "127.1",
// fragments) and curl/curl.h stays in one file.
#include "backend/url.h"

#include "backend/address.h"

enum { socket_path_most = 107 }; // of struct sockaddr_un, without the NUL

static bool take(struct mg_str *text, struct mg_str prefix)
{
    if (text->len < prefix.len ||
        !mg_str_eq_nocase((struct mg_str){text->data, prefix.len}, prefix))
        return false;
    *text = mg_str_cut(*text, prefix.len, text->len);
    return true;
}

static size_t find_any(struct mg_str text, const char *stops)
{
    size_t at = 0;
    while (at < text.len && !strchr(stops, text.data[at]))
        at++;
    return at;
}

static bool digits(struct mg_str text)
{
    uint64_t value;
    return mg_str_uint(text, &value);
}

// A host whose last label is a number is an address in some spelling, so it must be the plain one.
static bool host_is_number(struct mg_str host)
{
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    size_t from = host.len;
    while (from > 0 && host.data[from - 1] != '.')
        from--;
    struct mg_str label = mg_str_cut(host, from, host.len);
    return label.len == 0 || digits(label) ||
           (label.len > 1 && label.data[0] == '0' && mg_lower(label.data[1]) == 'x');
}

static bool host_ok(struct mg_str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = mg_lower(host.data[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return host.len > 0 && host.len <= 253 && host.data[0] != '.' && !host_is_number(host);
}

static const char *parse_port(struct mg_str text, struct mg_url *url)
{
    uint64_t port;
    if (text.len == 0)
        return NULL;
    text = mg_str_cut(text, 1, text.len);
    if (text.len > 5 || !mg_str_uint(text, &port) || port == 0 || port > 65535)
        return "its port is not a number from 1 to 65535";
    url->port = (uint16_t)port;
    return NULL;
}

static const char *parse_authority(struct mg_str text, struct mg_url *url)
{
    struct mg_address address;
    size_t end = mg_str_find(text, ':', 0);
    if (text.len && text.data[0] == '[') {
        end = mg_str_find(text, ']', 0);
        end += end < text.len;
        if (end < text.len && text.data[end] != ':')
            return "its host is not an address";
    }
    url->host = mg_str_cut(text, 0, end);
    url->literal = mg_address_parse(url->host, &address);
    if (memchr(text.data, '@', text.len))
        return "it has a user name in it";
    if (!url->literal && !host_ok(url->host))
        return text.len ? "its host is neither a name nor an address" : "it has no host";
    return parse_port(mg_str_cut(text, end, text.len), url);
}

bool mg_url_path_ok(struct mg_str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] <= 0x20 || path.data[i] == 0x7f || path.data[i] == '#')
            return false;
    return true;
}

const char *mg_url_parse(struct mg_str text, struct mg_url *url)
{
    struct mg_str rest = text;
    *url = (struct mg_url){0};
    if (take(&rest, MG_STR("https://")))
        url->secure = true;
    else if (!take(&rest, MG_STR("http://")))
        return "it does not start with http:// or https://";
    url->port = url->secure ? 443 : 80;
    size_t end = find_any(rest, "/?#\\");
    const char *wrong = parse_authority(mg_str_cut(rest, 0, end), url);
    if (wrong)
        return wrong;
    url->path = mg_str_cut(rest, end, rest.len);
    url->base = mg_str_cut(text, 0, text.len - url->path.len);
    bool rooted = !url->path.len || url->path.data[0] == '/' || url->path.data[0] == '?';
    return rooted && mg_url_path_ok(url->path) ? NULL : "its path has a byte that cannot be there";
}

// The last ":/" is where the path of the requests begins.
const char *mg_url_parse_own(struct mg_str text, struct mg_url *url)
{
    struct mg_str rest = text;
    if (!take(&rest, MG_STR("unix:")))
        return mg_url_parse(text, url);
    mg_url_parse(MG_STR("http://localhost"), url);
    url->literal = true;
    url->socket = rest;
    for (size_t at = rest.len; at-- > 1;)
        if (rest.data[at] == ':' && at + 1 < rest.len && rest.data[at + 1] == '/') {
            url->socket = mg_str_cut(rest, 0, at);
            url->path = mg_str_cut(rest, at + 1, rest.len);
            break;
        }
    if (!url->socket.len || url->socket.len > socket_path_most)
        return "its socket's path is empty, or longer than 107 bytes";
    return mg_url_path_ok(url->path) ? NULL : "its path has a byte that cannot be there";
}

bool mg_url_same_origin(const struct mg_url *a, const struct mg_url *b)
{
    return a->secure == b->secure && a->port == b->port && mg_str_eq_nocase(a->host, b->host);
}

// Appends `path` without its "." and ".." segments (RFC 3986 §5.2.4); `floor` is where it starts.
static void put_dotless(struct mg_buf *url, struct mg_str path)
{
    size_t floor = url->len;
    for (size_t from = 1; from <= path.len;) {
        size_t to = mg_str_find(path, '/', from);
        struct mg_str segment = mg_str_cut(path, from, to);
        bool dots = mg_str_is(segment, "..");
        while (dots && url->len > floor && url->data[--url->len] != '/')
            ;
        if (!dots && !mg_str_is(segment, ".")) {
            mg_buf_put_char(url, '/');
            mg_buf_put(url, segment);
        } else if (to == path.len) {
            mg_buf_put_char(url, '/');
        }
        from = to + 1;
    }
}

static bool has_scheme(struct mg_str reference)
{
    size_t at = find_any(reference, ":/?");
    return at > 0 && at < reference.len && reference.data[at] == ':';
}

bool mg_url_join(const struct mg_url *base, struct mg_str reference, struct mg_buf *url)
{
    reference = mg_str_cut(reference, 0, mg_str_find(reference, '#', 0));
    if (has_scheme(reference))
        return mg_buf_put(url, reference);
    if (mg_str_starts(reference, MG_STR("//"))) {
        mg_buf_put(url, base->secure ? MG_STR("https:") : MG_STR("http:"));
        return mg_buf_put(url, reference);
    }
    struct mg_str old = base->path; // its path without the query, then what is kept of that
    size_t old_end = mg_str_find(old, '?', 0), keep = old_end;
    struct mg_str path = mg_str_cut(reference, 0, mg_str_find(reference, '?', 0));
    mg_buf_put(url, base->base);
    if (reference.len == 0)
        return mg_buf_put(url, old);
    if (path.len == 0)
        return mg_buf_put(url, mg_str_cut(old, 0, old_end)) && mg_buf_put(url, reference);
    struct mg_buf merged = {0};
    while (keep > 0 && old.data[keep - 1] != '/')
        keep--;
    if (path.data[0] != '/')
        mg_buf_put(&merged, keep ? mg_str_cut(old, 0, keep) : MG_STR("/"));
    if (mg_buf_put(&merged, path))
        put_dotless(url, mg_buf_str(&merged));
    bool ok = merged.failed == MG_OK;
    mg_buf_fini(&merged);
    return ok && mg_buf_put(url, mg_str_cut(reference, path.len, reference.len));
}
