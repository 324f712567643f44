#include "data/request.h"

#include <stdlib.h>

struct mg_request *mg_request_new(void)
{
    return calloc(1, sizeof(struct mg_request));
}

void mg_request_free(struct mg_request *request)
{
    if (!request)
        return;
    mg_arena_fini(&request->arena);
    mg_buf_fini(&request->body);
    free(request);
}
