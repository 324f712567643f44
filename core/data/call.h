// A call: one thing to ask of one backend, ready to be made (no placeholders are left in it), and
// where its result lands. Plans render calls from templates, running functions describe them.
// A call and all its bytes live in an arena that outlives its landing.
#ifndef MG_DATA_CALL_H
#define MG_DATA_CALL_H

#include "data/conditions.h"
#include "data/result.h"
#include "data/ticket.h"

enum mg_call_kind {
    MG_CALL_HTTP,
    MG_CALL_FILE,
    MG_CALL_REDIS,
    MG_CALL_SQL,
    MG_CALL_VALUE,
    MG_CALL_COMPUTE,
    MG_CALL_TICKET, // of the gateway's own tasks; no plan or script has one: behind those that have
    MG_CALL_KINDS
};

const char *mg_call_kind_word(enum mg_call_kind kind); // such as "http"

struct mg_http_ask {
    enum mg_method method;
    struct mg_str path;        // "/users/42?page=2": encoded, appended to the service's URL
    struct mg_headers headers; // complete: names are tokens, values free of CR, LF, NUL
    // How many of them, the last, name the request that the call is made for and not what is asked:
    // X-Forwarded-For and X-Request-Id, where the gateway set them.
    unsigned of_request;
    struct mg_str body;
    bool has_body;
    struct mg_supply *supply; // NULL: the body is `body`. With one, nothing is ever sent twice
    unsigned redirects;       // how many to follow; 0: none
};

enum mg_file_verb { MG_FILE_READ, MG_FILE_JSON, MG_FILE_STAT, MG_FILE_LIST };

const char *mg_file_verb_word(enum mg_file_verb verb); // such as "read"

struct mg_file_ask {
    enum mg_file_verb verb;
    struct mg_str path; // relative to the backend's root, "/" separated; no leading "/"
    // Of the client, when READ goes into a sink: what part of the file it gets. NULL: all of it.
    const struct mg_conditions *conditions;
};

enum mg_sql_verb { MG_SQL_QUERY, MG_SQL_ONE, MG_SQL_RUN, MG_SQL_ATOMIC };

const char *mg_sql_verb_word(enum mg_sql_verb verb); // such as "query"

enum mg_sql_type { MG_SQL_NULL, MG_SQL_BOOL, MG_SQL_INT, MG_SQL_REAL, MG_SQL_TEXT };

struct mg_sql_arg {
    enum mg_sql_type type;
    int64_t integer; // INT, BOOL
    double real;
    struct mg_str text; // TEXT; INT and REAL: the digits as they were written, maybe none
};

struct mg_sql_ask {
    enum mg_sql_verb verb;
    struct mg_str sql;
    const struct mg_sql_arg *args; // bound in order, never pasted
    unsigned arg_count;
    const struct mg_sql_ask *parts; // ATOMIC: one transaction of these, none of which is ATOMIC
    unsigned part_count;
};

struct mg_value_ask {
    struct mg_str json;
    uint64_t delay; // ms
};

// A function of one of the gateway's own modules, run in a Lua state beside those that serve.
struct mg_compute_ask {
    struct mg_str module, function; // "lib.score", "run"
    struct mg_str args;             // a JSON array
};

// A command: its name, then its arguments. Bytes of any kind.
struct mg_redis_command {
    const struct mg_str *words;
    unsigned count; // at least 1
};

struct mg_redis_ask {
    const struct mg_redis_command *commands;
    unsigned count; // 1, but for `atomic`
    bool atomic;    // in one MULTI and EXEC: the result is a list of theirs
};

struct mg_call;

// Where a streamed result goes, in place of the call's result.body (a call without a sink is
// collected and bounded by body_most). All run on the loop, in later turns than the start of the
// call; the call may be cancelled from within. `landed` of the call still comes last.
struct mg_sink {
    // Once, before any data. The fields are borrowed, those that speak of the backend's connection
    // among them; Content-Length, where there is one, is the number of bytes that follow.
    void (*head)(struct mg_sink *sink, int status, const struct mg_headers *headers);
    // Takes all bytes before it returns. False: do not read on until mg_backend_resume.
    bool (*data)(struct mg_sink *sink, struct mg_str bytes);
};

// Where a streamed request body comes from, in place of the call's own. The backend looks when it
// is ready to send, and again when it was told that there is more (mg_backend_feed).
struct mg_supply {
    // The bytes that are there now, as many as lie together; none: they are waited for, unless it
    // has ended. They stay until `took`, but may have moved at the next look.
    struct mg_str (*look)(struct mg_supply *supply);
    void (*took)(struct mg_supply *supply, size_t len); // so many are not wanted any more
    int64_t length;                                     // of the whole body; -1: not known
    bool ended;                                         // nothing comes behind what look shows
};

struct mg_call {
    enum mg_call_kind kind;
    unsigned backend; // index among the configured backends of its kind
    union {
        struct mg_http_ask http;
        struct mg_file_ask file;
        struct mg_redis_ask redis;
        struct mg_sql_ask sql;
        struct mg_value_ask value;
        struct mg_compute_ask compute;
        struct mg_ticket_ask ticket;
    };
    // Loop time in ms at which it fails as MG_TIMEOUT; never 0. That of an HTTP call in flight may
    // be moved to later.
    uint64_t deadline;
    size_t body_most;       // bytes a collected body may have; beyond: MG_TOO_LARGE
    struct mg_sink *sink;   // NULL: collected
    struct mg_arena *arena; // for the result's bytes

    struct mg_result result;
    // Runs exactly once per started call, on its loop, in a later turn than start or cancel.
    void (*landed)(struct mg_call *call);
    void *owner;    // of `landed`
    void *running;  // the backend's own while it is in flight, NULL otherwise
    uint64_t began; // loop time in ms when it was started; 0: it was not
};

// What a client may be told of how a call failed. The words of a database, of a file system or of a
// Lua error name statements, paths and lines: they are for the log and for scripts.
struct mg_str mg_call_told(const struct mg_call *call);

#endif
