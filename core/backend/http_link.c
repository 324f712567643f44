#include "backend/http_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "backend/http_peer.h"

// How long an address is waited for that is not the last one: a network that swallows packets
// must not take the time of one that works (RFC 8305 §5 has 250 ms).
enum { address_patience = 200 };

// A unix socket whose queue is full says so at once, where TCP would wait: it is asked again.
enum { full_patience = 5 };

struct mg_http_link *mg_http_link_new(struct mg_http_sockets *sockets)
{
    struct mg_http_link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->sockets = sockets;
    link->fd = -1;
    return link;
}

void mg_http_link_free(struct mg_http_link *link)
{
    mg_response_parser_free(link->parser);
    mg_addresses_drop(link->addresses);
    mg_buf_fini(&link->request);
    mg_buf_fini(&link->held);
    free(link);
}

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static socklen_t fill_address(union socket_address *to, const struct mg_address *address,
                              const struct mg_http_peer *peer)
{
    uint16_t port = peer->port;
    struct mg_str path = mg_http_peer_socket(peer);
    memset(to, 0, sizeof *to);
    to->any.sa_family = (sa_family_t)address->family;
    if (address->family == AF_UNIX) {
        memcpy(to->un.sun_path, path.data, path.len); // it fits: mg_url_parse_own has seen to it
        return sizeof to->un;
    }
    if (address->family == AF_INET) {
        to->v4.sin_port = htons(port);
        memcpy(&to->v4.sin_addr, address->bytes, sizeof to->v4.sin_addr);
        return sizeof to->v4;
    }
    to->v6.sin6_port = htons(port);
    memcpy(&to->v6.sin6_addr, address->bytes, sizeof to->v6.sin6_addr);
    return sizeof to->v6;
}

static bool dial_address(struct mg_http_link *link, const struct mg_address *address)
{
    union socket_address to;
    socklen_t len = fill_address(&to, address, link->peer);
    int one = 1, fd = mg_http_sockets_open(link->sockets, address->family, SOCK_STREAM, 0);
    if (fd < 0) {
        link->wrong = ECONNREFUSED; // no descriptors, no memory: nobody was reached
        return false;
    }
    if (address->family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, &to.any, len) != 0 && errno != EINPROGRESS) {
        link->wrong = errno;
        mg_http_sockets_close(link->sockets, fd);
        return false;
    }
    link->fd = fd;
    mg_http_sockets_give(link->sockets, fd, link);
    return true;
}

static void connected(struct mg_http_link *link)
{
    unsigned at = (link->peer->first + link->tried - 1) % link->addresses->count;
    link->peer->first = at; // the others are not tried again until this one fails
    mg_timer_drop(link->sockets->loop, &link->timer);
    mg_addresses_drop(link->addresses);
    link->addresses = NULL;
    link->born = mg_loop_now(link->sockets->loop);
    link->state = MG_LINK_BUSY;
}

static bool wait_for_address(struct mg_http_link *link)
{
    struct mg_loop *loop = link->sockets->loop;
    uint64_t now = mg_loop_now(loop), wait = link->until > now ? link->until - now : 0;
    if (link->tried < link->addresses->count)
        wait = wait / 2 < address_patience ? wait / 2 : address_patience;
    return mg_timer_set(loop, &link->timer, now + wait);
}

// As long as there is time for connecting.
static bool wait_for_room(struct mg_http_link *link)
{
    struct mg_loop *loop = link->sockets->loop;
    uint64_t now = mg_loop_now(loop);
    if (now + full_patience > link->until || !mg_timer_set(loop, &link->timer, now + full_patience))
        return false;
    link->tried--;
    return true;
}

