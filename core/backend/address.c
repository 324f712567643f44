// Parsing is libc's; what is public is a table of the special-purpose networks (RFC 6890).
#include "backend/address.h"

#include <arpa/inet.h>

bool mg_address_parse(struct mg_str text, struct mg_address *address)
{
    char copy[MG_ADDRESS_TEXT];
    bool brackets = text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']';
    if (brackets)
        text = mg_str_cut(text, 1, text.len - 1);
    if (!text.len || text.len >= sizeof copy || memchr(text.data, 0, text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    *address = (struct mg_address){.family = strchr(copy, ':') ? AF_INET6 : AF_INET};
    return (!brackets || address->family == AF_INET6) &&
           inet_pton(address->family, copy, address->bytes) == 1;
}

void mg_address_text(const struct mg_address *address, char text[MG_ADDRESS_TEXT])
{
    if (address->family == AF_INET) {
        inet_ntop(AF_INET, address->bytes, text, MG_ADDRESS_TEXT);
        return;
    }
    text[0] = '[';
    inet_ntop(AF_INET6, address->bytes, text + 1, MG_ADDRESS_TEXT - 2);
    strcat(text, "]");
}

struct network {
    unsigned char bytes[16];
    unsigned bits;
};

static bool inside(const unsigned char *bytes, const struct network *network)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(bytes, network->bytes, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}

static bool public4(const unsigned char *bytes)
{
    static const struct network special[] = {
        {{0}, 8},
        {{10}, 8},
        {{100, 64}, 10},
        {{127}, 8},
        {{169, 254}, 16},
        {{172, 16}, 12},
        {{192, 0, 0}, 24},
        {{192, 0, 2}, 24},
        {{192, 88, 99}, 24},
        {{192, 168}, 16},
        {{198, 18}, 15},
        {{198, 51, 100}, 24},
        {{203, 0, 113}, 24},
        {{224}, 4},
        {{240}, 4},
    };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (inside(bytes, &special[i]))
            return false;
    return true;
}

static bool public6(const unsigned char *bytes)
{
    // Only 2000::/3 is given out for use on the internet; within it some of it is set apart.
    static const struct network global = {{0x20}, 3};
    static const struct network nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};
    static const struct network six_to_four = {{0x20, 0x02}, 16};
    static const struct network special[] = {
        {{0x20, 0x01, 0x00}, 23},
        {{0x20, 0x01, 0x0d, 0xb8}, 32},
        {{0x3f, 0xff}, 20},
    };
    if (inside(bytes, &nat64))
        return public4(bytes + 12);
    if (inside(bytes, &six_to_four))
        return public4(bytes + 2);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (inside(bytes, &special[i]))
            return false;
    return inside(bytes, &global);
}

bool mg_address_public(const struct mg_address *address)
{
    return address->family == AF_INET ? public4(address->bytes) : public6(address->bytes);
}
