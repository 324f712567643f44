// The routes form a tree: first the labels of the host from the right, then the segments of the
// path. All literal edges of the tree lie in one hash table, keyed by parent and text, so that a
// look-up touches as many entries as the path has segments, however many routes there are. What it
// touches of thousands of routes is in no cache: few lines of memory count for more than few steps.
#include "route/router.h"

#include <assert.h>

#include "base/percent.h"
#include "route/pattern.h"

struct route {
    struct route *next; // of the same shape, with another method
    unsigned method;
    int id;
    unsigned count;
    struct mg_str names[];
};

struct node {
    bool branches;        // it has literal children: they are in the table
    struct node *name;    // child for any one segment
    struct route *routes; // of patterns that end here
    struct route *rest;   // of patterns that end here with {rest...}
    struct node *paths;   // of a host that ends here: the tree of its paths
    struct mg_str text;   // the literal that leads to it, which lies behind it
};

struct edge {
    const struct node *parent; // NULL: free
    struct node *child;
};

struct mg_router {
    struct mg_arena *arena;
    struct node hosts;  // the tree of host labels
    bool has_hosts;     // there is one
    struct node paths;  // the tree of paths of routes for any host
    struct edge *edges; // open addressing; `room` is a power of two, at most half is taken
    size_t room, taken;
};

struct mg_router *mg_router_new(struct mg_arena *arena)
{
    struct mg_router *router = MG_ARENA_NEW(arena, struct mg_router);
    if (router)
        router->arena = arena;
    return router;
}

// FNV-1a, begun from the parent's address. The table is the author's and clients only look things
// up in it, so no client can make its chains longer.
static size_t hash(const struct node *parent, struct mg_str text)
{
    uint64_t value = 0xcbf29ce484222325u ^ ((uintptr_t)parent >> 4) * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < text.len; i++)
        value = (value ^ (unsigned char)text.data[i]) * 0x100000001b3u;
    return (size_t)(value ^ (value >> 29));
}

// Where the edge is, or the free place where it belongs. There must be room.
static struct edge *place(const struct mg_router *router, const struct node *parent,
                          struct mg_str text)
{
    for (size_t at = hash(parent, text);; at++) {
        struct edge *edge = &router->edges[at & (router->room - 1)];
        if (!edge->parent || (edge->parent == parent && mg_str_eq(edge->child->text, text)))
            return edge;
    }
}

static struct node *literal_child(const struct mg_router *router, const struct node *parent,
                                  struct mg_str text)
{
    return parent->branches ? place(router, parent, text)->child : NULL;
}

static bool grow(struct mg_router *router)
{
    struct mg_router grown = *router;
    grown.room = router->room ? router->room * 2 : 64;
    grown.edges = mg_arena_zero(router->arena, grown.room, sizeof *grown.edges);
    if (!grown.edges)
        return false;
    for (size_t i = 0; i < router->room; i++)
        if (router->edges[i].parent)
            *place(&grown, router->edges[i].parent, router->edges[i].child->text) =
                router->edges[i];
    router->edges = grown.edges;
    router->room = grown.room;
    return true;
}

static struct node *make_literal_child(struct mg_router *router, struct node *parent,
                                       struct mg_str text)
{
    if (router->taken * 2 >= router->room && !grow(router))
        return NULL;
    struct edge *edge = place(router, parent, text);
    if (edge->child)
        return edge->child;
    struct node *child = mg_arena_alloc(router->arena, sizeof *child + text.len);
    if (!child)
        return NULL;
    char *own = (char *)(child + 1);
    if (text.len)
        memcpy(own, text.data, text.len);
    *child = (struct node){.text = {own, text.len}};
    *edge = (struct edge){parent, child};
    parent->branches = true;
    router->taken++;
    return child;
}

