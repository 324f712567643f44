#define PCRE2_CODE_UNIT_WIDTH 8
#include "plan/match.h"

#include <pcre2.h>

struct mg_match {
    pcre2_code *code;
};

struct mg_matcher {
    pcre2_match_context *bounds;
    pcre2_match_data *data; // NULL until it is used; keeps the memory of the last match
};

static void end_matcher(void *thing)
{
    struct mg_matcher *matcher = thing;
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->bounds);
}

struct mg_matcher *mg_matcher_new(struct mg_arena *arena)
{
    struct mg_matcher *matcher = MG_ARENA_NEW(arena, struct mg_matcher);
    if (!matcher || !(matcher->bounds = pcre2_match_context_create(NULL)))
        return NULL;
    if (mg_arena_at_end(arena, end_matcher, matcher))
        return matcher;
    end_matcher(matcher);
    return NULL;
}

static void end_match(void *thing)
{
    pcre2_code_free(((struct mg_match *)thing)->code);
}

struct mg_match *mg_match_compile(struct mg_str pattern, struct mg_arena *arena,
                                  struct mg_str *error)
{
    enum { whole = PCRE2_ANCHORED | PCRE2_ENDANCHORED };
    struct mg_match *match = MG_ARENA_NEW(arena, struct mg_match);
    int code = 0;
    PCRE2_SIZE offset = 0;
    PCRE2_UCHAR text[128];
    *error = (struct mg_str){0};
    if (!match)
        return NULL;
    match->code = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.len,
                                PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | whole, &code, &offset, NULL);
    if (match->code && mg_arena_at_end(arena, end_match, match))
        return match;
    if (match->code) {
        end_match(match);
        return NULL;
    }
    if (pcre2_get_error_message(code, text, sizeof text) < 0)
        *text = 0;
    *error = mg_arena_printf(arena, "%s at byte %zu", (const char *)text, offset + 1);
    return NULL;
}

static int run(const struct mg_match *match, struct mg_matcher *matcher, struct mg_str text,
               uint64_t steps)
{
    pcre2_set_match_limit(matcher->bounds, (uint32_t)steps);
    pcre2_set_depth_limit(matcher->bounds, (uint32_t)steps);
    return pcre2_match(match->code, (PCRE2_SPTR)text.data, text.len, 0, 0, matcher->data,
                       matcher->bounds);
}

// PCRE2 does not tell how many steps a match took: it is tried with few, then with four times as
// many, and so on. What has grown large by then is not kept.
enum mg_match_outcome mg_match_test(const struct mg_match *match, struct mg_matcher *matcher,
                                    struct mg_str text, uint64_t *steps, size_t memory)
{
    enum { first = 64, kept = 1024, more = 4, steps_most = UINT32_MAX };
    uint64_t tried = first;
    int code = PCRE2_ERROR_MATCHLIMIT;
    if (!matcher->data)
        matcher->data = pcre2_match_data_create(1, NULL);
    if (!matcher->data)
        return MG_MATCH_MEMORY;
    pcre2_set_heap_limit(matcher->bounds, (uint32_t)(memory / 1024)); // in KiB
    for (;; tried *= more) {
        if (tried > *steps)
            tried = *steps < steps_most ? *steps : steps_most;
        *steps -= tried;
        code = run(match, matcher, text.data ? text : MG_STR(""), tried);
        if ((code != PCRE2_ERROR_MATCHLIMIT && code != PCRE2_ERROR_DEPTHLIMIT) || *steps == 0)
            break;
    }
    if (tried > kept) {
        pcre2_match_data_free(matcher->data);
        matcher->data = NULL;
    }
    if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_DEPTHLIMIT)
        return MG_MATCH_STEPS;
    if (code == PCRE2_ERROR_HEAPLIMIT || code == PCRE2_ERROR_NOMEMORY)
        return MG_MATCH_MEMORY;
    return code >= 0 ? MG_MATCH_YES : MG_MATCH_NO; // what is no UTF-8 does not match
}
