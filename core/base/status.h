// Every way in which something can end: one list makes the enum, the words that scripts and logs
// see, and the HTTP status with which a request ends when a required call ends that way.
#ifndef MG_BASE_STATUS_H
#define MG_BASE_STATUS_H

// name, word, HTTP status
#define MG_STATUSES(X)                                                                             \
    X(OK, "ok", 200)                                                                               \
    X(TIMEOUT, "timeout", 504)                                                                     \
    X(REFUSED, "refused", 502)                                                                     \
    X(RESET, "reset", 502)                                                                         \
    X(DNS, "dns", 502)                                                                             \
    X(TLS, "tls", 502)                                                                             \
    X(MALFORMED, "malformed", 502)                                                                 \
    X(STATUS, "status", 502)                                                                       \
    X(TOO_LARGE, "too_large", 502)                                                                 \
    X(BUSY, "busy", 503)                                                                           \
    X(CANCELLED, "cancelled", 502)                                                                 \
    X(MISSING, "missing", 502)                                                                     \
    X(SKIPPED, "skipped", 502)                                                                     \
    X(SQL, "sql", 502)                                                                             \
    X(REDIS, "redis", 502)                                                                         \
    X(FILE, "file", 502)                                                                           \
    X(LUA, "lua", 500)                                                                             \
    X(NO_MEMORY, "no_memory", 500)                                                                 \
    X(INVALID, "invalid", 500)

enum mg_status {
#define MG_STATUS_ENUM(name, word, http) MG_##name,
    MG_STATUSES(MG_STATUS_ENUM)
#undef MG_STATUS_ENUM
};

// The word that scripts, problems and logs use, such as "timeout".
const char *mg_status_word(enum mg_status status);

// The HTTP status that answers a request whose required call ended so, such as 504.
int mg_status_http(enum mg_status status);

#endif