// The node at which the pattern ends, made where it is missing; a rest is left to the caller.
static struct node *make_path(struct mg_router *router, struct node *node,
                              const struct mg_pattern *pattern)
{
    for (unsigned i = 0; node && i < pattern->count; i++) {
        const struct mg_segment *segment = &pattern->segments[i];
        if (segment->kind == MG_SEGMENT_TEXT) {
            node = make_literal_child(router, node, segment->text);
        } else if (segment->kind == MG_SEGMENT_NAME) {
            if (!node->name)
                node->name = MG_ARENA_NEW(router->arena, struct node);
            node = node->name;
        }
    }
    return node;
}

static struct node *make_host(struct mg_router *router, const struct mg_pattern *host)
{
    if (host->count == 0)
        return &router->paths;
    router->has_hosts = true;
    struct node *node = make_path(router, &router->hosts, host);
    if (node && !node->paths)
        node->paths = MG_ARENA_NEW(router->arena, struct node);
    return node ? node->paths : NULL;
}

static bool no_memory(struct mg_str *error)
{
    *error = MG_STR("there is no memory left");
    return false;
}

bool mg_router_add(struct mg_router *router, struct mg_str host, unsigned method,
                   struct mg_str path, int id, struct mg_str *error, int *other)
{
    struct mg_pattern hosts, paths;
    struct mg_str names[MG_ROUTE_PARAMS_MOST];
    *other = -1;
    assert(method <= MG_ROUTE_ANY_METHOD);
    if (!mg_pattern_host(router->arena, host, &hosts, error) ||
        !mg_pattern_path(router->arena, path, &paths, error))
        return false;
    int count = mg_pattern_names(router->arena, &hosts, &paths, names, MG_ROUTE_PARAMS_MOST, error);
    if (count < 0)
        return false;
    struct node *node = make_host(router, &hosts);
    node = node ? make_path(router, node, &paths) : NULL;
    if (!node)
        return no_memory(error);
    bool rest = paths.segments[paths.count - 1].kind == MG_SEGMENT_REST;
    struct route **first = rest ? &node->rest : &node->routes;
    for (struct route *route = *first; route; route = route->next) {
        if (route->method == method) {
            *other = route->id;
            *error = MG_STR("another route answers the same requests");
            return false;
        }
    }
    struct route *route =
        mg_arena_alloc(router->arena, sizeof *route + (size_t)count * sizeof *names);
    if (!route)
        return no_memory(error);
    *route = (struct route){*first, method, id, (unsigned)count};
    memcpy(route->names, names, (size_t)count * sizeof *names);
    *first = route;
    return true;
}

int mg_router_names(struct mg_arena *arena, struct mg_str host, struct mg_str path,
                    struct mg_str names[MG_ROUTE_PARAMS_MOST], struct mg_str *error)
{
    struct mg_pattern hosts, paths;
    if (!mg_pattern_host(arena, host, &hosts, error) ||
        !mg_pattern_path(arena, path, &paths, error))
        return -1;
    return mg_pattern_names(arena, &hosts, &paths, names, MG_ROUTE_PARAMS_MOST, error);
}

// One look-up on its way through the tree.
struct walk {
    const struct mg_router *router;
    struct mg_arena *arena;
    struct mg_str host, path;
    bool plain; // nothing in the path is escaped
    unsigned method;
    struct mg_route_match *match;
    unsigned depth; // parameters bound so far
    struct mg_str values[MG_ROUTE_PARAMS_MOST];
};

// Takes the route of this method, or the one of any. Otherwise notes which methods there are: the
// path is known, and a less exact pattern may still have the method.
static bool take(struct walk *walk, const struct route *routes)
{
    const struct route *best = NULL;
    for (const struct route *route = routes; route; route = route->next) {
        if (route->method == walk->method) {
            best = route;
            break;
        }
        if (route->method == MG_ROUTE_ANY_METHOD)
            best = route;
        else
            walk->match->methods |= 1u << route->method;
    }
    if (!best)
        return false;
    walk->match->id = best->id;
    walk->match->methods = 0;
    walk->match->count = best->count;
    memcpy(walk->match->names, best->names, best->count * sizeof *best->names);
    memcpy(walk->match->values, walk->values, best->count * sizeof *walk->values);
    return true;
}

