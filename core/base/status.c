#include "base/status.h"

const char *mg_status_word(enum mg_status status)
{
    static const char *const words[] = {
#define MG_STATUS_WORD(name, word, http) word,
        MG_STATUSES(MG_STATUS_WORD)
#undef MG_STATUS_WORD
    };
    return words[status];
}

int mg_status_http(enum mg_status status)
{
    static const short https[] = {
#define MG_STATUS_HTTP(name, word, http) http,
        MG_STATUSES(MG_STATUS_HTTP)
#undef MG_STATUS_HTTP
    };
    return https[status];
}
