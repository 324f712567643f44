#include "data/call.h"

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
