// Networks of addresses, such as 10.0.0.0/8, and the processes of this machine that come over a
// unix socket: whose forwarded headers are believed.
#ifndef MG_GATEWAY_NETWORKS_H
#define MG_GATEWAY_NETWORKS_H

#include "base/arena.h"

struct mg_network {
    unsigned char address[16]; // IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2)
    unsigned bits;
};

struct mg_networks {
    struct mg_network *items;
    unsigned count;
    bool local;
};

// Texts such as "10.0.0.0/8", "127.0.0.1", "fd00::/8", "unix". False: *wrong is the one that is
// none.
bool mg_networks_parse(struct mg_networks *networks, const struct mg_str *texts, unsigned count,
                       struct mg_arena *arena, struct mg_str *wrong);
bool mg_networks_have(const struct mg_networks *networks, struct mg_str address);
// The same for the other end of a connection, which may be MG_PEER_LOCAL.
bool mg_networks_have_peer(const struct mg_networks *networks, struct mg_str peer);

#endif
