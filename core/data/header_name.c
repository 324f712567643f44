#include "data/header_name.h"

enum { LONGEST = 25, OF_ONE_LENGTH = 3 };

struct known {
    const char *text; // as it is mostly written
    enum mg_header_name name;
};

// By length; the first letter of a name tells those of one length apart, or nearly so.
static const struct known names[LONGEST + 1][OF_ONE_LENGTH] = {
    [2] = {{"TE", MG_HEADER_TE}},
    [4] = {{"Host", MG_HEADER_HOST}},
    [6] = {{"Accept", MG_HEADER_ACCEPT}, {"Expect", MG_HEADER_EXPECT}},
    [7] = {{"Trailer", MG_HEADER_TRAILER}, {"Upgrade", MG_HEADER_UPGRADE}},
    [10] = {{"Connection", MG_HEADER_CONNECTION},
            {"Keep-Alive", MG_HEADER_KEEP_ALIVE},
            {"User-Agent", MG_HEADER_USER_AGENT}},
    [12] = {{"Content-Type", MG_HEADER_CONTENT_TYPE}},
    [14] = {{"Content-Length", MG_HEADER_CONTENT_LENGTH}},
    [15] = {{"Accept-Language", MG_HEADER_ACCEPT_LANGUAGE}},
    [16] = {{"Content-Encoding", MG_HEADER_CONTENT_ENCODING},
            {"Content-Language", MG_HEADER_CONTENT_LANGUAGE},
            {"Proxy-Connection", MG_HEADER_PROXY_CONNECTION}},
    [17] = {{"Transfer-Encoding", MG_HEADER_TRANSFER_ENCODING}},
    [18] = {{"Proxy-Authenticate", MG_HEADER_PROXY_AUTHENTICATE}},
    [19] = {{"Proxy-Authorization", MG_HEADER_PROXY_AUTHORIZATION}},
    [25] = {{"Proxy-Authentication-Info", MG_HEADER_PROXY_AUTHENTICATION_INFO}},
};

enum mg_header_name mg_header_name_of(struct mg_str name)
{
    if (name.len > LONGEST)
        return MG_HEADER_OTHER;
    const struct known *known = names[name.len];
    for (unsigned i = 0; i < OF_ONE_LENGTH && known[i].text; i++)
        if ((name.data[0] | 0x20) == (known[i].text[0] | 0x20) &&
            mg_str_eq_nocase(name, (struct mg_str){known[i].text, name.len}))
            return known[i].name;
    return MG_HEADER_OTHER;
}
