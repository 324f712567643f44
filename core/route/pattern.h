// A route's path or host pattern, cut into segments: "/users/{id}/{rest...}",
// "{tenant}.example.com".
// "{{" writes a brace, "%2F" and the like are decoded. Pure; everything lies in the arena given.
#ifndef MG_ROUTE_PATTERN_H
#define MG_ROUTE_PATTERN_H

#include "base/arena.h"

enum mg_segment_kind {
    MG_SEGMENT_TEXT, // matches itself
    MG_SEGMENT_NAME, // {name}: any one segment that is not empty
    MG_SEGMENT_REST, // {name...}: all that is left, which may be nothing; only last
};

struct mg_segment {
    enum mg_segment_kind kind;
    struct mg_str text; // the text, or the parameter's name
};

enum { MG_PATTERN_SEGMENTS_MOST = 64 };

struct mg_pattern {
    struct mg_segment *segments;
    unsigned count;
};

// "/" is one empty segment, "/a/" is "a" and an empty one. False when the pattern is wrong, or
// there is no memory: *error says why.
bool mg_pattern_path(struct mg_arena *arena, struct mg_str path, struct mg_pattern *pattern,
                     struct mg_str *error);

// The labels of a host, last one first: that is the order in which they narrow. An empty host has
// none. Upper case is taken as lower case.
bool mg_pattern_host(struct mg_arena *arena, struct mg_str host, struct mg_pattern *pattern,
                     struct mg_str *error);

// The names of the parameters: of the host from left to right, then of the path. At most `most`;
// their count, or -1 when there are more or a name comes twice.
int mg_pattern_names(struct mg_arena *arena, const struct mg_pattern *host,
                     const struct mg_pattern *path, struct mg_str *names, unsigned most,
                     struct mg_str *error);

#endif
