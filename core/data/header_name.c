#include "data/header_name.h"

enum { LONGEST = 25, OF_ONE_LENGTH = 3 };

struct known {
    const char *text; // in small letters
    enum mg_header_name name;
};

// By length; the first letter of a name tells those of one length apart, or nearly so.
static const struct known names[LONGEST + 1][OF_ONE_LENGTH] = {
    [2] = {{"te", MG_HEADER_TE}},
    [4] = {{"host", MG_HEADER_HOST}},
    [6] = {{"accept", MG_HEADER_ACCEPT}, {"expect", MG_HEADER_EXPECT}},
    [7] = {{"trailer", MG_HEADER_TRAILER}, {"upgrade", MG_HEADER_UPGRADE}},
    [10] = {{"connection", MG_HEADER_CONNECTION},
            {"keep-alive", MG_HEADER_KEEP_ALIVE},
            {"user-agent", MG_HEADER_USER_AGENT}},
    [12] = {{"content-type", MG_HEADER_CONTENT_TYPE}},
    [14] = {{"content-length", MG_HEADER_CONTENT_LENGTH}},
    [15] = {{"accept-language", MG_HEADER_ACCEPT_LANGUAGE}},
    [16] = {{"content-encoding", MG_HEADER_CONTENT_ENCODING},
            {"content-language", MG_HEADER_CONTENT_LANGUAGE},
            {"proxy-connection", MG_HEADER_PROXY_CONNECTION}},
    [17] = {{"transfer-encoding", MG_HEADER_TRANSFER_ENCODING}},
    [18] = {{"proxy-authenticate", MG_HEADER_PROXY_AUTHENTICATE}},
    [19] = {{"proxy-authorization", MG_HEADER_PROXY_AUTHORIZATION}},
    [25] = {{"proxy-authentication-info", MG_HEADER_PROXY_AUTHENTICATION_INFO}},
};

enum mg_header_name mg_header_name_of(struct mg_str name)
{
    if (name.len > LONGEST)
        return MG_HEADER_OTHER;
    const struct known *known = names[name.len];
    for (unsigned i = 0; i < OF_ONE_LENGTH && known[i].text; i++)
        if (mg_lower(name.data[0]) == known[i].text[0] &&
            mg_str_eq_nocase(name, (struct mg_str){known[i].text, name.len}))
            return known[i].name;
    return MG_HEADER_OTHER;
}
