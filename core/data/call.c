#include "data/call.h"

const char *mg_call_kind_word(enum mg_call_kind kind)
{
    static const char *const words[MG_CALL_KINDS] = {
        [MG_CALL_HTTP] = "http",   [MG_CALL_FILE] = "file",   [MG_CALL_REDIS] = "redis",
        [MG_CALL_SQL] = "sql",     [MG_CALL_VALUE] = "value", [MG_CALL_COMPUTE] = "compute",
        [MG_CALL_TICKET] = "task",
    };
    return words[kind];
}

const char *mg_file_verb_word(enum mg_file_verb verb)
{
    static const char *const words[] = {
        [MG_FILE_READ] = "read",
        [MG_FILE_JSON] = "json",
        [MG_FILE_STAT] = "stat",
        [MG_FILE_LIST] = "list",
    };
    return words[verb];
}

const char *mg_sql_verb_word(enum mg_sql_verb verb)
{
    static const char *const words[] = {
        [MG_SQL_QUERY] = "query",
        [MG_SQL_ONE] = "one",
        [MG_SQL_RUN] = "run",
        [MG_SQL_ATOMIC] = "atomic",
    };
    return words[verb];
}

struct mg_str mg_call_told(const struct mg_call *call)
{
    const struct mg_result *result = &call->result;
    if (call->kind == MG_CALL_COMPUTE && result->error == MG_LUA)
        return MG_STR("an error in its module");
    if (call->kind != MG_CALL_SQL && call->kind != MG_CALL_FILE && call->kind != MG_CALL_REDIS)
        return result->message;
    switch (result->error) {
    case MG_STATUS:
        return result->status == 404 ? MG_STR("not there") : result->message;
    case MG_MALFORMED:
        return MG_STR("not JSON");
    case MG_REDIS:
        return MG_STR("Redis refused the command");
    case MG_SQL:
        return MG_STR("the database refused the statement");
    case MG_FILE:
        return MG_STR("the file cannot be had");
    case MG_REFUSED:
    case MG_DNS:
        return MG_STR("the database cannot be reached");
    case MG_RESET:
        return MG_STR("the connection to the database was lost");
    default:
        return result->message;
    }
}
