#include "backend/redis_refusal.h"

enum { longest = 12 }; // of the names below

static const char *const blocking[] = {
    "blpop",    "brpop",    "brpoplpush", "blmove", "blmpop",
    "bzpopmin", "bzpopmax", "bzmpop",     "wait",   "waitaof",
};
static const char *const listening[] = {
    "subscribe",    "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe",
    "sunsubscribe", "monitor",    "sync",       "psync",       "replconf",
};
static const char *const lasting[] = {
    "multi", "exec", "discard", "watch",    "unwatch",   "select", "auth",
    "hello", "quit", "reset",   "readonly", "readwrite", "asking", "client",
};

static bool among(struct mg_str name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (mg_str_eq_nocase(name, mg_str_of(list[i])))
            return true;
    return false;
}

// XREAD and XREADGROUP have their options before STREAMS.
static bool waits(const struct mg_redis_command *command)
{
    for (unsigned i = 1; i < command->count; i++) {
        if (mg_str_eq_nocase(command->words[i], MG_STR("STREAMS")))
            return false;
        if (mg_str_eq_nocase(command->words[i], MG_STR("BLOCK")))
            return true;
        if (mg_str_eq_nocase(command->words[i], MG_STR("GROUP")))
            i += 2; // its names
    }
    return false;
}

const char *mg_redis_refusal(const struct mg_redis_command *command)
{
    struct mg_str name = command->words[0];
    if (name.len == 0)
        return "a command needs a name";
    if (name.len > longest)
        return NULL;
    if (among(name, blocking, sizeof blocking / sizeof *blocking))
        return "the command waits, and with it all others on its connection";
    if (among(name, listening, sizeof listening / sizeof *listening))
        return "the command's answers come unasked for, on a connection that all requests share";
    if (among(name, lasting, sizeof lasting / sizeof *lasting))
        return "the command changes the connection, which all requests share";
    bool stream =
        mg_str_eq_nocase(name, MG_STR("XREAD")) || mg_str_eq_nocase(name, MG_STR("XREADGROUP"));
    if (stream && waits(command))
        return "BLOCK waits, and with it all others on its connection";
    if (mg_str_eq_nocase(name, MG_STR("SCRIPT")) && command->count > 1 &&
        mg_str_eq_nocase(command->words[1], MG_STR("DEBUG")))
        return "the command changes the connection, which all requests share";
    return NULL;
}