static bool bind(struct walk *walk, struct mg_str value)
{
    // No pattern has more parameters, so no node lies deeper.
    if (walk->depth == MG_ROUTE_PARAMS_MOST)
        return false;
    walk->values[walk->depth++] = value;
    return true;
}

static bool decode(const struct walk *walk, struct mg_str text, struct mg_str *decoded)
{
    *decoded = text;
    return walk->plain || mg_percent_decode(text, false, walk->arena, decoded);
}

static bool walk_rest(struct walk *walk, const struct node *node, size_t from)
{
    struct mg_str value;
    unsigned depth = walk->depth;
    if (!node->rest || !decode(walk, mg_str_cut(walk->path, from, walk->path.len), &value) ||
        !bind(walk, value))
        return false;
    bool found = take(walk, node->rest);
    walk->depth = depth;
    return found;
}

// `from` is where the next segment begins, beyond the end of the path when there is none.
static bool walk_path(struct walk *walk, const struct node *node, size_t from)
{
    if (from > walk->path.len)
        return take(walk, node->routes);
    size_t to = mg_str_find(walk->path, '/', from);
    struct mg_str text;
    if (!decode(walk, mg_str_cut(walk->path, from, to), &text))
        return false;
    const struct node *child = literal_child(walk->router, node, text);
    if (child && walk_path(walk, child, to + 1))
        return true;
    unsigned depth = walk->depth;
    if (node->name && text.len > 0 && bind(walk, text) && walk_path(walk, node->name, to + 1))
        return true;
    walk->depth = depth;
    return walk_rest(walk, node, from);
}

// Labels are bound from the right, but parameters are counted from the left.
static bool walk_host_paths(struct walk *walk, const struct node *node)
{
    if (!node->paths)
        return false;
    struct mg_str labels[MG_ROUTE_PARAMS_MOST];
    unsigned depth = walk->depth;
    memcpy(labels, walk->values, depth * sizeof *labels);
    for (unsigned i = 0; i < depth; i++)
        walk->values[i] = labels[depth - 1 - i];
    bool found = walk_path(walk, node->paths, 1);
    walk->depth = depth;
    memcpy(walk->values, labels, depth * sizeof *labels);
    return found;
}

// `to` is where the label that comes next ends, SIZE_MAX when there is none left.
static bool walk_host(struct walk *walk, const struct node *node, size_t to)
{
    if (to == SIZE_MAX)
        return walk_host_paths(walk, node);
    size_t from = to;
    while (from > 0 && walk->host.data[from - 1] != '.')
        from--;
    struct mg_str label = mg_str_cut(walk->host, from, to);
    size_t next = from > 0 ? from - 1 : SIZE_MAX;
    const struct node *child = literal_child(walk->router, node, label);
    if (child && walk_host(walk, child, next))
        return true;
    unsigned depth = walk->depth;
    if (node->name && label.len > 0 && bind(walk, label) && walk_host(walk, node->name, next))
        return true;
    walk->depth = depth;
    return false;
}

void mg_router_find(const struct mg_router *router, struct mg_arena *arena, struct mg_str host,
                    unsigned method, struct mg_str path, struct mg_route_match *match)
{
    match->id = -1;
    match->methods = match->count = 0;
    struct mg_str decoded;
    if (path.len == 0 || path.data[0] != '/' ||
        !mg_percent_decode(path, false, arena, &decoded)) // a bad escape anywhere matches nothing
        return;
    struct walk walk = {.router = router,
                        .arena = arena,
                        .host = host,
                        .path = path,
                        .plain = decoded.data == path.data,
                        .method = method,
                        .match = match};
    if (host.len > 0 && router->has_hosts && walk_host(&walk, &router->hosts, host.len))
        return;
    walk_path(&walk, &router->paths, 1);
}
