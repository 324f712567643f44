#include "gateway/networks.h"

#include <arpa/inet.h>

#include "data/request.h"

static bool parse_address(struct mg_str text, unsigned char address[16], bool *four)
{
    char copy[64];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    static const unsigned char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    *four = inet_pton(AF_INET, copy, address + 12) == 1;
    if (*four)
        memcpy(address, prefix, sizeof prefix);
    return *four || inet_pton(AF_INET6, copy, address) == 1;
}

static bool parse_network(struct mg_str text, struct mg_network *network)
{
    size_t slash = mg_str_find(text, '/', 0);
    uint64_t bits = 0;
    bool four;
    if (!parse_address(mg_str_cut(text, 0, slash), network->address, &four))
        return false;
    uint64_t most = four ? 32 : 128;
    if (slash == text.len)
        bits = most;
    else if (!mg_str_uint(mg_str_cut(text, slash + 1, text.len), &bits) || bits > most)
        return false;
    network->bits = (unsigned)bits + (four ? 96 : 0);
    return true;
}

bool mg_networks_parse(struct mg_networks *networks, const struct mg_str *texts, unsigned count,
                       struct mg_arena *arena, struct mg_str *wrong)
{
    *networks =
        (struct mg_networks){.items = mg_arena_zero(arena, count + 1, sizeof *networks->items)};
    *wrong = MG_STR("out of memory");
    if (!networks->items)
        return false;
    for (unsigned i = 0; i < count; i++) {
        *wrong = texts[i];
        if (mg_str_is(*wrong, MG_PEER_LOCAL))
            networks->local = true;
        else if (!parse_network(*wrong, &networks->items[networks->count++]))
            return false;
    }
    return true;
}

bool mg_networks_have(const struct mg_networks *networks, struct mg_str text)
{
    unsigned char address[16];
    bool four;
    if (!networks->count || !parse_address(text, address, &four))
        return false;
    for (unsigned i = 0; i < networks->count; i++) {
        const struct mg_network *network = &networks->items[i];
        unsigned whole = network->bits / 8, rest = network->bits % 8;
        unsigned char mask = (unsigned char)(0xff00 >> rest);
        if (memcmp(address, network->address, whole) == 0 &&
            (!rest || ((address[whole] ^ network->address[whole]) & mask) == 0))
            return true;
    }
    return false;
}

bool mg_networks_have_peer(const struct mg_networks *networks, struct mg_str peer)
{
    return mg_str_is(peer, MG_PEER_LOCAL) ? networks->local : mg_networks_have(networks, peer);
}
