#include "backend/redis_url.h"

#include "backend/url.h"
#include "base/percent.h"

enum {
    path_most = 107, // of a socket's path (unix(7))
    db_most = 1000000,
};

static const char *parse_db(struct mg_str text, struct mg_redis_url *url)
{
    uint64_t db;
    if (text.len == 0)
        return NULL;
    if (!mg_str_uint(text, &db) || db > db_most)
        return "its database is not a number";
    url->db = (unsigned)db;
    return NULL;
}

static const char *parse_user(struct mg_str text, struct mg_arena *arena, struct mg_redis_url *url)
{
    size_t colon = mg_str_find(text, ':', 0);
    struct mg_str user = mg_str_cut(text, 0, colon);
    struct mg_str password = mg_str_cut(text, colon < text.len ? colon + 1 : colon, text.len);
    if (!mg_percent_decode(user, false, arena, &url->user) ||
        !mg_percent_decode(password, false, arena, &url->password))
        return "its user or password has a broken escape";
    return url->password.len ? NULL : "it has a user without a password";
}

// The rules for hosts and ports are those of any URL.
static const char *parse_host(struct mg_str text, struct mg_arena *arena, struct mg_redis_url *url)
{
    struct mg_url site;
    size_t bracket = text.len;
    while (bracket > 0 && text.data[bracket - 1] != ']')
        bracket--;
    if (!text.len || text.data[0] == ':')
        return "it has no host";
    bool has_port = mg_str_find(text, ':', bracket) < text.len;
    struct mg_str whole =
        mg_arena_printf(arena, "http://%.*s%s", (int)text.len, text.data, has_port ? "" : ":6379");
    const char *wrong = whole.data ? mg_url_parse(whole, &site) : "no memory";
    if (wrong)
        return wrong;
    if (site.path.len)
        return "its host has a byte that cannot be there";
    url->host = site.host;
    url->literal = site.literal;
    url->port = site.port;
    return NULL;
}

static const char *parse_socket(struct mg_str rest, struct mg_arena *arena,
                                struct mg_redis_url *url)
{
    size_t query = mg_str_find(rest, '?', 0);
    struct mg_str path = mg_str_cut(rest, 0, query), db = MG_STR("db=");
    if (!mg_percent_decode(path, false, arena, &url->path))
        return "its path has a broken escape";
    if (!url->path.len || url->path.data[0] != '/')
        return "the path of its socket is not absolute";
    if (url->path.len > path_most)
        return "the path of its socket is too long";
    if (query == rest.len)
        return NULL;
    rest = mg_str_cut(rest, query + 1, rest.len);
    if (!mg_str_starts(rest, db) || rest.len == db.len)
        return "behind its path only ?db= can stand";
    return parse_db(mg_str_cut(rest, db.len, rest.len), url);
}

const char *mg_redis_url_parse(struct mg_str text, struct mg_arena *arena, struct mg_redis_url *url)
{
    struct mg_str plain = MG_STR("redis://"), local = MG_STR("redis+unix://");
    *url = (struct mg_redis_url){0};
    if (memchr(text.data ? text.data : "", 0, text.len) || text.len > 4096)
        return "it is no URL";
    if (mg_str_starts(text, local))
        return parse_socket(mg_str_cut(text, local.len, text.len), arena, url);
    if (!mg_str_starts(text, plain))
        return "it does not start with redis:// or redis+unix://";
    struct mg_str rest = mg_str_cut(text, plain.len, text.len);
    size_t slash = mg_str_find(rest, '/', 0);
    struct mg_str authority = mg_str_cut(rest, 0, slash);
    size_t at = authority.len;
    while (at > 0 && authority.data[at - 1] != '@')
        at--;
    const char *wrong = NULL;
    if (at > 0)
        wrong = parse_user(mg_str_cut(authority, 0, at - 1), arena, url);
    if (!wrong)
        wrong = parse_host(mg_str_cut(authority, at, authority.len), arena, url);
    if (!wrong && slash < rest.len)
        wrong = parse_db(mg_str_cut(rest, slash + 1, rest.len), url);
    return wrong;
}
