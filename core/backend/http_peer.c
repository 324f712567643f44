#include "backend/http_peer.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

// The same ages as libcurl is given (http_wire.c), in ms.
enum {
    connection_life = 60000, // so that a name's new addresses are taken up
    idle_life = 30000,       // that a kept link is trusted with a safe method
    idle_life_unsafe = 3000, // and with one that cannot be sent again if it turns out dead
};

struct mg_str mg_http_peer_socket(const struct mg_http_peer *peer)
{
    return (struct mg_str){peer->host + peer->host_len, peer->socket_len};
}

static void set_timer(struct mg_http_peers *peers)
{
    if (mg_list_empty(&peers->aged) || peers->timer.place)
        return;
    struct mg_http_link *oldest = MG_OWNER(peers->aged.next, struct mg_http_link, aged);
    mg_timer_set(peers->loop, &peers->timer,
                 oldest->idle + idle_life); // else the next keep sets it
}

void mg_http_peers_take(struct mg_http_peers *peers, struct mg_http_link *link)
{
    mg_list_drop(&link->node);
    mg_list_drop(&link->aged);
    peers->kept--;
}

static void drop(struct mg_http_peers *peers, struct mg_http_link *link)
{
    mg_http_peers_take(peers, link);
    peers->drop(peers->owner, link);
}

static void on_timer(struct mg_timer *timer)
{
    struct mg_http_peers *peers = MG_OWNER(timer, struct mg_http_peers, timer);
    uint64_t now = mg_loop_now(peers->loop);
    while (!mg_list_empty(&peers->aged)) {
        struct mg_http_link *oldest = MG_OWNER(peers->aged.next, struct mg_http_link, aged);
        if (now < oldest->idle + idle_life)
            break;
        drop(peers, oldest);
    }
    set_timer(peers);
}

void mg_http_peers_init(struct mg_http_peers *peers)
{
    for (size_t i = 0; i < sizeof peers->buckets / sizeof *peers->buckets; i++)
        mg_list_init(&peers->buckets[i]);
    mg_list_init(&peers->aged);
    peers->timer.run = on_timer;
}

void mg_http_peers_drop_kept(struct mg_http_peers *peers)
{
    while (!mg_list_empty(&peers->aged))
        drop(peers, MG_OWNER(peers->aged.next, struct mg_http_link, aged));
    mg_timer_drop(peers->loop, &peers->timer);
}

void mg_http_peers_fini(struct mg_http_peers *peers)
{
    assert(peers->links == 0);
    mg_timer_drop(peers->loop, &peers->timer);
}

// FNV-1a.
static struct mg_list *bucket_of(struct mg_http_peers *peers, const struct mg_url *site)
{
    uint32_t hash = 2166136261u ^ site->port;
    struct mg_str name = site->socket.len ? site->socket : site->host;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)mg_lower(name.data[i])) * 16777619u;
    return &peers->buckets[(hash ^ hash >> 16) & 255];
}

// Nothing has to be looked up: an address, or a socket.
static bool set_literal(struct mg_http_peer *peer, struct mg_str host)
{
    peer->addresses = calloc(1, sizeof *peer->addresses);
    if (!peer->addresses)
        return false;
    atomic_init(&peer->addresses->uses, 1);
    peer->addresses->count = 1;
    peer->addresses->items[0].family = AF_UNIX;
    return peer->socket_len || mg_address_parse(host, &peer->addresses->items[0]);
}

static void free_peer(struct mg_http_peer *peer)
{
    mg_list_drop(&peer->node);
    mg_addresses_drop(peer->addresses);
    free(peer);
}

static struct mg_http_peer *make_peer(struct mg_http_peers *peers, struct mg_list *bucket,
                                      const struct mg_url *site)
{
    struct mg_http_peer *peer = calloc(1, sizeof *peer + site->host.len + site->socket.len);
    if (!peer)
        return NULL;
    peer->peers = peers;
    peer->port = site->port;
    peer->host_len = site->host.len;
    peer->socket_len = site->socket.len;
    memcpy(peer->host, site->host.data, site->host.len);
    if (site->socket.len)
        memcpy(peer->host + peer->host_len, site->socket.data, site->socket.len);
    mg_list_init(&peer->kept);
    mg_list_push(bucket, &peer->node);
    if (!site->literal || set_literal(peer, site->host))
        return peer;
    free_peer(peer);
    return NULL;
}

static struct mg_http_peer *find_peer(struct mg_http_peers *peers, const struct mg_url *site)
{
    struct mg_list *bucket = bucket_of(peers, site);
    for (struct mg_list *node = bucket->next; node != bucket; node = node->next) {
        struct mg_http_peer *peer = MG_OWNER(node, struct mg_http_peer, node);
        if (peer->port == site->port &&
            mg_str_eq_nocase((struct mg_str){peer->host, peer->host_len}, site->host) &&
            mg_str_eq(mg_http_peer_socket(peer), site->socket))
            return peer;
    }
    return make_peer(peers, bucket, site);
}

static void set_addresses(struct mg_http_peer *peer, const struct mg_addresses *addresses)
{
    if (!addresses || addresses == peer->addresses)
        return;
    mg_addresses_drop(peer->addresses);
    peer->addresses = mg_addresses_share(addresses);
    peer->first = 0;
}

// The link that was used last is the one least likely to be dead. A method that could not be sent
// again is worth one more look at it.
static struct mg_http_link *take_kept(struct mg_http_peers *peers, struct mg_http_peer *peer,
                                      bool safe)
{
    uint64_t now = mg_loop_now(peers->loop);
    while (!mg_list_empty(&peer->kept)) {
        struct mg_http_link *link = MG_OWNER(peer->kept.prev, struct mg_http_link, node);
        if (!safe && now - link->idle > idle_life_unsafe)
            return NULL; // it may still do for others
        if (now - link->born > connection_life || (!safe && !mg_http_link_quiet(link))) {
            drop(peers, link);
            continue;
        }
        mg_http_peers_take(peers, link);
        return link;
    }
    return NULL;
}

struct mg_http_link *mg_http_peers_link(struct mg_http_peers *peers,
                                        struct mg_http_sockets *sockets, const struct mg_url *site,
                                        const struct mg_addresses *addresses, bool safe)
{
    struct mg_http_peer *peer = find_peer(peers, site);
    if (!peer)
        return NULL;
    set_addresses(peer, addresses);
    struct mg_http_link *link = take_kept(peers, peer, safe);
    if (link)
        return link;
    link = mg_http_link_new(sockets);
    if (link) {
        link->peer = peer;
        peer->links++;
        peers->links++;
    } else if (!peer->links) {
        free_peer(peer);
    }
    return link;
}

bool mg_http_peers_keep(struct mg_http_peers *peers, struct mg_http_link *link)
{
    uint64_t now = mg_loop_now(peers->loop);
    if (now - link->born > connection_life)
        return false;
    // Those with an exchange do not count: a service may have more of them than are kept, and would
    // connect anew for each call.
    if (peers->kept == peers->most)
        drop(peers, MG_OWNER(peers->aged.next, struct mg_http_link, aged));
    peers->kept++;
    link->idle = now;
    link->state = MG_LINK_KEPT;
    mg_list_push(&link->peer->kept, &link->node);
    mg_list_push(&peers->aged, &link->aged);
    set_timer(peers);
    return true;
}

void mg_http_peers_free(struct mg_http_peers *peers, struct mg_http_link *link)
{
    struct mg_http_peer *peer = link->peer;
    mg_http_link_free(link);
    peers->links--;
    if (--peer->links == 0)
        free_peer(peer);
}