// A peer on the same machine is connected to as soon as it was asked for: the request goes out in
// this turn then, and is not behind all that has come in meanwhile.
bool mg_http_link_dial(struct mg_http_link *link)
{
    mg_http_link_close(link, true);
    link->state = MG_LINK_DIALLING;
    while (link->tried < link->addresses->count) {
        unsigned at = (link->peer->first + link->tried++) % link->addresses->count;
        if (!dial_address(link, &link->addresses->items[at])) {
            if (link->wrong == EAGAIN && wait_for_room(link))
                return true;
            continue;
        }
        if (!mg_http_link_send(link)) {
            link->wrong = errno; // it was refused already
            mg_http_link_close(link, true);
            continue;
        }
        if (link->sent)
            connected(link);
        if (link->sent || wait_for_address(link))
            return true;
        mg_http_link_close(link, true);
        link->wrong = ENOMEM;
        return false;
    }
    return false;
}

int mg_http_link_outcome(struct mg_http_link *link)
{
    socklen_t len = sizeof link->wrong;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &link->wrong, &len) != 0)
        link->wrong = errno;
    if (link->wrong == 0)
        connected(link);
    return link->wrong;
}

bool mg_http_link_sent_all(const struct mg_http_link *link)
{
    return link->sent == link->request.len + link->body_len &&
           (!link->streams || mg_http_upload_over(&link->upload));
}

// What goes out next, of head and body. A streamed body is asked for when the connection stands.
static size_t next_parts(struct mg_http_link *link, struct iovec *parts)
{
    size_t head = link->request.len, sent = link->sent, count = 0;
    struct mg_str body[MG_HTTP_UPLOAD_PARTS];
    unsigned more = 0;
    if (sent < head)
        parts[count++] = (struct iovec){link->request.data + sent, head - sent};
    if (link->streams && (link->state != MG_LINK_DIALLING || sent == head))
        more = mg_http_upload_parts(&link->upload, link->transfer->supply, body);
    for (unsigned i = 0; i < more; i++)
        parts[count++] = (struct iovec){(char *)body[i].data, body[i].len};
    if (link->body_len) {
        size_t from = sent < head ? 0 : sent - head;
        parts[count++] =
            (struct iovec){(char *)link->transfer->body.data + from, link->body_len - from};
    }
    return count;
}

static void note_sent(struct mg_http_link *link, size_t len)
{
    size_t fixed = link->request.len + link->body_len - link->sent;
    fixed = len < fixed ? len : fixed;
    link->sent += fixed;
    if (len > fixed)
        mg_http_upload_sent(&link->upload, link->transfer->supply, len - fixed);
}

static ssize_t send_parts(struct mg_http_link *link, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t done;
    do
        done = count == 1 ? send(link->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                          : sendmsg(link->fd, &message, MSG_NOSIGNAL);
    while (done < 0 && errno == EINTR);
    return done;
}

bool mg_http_link_send(struct mg_http_link *link)
{
    for (bool went = false;; went = true) {
        struct iovec parts[1 + MG_HTTP_UPLOAD_PARTS];
        size_t count = next_parts(link, parts);
        link->dry = count == 0;
        if (link->dry)
            return true;
        ssize_t done = send_parts(link, parts, count);
        if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (done < 0) {
            link->mute = link->broken = went; // what went out went out: there may be an answer
            return went;
        }
        note_sent(link, (size_t)done);
        if (!link->streams || mg_http_link_sent_all(link))
            return true;
    }
}

bool mg_http_link_expect(struct mg_http_link *link)
{
    if (!link->parser)
        link->parser = mg_response_parser_new();
    link->heard = link->parser != NULL;
    if (link->heard)
        mg_response_parser_begin(link->parser, link->to_head, link->head_most);
    return link->heard;
}

ssize_t mg_http_link_receive(struct mg_http_link *link, char *room, size_t len)
{
    ssize_t got = recv(link->fd, room, len, 0);
    return got < 0 ? -errno : got;
}

bool mg_http_link_quiet(struct mg_http_link *link)
{
    char byte;
    return recv(link->fd, &byte, 1, MSG_PEEK) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void mg_http_link_close(struct mg_http_link *link, bool abrupt)
{
    mg_timer_drop(link->sockets->loop, &link->timer);
    if (link->fd < 0)
        return;
    link->sockets->abrupt = abrupt;
    mg_http_sockets_close(link->sockets, link->fd);
    link->sockets->abrupt = false;
    link->fd = -1;
}
