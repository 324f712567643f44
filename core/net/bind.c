// Binding: addresses as text to listening sockets, and back.
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { backlog = 4096 }; // net.core.somaxconn bounds it

static bool parse_port(struct mg_str text, in_port_t *port)
{
    uint64_t value;
    if (text.len > 5 || !mg_str_uint(text, &value) || value > 65535)
        return false;
    *port = htons((uint16_t)value);
    return true;
}

// inet_pton wants a NUL.
static bool parse_host(int family, struct mg_str text, void *address)
{
    char host[INET6_ADDRSTRLEN];
    if (text.len >= sizeof host)
        return false;
    memcpy(host, text.data, text.len);
    host[text.len] = '\0';
    return strlen(host) == text.len && inet_pton(family, host, address) == 1;
}

// "127.0.0.1:8080" or "[::1]:8080"; 0 when it is neither.
static socklen_t parse(struct mg_str text, struct sockaddr_storage *to)
{
    struct sockaddr_in *in = (struct sockaddr_in *)to;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
    memset(to, 0, sizeof *to);
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return 0;
    struct mg_str host = mg_str_cut(text, 0, colon - 1), port = mg_str_cut(text, colon, text.len);
    if (host.data[0] == '[' && host.data[host.len - 1] == ']') {
        in6->sin6_family = AF_INET6;
        host = host.len > 2 ? mg_str_cut(host, 1, host.len - 1) : MG_STR("");
        return parse_port(port, &in6->sin6_port) && parse_host(AF_INET6, host, &in6->sin6_addr)
                   ? sizeof *in6
                   : 0;
    }
    in->sin_family = AF_INET;
    return parse_port(port, &in->sin_port) && parse_host(AF_INET, host, &in->sin_addr) ? sizeof *in
                                                                                       : 0;
}

static int cannot(struct mg_str address, const char *reason, struct mg_buf *why)
{
    mg_buf_printf(why, "%.*s: %s", (int)address.len, address.data, reason);
    return -1;
}

static const char *plain_words(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "the port is in use";
    case EACCES:
        return "permission denied";
    case EADDRNOTAVAIL:
        return "this machine has no such address";
    default:
        return strerror(error);
    }
}

static bool set(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

static bool start(int fd, const struct sockaddr_storage *to, socklen_t len, bool shared)
{
    return set(fd, SOL_SOCKET, SO_REUSEADDR) && (!shared || set(fd, SOL_SOCKET, SO_REUSEPORT)) &&
           (to->ss_family != AF_INET6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
           bind(fd, (const struct sockaddr *)to, len) == 0 && listen(fd, backlog) == 0;
}

int mg_listener_bind(struct mg_str address, bool shared, struct mg_buf *why)
{
    struct sockaddr_storage to;
    socklen_t len = parse(address, &to);
    if (!len)
        return cannot(address, "not an address such as 127.0.0.1:8080 or [::1]:8080", why);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cannot(address, plain_words(errno), why);
    if (start(fd, &to, len, shared))
        return fd;
    int error = errno;
    close(fd);
    return cannot(address, plain_words(error), why);
}

bool mg_listener_address(int fd, struct mg_buf *address)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char host[INET6_ADDRSTRLEN];
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return false;
    if (at.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&at;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        return mg_buf_printf(address, "%s:%u", host, ntohs(in->sin_port));
    }
    if (at.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&at;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        return mg_buf_printf(address, "[%s]:%u", host, ntohs(in6->sin6_port));
    }
    if (at.ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)&at;
        size_t named = len > offsetof(struct sockaddr_un, sun_path)
                           ? strnlen(un->sun_path, len - offsetof(struct sockaddr_un, sun_path))
                           : 0;
        return mg_buf_printf(address, "unix:%.*s", (int)named, un->sun_path);
    }
    return false;
}

bool mg_listener_local(int fd)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return false;
    if (at.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&at)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (at.ss_family != AF_INET6)
        return true;
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)&at)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(in6) ||
           (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == IN_LOOPBACKNET);
}
