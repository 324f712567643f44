// http and https URLs of services and redirects (RFC 3986, RFC 9110 §4.2). Stricter than the
// standard, so that nothing reads a URL in another way than this parser does: no userinfo, no
// fragment, a host of letters, digits, "-", "_" and "." or an address, numbers only as IPv4.
#ifndef MG_BACKEND_URL_H
#define MG_BACKEND_URL_H

#include "base/buf.h"

struct mg_url {
    bool secure;          // https
    bool literal;         // the host is an address, or there is a socket: no name to look up
    struct mg_str socket; // the path of a unix socket to connect to; empty: by host and port
    struct mg_str host;   // as written; IPv6 with its brackets
    uint16_t port;        // 80 or 443 where none is written
    struct mg_str base;   // "http://host:port", as written
    struct mg_str path;   // what follows: "", or starts with "/" or "?"; with its query
};

// Fills *url with bytes of `text`. NULL, or what is wrong with it: "its port is not a number".
const char *mg_url_parse(struct mg_str text, struct mg_url *url);
// The same for what gateway.lua may say, and no redirect: also "unix:/run/app.sock", or with a path
// for the requests behind it, "unix:/run/app.sock:/prefix". It stands for http://localhost.
const char *mg_url_parse_own(struct mg_str text, struct mg_url *url);

// By scheme, host and port; a socket is no part of it.
bool mg_url_same_origin(const struct mg_url *a, const struct mg_url *b);

// True when every byte may stand in a path with query: printable ASCII without "#" and space.
bool mg_url_path_ok(struct mg_str path);

// Appends the URL that `reference` means where `base` was asked for (RFC 3986 §5.2), without its
// fragment. False when there is no room.
bool mg_url_join(const struct mg_url *base, struct mg_str reference, struct mg_buf *url);

#endif
