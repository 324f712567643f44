// The router over any patterns and paths: the input's lines are routes ("host path"), the last line
// is looked up. A route just added must be found by its own text when it has no parameters.
#include <assert.h>

#include "route/router.h"

static void check_match(const struct mg_route_match *match)
{
    assert(match->count <= MG_ROUTE_PARAMS_MOST);
    assert(match->id < 0 || match->methods == 0);
    for (unsigned i = 0; i < match->count; i++)
        assert(match->names[i].len > 0);
}

static void add(struct mg_router *router, struct mg_arena *arena, struct mg_str line, int id)
{
    struct mg_str error = {NULL, 0}, names[MG_ROUTE_PARAMS_MOST];
    size_t space = mg_str_find(line, ' ', 0);
    struct mg_str host = mg_str_cut(line, 0, space);
    struct mg_str path = mg_str_cut(line, space < line.len ? space + 1 : space, line.len);
    unsigned method = (unsigned)id % 3 == 2 ? MG_ROUTE_ANY_METHOD : (unsigned)id % 3;
    int other = -2;
    int count = mg_router_names(arena, host, path, names, &error);
    bool added = mg_router_add(router, host, method, path, id, &error, &other);
    assert(added || error.len > 0);
    assert(!added || (count >= 0 && other == -1));
    assert(count >= 0 || (!added && other == -1));
    if (!added || count > 0 || host.len > 0 || mg_str_find(path, '{', 0) < path.len)
        return;
    struct mg_route_match match;
    mg_router_find(router, arena, host, method, path, &match);
    assert(match.id == id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_arena arena = {0};
    struct mg_router *router = mg_router_new(&arena);
    struct mg_str text = {(const char *)data, len};
    size_t from = 0, to;
    assert(router);
    for (int id = 0; len > 0 && (to = mg_str_find(text, '\n', from)) < len && id < 64; id++) {
        add(router, &arena, mg_str_cut(text, from, to), id);
        from = to + 1;
    }
    if (len > 0) {
        struct mg_str asked = mg_str_cut(text, from, len);
        size_t space = mg_str_find(asked, ' ', 0);
        struct mg_str path = mg_str_cut(asked, space < asked.len ? space + 1 : space, asked.len);
        for (unsigned method = 0; method < 3; method++) {
            struct mg_route_match match;
            mg_router_find(router, &arena, mg_str_cut(asked, 0, space), method, path, &match);
            check_match(&match);
        }
    }
    mg_arena_fini(&arena);
    return 0;
}
