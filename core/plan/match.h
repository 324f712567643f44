// Patterns that texts of a request must match as a whole: PCRE2 over UTF-8, bounded in steps and
// memory, never compiled to machine code. This is the only file that knows PCRE2.
#ifndef MG_PLAN_MATCH_H
#define MG_PLAN_MATCH_H

#include "base/arena.h"

struct mg_match;   // a pattern
struct mg_matcher; // what matching needs in hand; shared by patterns of one thread

enum mg_match_outcome {
    MG_MATCH_YES,
    MG_MATCH_NO,
    MG_MATCH_STEPS,  // it would take more steps than are left
    MG_MATCH_MEMORY, // or more memory than it may, or than there is
};

// Both end with the arena. NULL: no memory.
struct mg_matcher *mg_matcher_new(struct mg_arena *arena);
// Of the pattern itself *error says what is wrong and at which byte, else it is empty.
struct mg_match *mg_match_compile(struct mg_str pattern, struct mg_arena *arena,
                                  struct mg_str *error);

// Takes from *steps (backtracking points of the matcher) at most four times what the match needs
// and some more, but never more than there are. `memory` is in bytes.
enum mg_match_outcome mg_match_test(const struct mg_match *match, struct mg_matcher *matcher,
                                    struct mg_str text, uint64_t *steps, size_t memory);

#endif
