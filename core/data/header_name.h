// Header field names that mean something to the gateway itself, told apart in one look instead of
// by one comparison after the other.
#ifndef MG_DATA_HEADER_NAME_H
#define MG_DATA_HEADER_NAME_H

#include "base/str.h"

enum mg_header_name {
    MG_HEADER_OTHER,
    // Those of one connection (RFC 9110 §7.6.1):
    MG_HEADER_CONNECTION,
    MG_HEADER_KEEP_ALIVE,
    MG_HEADER_PROXY_AUTHENTICATE,
    MG_HEADER_PROXY_AUTHENTICATION_INFO,
    MG_HEADER_PROXY_AUTHORIZATION,
    MG_HEADER_PROXY_CONNECTION,
    MG_HEADER_TE,
    MG_HEADER_TRAILER,
    MG_HEADER_TRANSFER_ENCODING,
    MG_HEADER_UPGRADE,
    // Those that go from end to end:
    MG_HEADER_ACCEPT,
    MG_HEADER_ACCEPT_LANGUAGE,
    MG_HEADER_CONTENT_ENCODING,
    MG_HEADER_CONTENT_LANGUAGE,
    MG_HEADER_CONTENT_LENGTH,
    MG_HEADER_CONTENT_TYPE,
    MG_HEADER_EXPECT,
    MG_HEADER_HOST,
    MG_HEADER_USER_AGENT,
};

// In any case.
enum mg_header_name mg_header_name_of(struct mg_str name);

static inline bool mg_header_name_of_connection(enum mg_header_name name)
{
    return name >= MG_HEADER_CONNECTION && name <= MG_HEADER_UPGRADE;
}

#endif
