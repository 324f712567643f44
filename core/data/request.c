#include "data/request.h"

struct mg_request *mg_request_new(struct mg_arena_store *store)
{
    struct mg_arena arena = {.store = store};
    struct mg_request *request = MG_ARENA_NEW(&arena, struct mg_request);
    if (request)
        request->arena = arena;
    return request;
}

void mg_request_free(struct mg_request *request)
{
    if (!request)
        return;
    struct mg_buf body = request->body;
    mg_arena_fini(&request->arena);
    mg_buf_fini(&body);
}
