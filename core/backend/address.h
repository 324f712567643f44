// Network addresses of backends: IPv4 and IPv6, without ports.
#ifndef MG_BACKEND_ADDRESS_H
#define MG_BACKEND_ADDRESS_H

#include "base/str.h"

struct mg_address {
    int family; // AF_INET or AF_INET6; AF_UNIX: whoever has it knows the path
    unsigned char bytes[16];
};

enum { MG_ADDRESS_TEXT = 48 }; // bytes of the longest text, brackets and NUL included

// A whole address, such as "127.0.0.1", "::1" or "[::1]"; no zone, no other spelling of IPv4.
bool mg_address_parse(struct mg_str text, struct mg_address *address);

// "127.0.0.1" or "[::1]".
void mg_address_text(const struct mg_address *address, char text[MG_ADDRESS_TEXT]);

// False for what is not out on the internet: this host, private and shared networks, link-local,
// documentation, multicast, reserved (RFC 6890), and IPv4 of that kind written as IPv6. Where a
// redirect leads is judged by this.
bool mg_address_public(const struct mg_address *address);

#endif
