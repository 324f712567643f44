// Peers: whom the plain path speaks to, by host and port or by unix socket, each with the links
// that are kept to it for the next exchange. A link is kept for a while only, and no more than so
// many in all.
#ifndef MG_BACKEND_HTTP_PEER_H
#define MG_BACKEND_HTTP_PEER_H

#include "backend/http_link.h"

struct mg_http_peer {
    struct mg_list node; // in its bucket
    struct mg_http_peers *peers;
    struct mg_addresses *addresses; // the newest
    unsigned first;                 // index of the one that answered last
    struct mg_list kept;            // links, the longest idle first
    unsigned links;                 // all it has; it is gone with the last
    uint16_t port;
    size_t host_len, socket_len; // with a socket the host is only what is written in the request
    char host[];                 // and the socket behind it
};

struct mg_http_peers {
    struct mg_loop *loop;
    void (*drop)(void *owner, struct mg_http_link *link); // closes a link that is kept no longer
    void *owner;
    unsigned most;               // links kept at most
    struct mg_list buckets[256]; // the rest is its own
    struct mg_list aged;         // kept links, the longest idle first
    unsigned links, kept;
    struct mg_timer timer;
};

struct mg_str mg_http_peer_socket(const struct mg_http_peer *peer); // its path, or empty

void mg_http_peers_init(struct mg_http_peers *peers);
void mg_http_peers_drop_kept(struct mg_http_peers *peers);
void mg_http_peers_fini(struct mg_http_peers *peers); // no link is left

// A kept link that can be trusted with the next request, or else a new one that stands nowhere yet.
// `addresses`: NULL where the host is an address. NULL: no memory.
struct mg_http_link *mg_http_peers_link(struct mg_http_peers *peers,
                                        struct mg_http_sockets *sockets, const struct mg_url *site,
                                        const struct mg_addresses *addresses, bool safe);

// Lays a link by whose exchange is over. False: it is too old, or there are too many.
bool mg_http_peers_keep(struct mg_http_peers *peers, struct mg_http_link *link);

// A link is kept no longer.
void mg_http_peers_take(struct mg_http_peers *peers, struct mg_http_link *link);

// Frees a link that is dead, and its peer with the last one.
void mg_http_peers_free(struct mg_http_peers *peers, struct mg_http_link *link);

#endif
