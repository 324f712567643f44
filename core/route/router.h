// Which route answers a path. Patterns: literal segments, {name}, {rest...} at the end; an exact
// segment beats a name, a name beats a rest. Built once, then only read: any thread may look up.
// 10,000 routes cost what 10 cost: a tree of segments with hashed or sorted children, no scan.
#ifndef MG_ROUTE_ROUTER_H
#define MG_ROUTE_ROUTER_H

#include "base/arena.h"
#include "base/buf.h"

enum { MG_ROUTE_PARAMS_MOST = 16, MG_ROUTE_ANY_METHOD = 31 };

struct mg_router; // lives in the arena it was made in

struct mg_router *mg_router_new(struct mg_arena *arena);

// Adds a route. `method` is a small number (0 to 30) or MG_ROUTE_ANY_METHOD; `host` is a pattern
// such as "{tenant}.example.com" or empty for any. False when the pattern is wrong or equals one
// that is there: *error (in the arena) says why, and *other is the id of the route it meets or -1.
bool mg_router_add(struct mg_router *router, struct mg_str host, unsigned method,
                   struct mg_str path, int id, struct mg_str *error, int *other);

// The names of a pattern's parameters, in order ("rest..." gives "rest"), host's first; count, or
// -1 when the pattern is wrong (*error says why).
int mg_router_names(struct mg_arena *arena, struct mg_str host, struct mg_str path,
                    struct mg_str names[MG_ROUTE_PARAMS_MOST], struct mg_str *error);

struct mg_route_match {
    int id;           // -1: none
    uint32_t methods; // when none, but the path is known: the methods it has (bits); ANY: all bits
    unsigned count;
    struct mg_str names[MG_ROUTE_PARAMS_MOST];  // borrowed from the router
    struct mg_str values[MG_ROUTE_PARAMS_MOST]; // percent-decoded: borrowed from path or in arena
};

// `path` is percent-encoded and starts with "/"; a segment matches after decoding, {name} never
// matches an empty segment, a path with a bad escape or %00 matches nothing. `host` is lower case.
void mg_router_find(const struct mg_router *router, struct mg_arena *arena, struct mg_str host,
                    unsigned method, struct mg_str path, struct mg_route_match *match);

#endif
