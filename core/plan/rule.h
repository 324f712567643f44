// What one declared value of the input must be: of a type, within bounds, one of a list, like a
// pattern.
#ifndef MG_PLAN_RULE_H
#define MG_PLAN_RULE_H

#include "plan/match.h"

enum mg_rule_type {
    MG_RULE_STRING,
    MG_RULE_INTEGER,
    MG_RULE_NUMBER,
    MG_RULE_BOOLEAN,
    MG_RULE_UUID,
    MG_RULE_ANY,
    MG_RULE_TYPES,
};

struct mg_rule {
    enum mg_rule_type type;
    bool has_min, has_max;
    double min, max;        // of a number; of a string, the characters that it has
    struct mg_str one_of;   // JSON array; empty: any value
    struct mg_match *match; // of strings; NULL: any text
    struct mg_str pattern;  // as the author wrote it
};

// What bounds the patterns of one request: see limits.lua.
struct mg_rule_limits {
    uint64_t match;      // steps, of all its texts together
    size_t match_text;   // bytes of one text
    size_t match_memory; // bytes
};

// The check of the values of one request.
struct mg_rule_check {
    struct mg_arena *arena;
    struct mg_matcher *matcher; // not NULL where a rule has a pattern
    struct mg_rule_limits left; // its steps are used up
    const char *log;            // which limit has refused a text; or NULL
};

// Reads type, min, max, one_of and match. False: *error says what is wrong with that.
bool mg_rule_compile(struct mg_rule *rule, struct mg_str json, struct mg_arena *arena,
                     struct mg_str *error);

// A text from path, query or header, converted to JSON of the type; a value of JSON as it is. What
// is wrong with it, for the client; NULL: nothing.
const char *mg_rule_text(const struct mg_rule *rule, struct mg_str text,
                         struct mg_rule_check *check, struct mg_str *json);
const char *mg_rule_json(const struct mg_rule *rule, struct mg_str json,
                         struct mg_rule_check *check);

#endif
