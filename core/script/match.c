#include "script/match.h"

#include <lauxlib.h>
#include <string.h>

#include "script/budget.h"

enum { steps_most = 20000, depth_most = 200 };

static const char *l_go_on(struct mg_match *m, const char *s, const char *p);

void mg_match_init(struct mg_match *match, lua_State *L, struct mg_str text, struct mg_str pattern)
{
    match->L = L;
    match->text = text;
    match->pattern = pattern;
    match->steps = match->depth = match->count = 0;
}

static const char *text_end(const struct mg_match *m)
{
    return m->text.data + m->text.len;
}

static const char *pattern_end(const struct mg_match *m)
{
    return m->pattern.data + m->pattern.len;
}

// Every so often the clock is looked at.
static inline void l_count(struct mg_match *m, size_t steps)
{
    m->steps += (unsigned)(steps < steps_most ? steps : steps_most);
    if (m->steps < steps_most)
        return;
    m->steps = 0;
    l_budget_check(m->L);
}

static bool is_between(unsigned char c, char from, char to)
{
    return c >= (unsigned char)from && c <= (unsigned char)to;
}

static bool is_letter(unsigned char c)
{
    return is_between(c | 32, 'a', 'z');
}

static bool is_digit(unsigned char c)
{
    return is_between(c, '0', '9');
}

// Whether the byte is of the class that a letter names; other bytes stand for themselves.
static bool is_of_class(unsigned char c, unsigned char class)
{
    bool is;
    switch (class | 32) {
    case 'a':
        is = is_letter(c);
        break;
    case 'c':
        is = c < 32 || c == 127;
        break;
    case 'd':
        is = is_digit(c);
        break;
    case 'g':
        is = is_between(c, '!', '~');
        break;
    case 'l':
        is = is_between(c, 'a', 'z');
        break;
    case 'p':
        is = is_between(c, '!', '~') && !is_letter(c) && !is_digit(c);
        break;
    case 's':
        is = c == ' ' || is_between(c, '\t', '\r');
        break;
    case 'u':
        is = is_between(c, 'A', 'Z');
        break;
    case 'w':
        is = is_letter(c) || is_digit(c);
        break;
    case 'x':
        is = is_digit(c) || is_between(c | 32, 'a', 'f');
        break;
    case 'z':
        is = c == 0;
        break;
    default:
        return c == class;
    }
    if (!is_letter(class))
        return c == class;
    return is == is_between(class, 'a', 'z');
}

// Behind the set that begins at `set`. It may be long, which is counted here for whoever compares a
// byte or two with it.
static const char *l_set_end(struct mg_match *m, const char *set)
{
    const char *end = pattern_end(m), *p = set + 1;
    if (p < end && *p == '^')
        p++;
    for (bool begun = false; p < end; begun = true) { // a "]" in the first place is one of the set
        char c = *p++;
        if (c == ']' && begun) {
            l_count(m, (size_t)(p - set));
            return p;
        }
        if (c == '%' && p < end)
            p++;
    }
    luaL_error(m->L, "malformed pattern (missing ']')");
    return NULL;
}

// Behind the item that begins at `p`: a byte, a class or a set.
static const char *l_item_end(struct mg_match *m, const char *p)
{
    const char *end = pattern_end(m);
    char first = *p++;
    if (first == '%') {
        if (p == end)
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 1;
    }
    return first == '[' ? l_set_end(m, p - 1) : p;
}

// `p` at the "[", `last` at the "]".
static bool is_in_set(unsigned char c, const char *p, const char *last)
{
    bool found = true;
    if (*++p == '^') {
        found = false;
        p++;
    }
    for (; p < last; p++) {
        if (*p == '%' && p + 1 < last) {
            if (is_of_class(c, (unsigned char)*++p))
                return found;
        } else if (p + 2 < last && p[1] == '-') {
            if ((unsigned char)*p <= c && c <= (unsigned char)p[2])
                return found;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return found;
        }
    }
    return !found;
}

static inline bool fits(const struct mg_match *m, const char *s, const char *p,
                        const char *item_end)
{
    if (s == text_end(m))
        return false;
    switch (*p) {
    case '.':
        return true;
    case '%':
        return is_of_class((unsigned char)*s, (unsigned char)p[1]);
    case '[':
        return is_in_set((unsigned char)*s, p, item_end - 1);
    default:
        return *p == *s;
    }
}

// As many as there are, then fewer.
static const char *l_greedy(struct mg_match *m, const char *s, const char *p, const char *item_end,
                            ptrdiff_t least)
{
    ptrdiff_t n = 0, each = item_end - p, some = steps_most / each + 1, until = some;
    for (;; until += some) {
        while (n < until && fits(m, s + n, p, item_end))
            n++;
        if (n < until)
            break;
        l_count(m, steps_most);
    }
    l_count(m, (size_t)((n + some - until) * each));
    for (; n >= least; n--) {
        const char *end = l_go_on(m, s + n, item_end + 1);
        if (end)
            return end;
    }
    return NULL;
}

// As few as will do.
static const char *l_lazy(struct mg_match *m, const char *s, const char *p, const char *item_end)
{
    for (;; s++) {
        l_count(m, (size_t)(item_end - p));
        const char *end = l_go_on(m, s, item_end + 1);
        if (end || !fits(m, s, p, item_end))
            return end;
    }
}

static const char *l_open(struct mg_match *m, const char *s, const char *p, ptrdiff_t kind)
{
    if (m->count == MG_MATCH_CAPTURES)
        luaL_error(m->L, "too many captures");
    m->captures[m->count++] = (struct mg_match_capture){s, kind};
    const char *end = l_go_on(m, s, p);
    if (!end)
        m->count--;
    return end;
}

static const char *l_close(struct mg_match *m, const char *s, const char *p)
{
    unsigned i = m->count;
    while (i > 0 && m->captures[i - 1].len != MG_MATCH_OPEN)
        i--;
    if (i == 0)
        luaL_error(m->L, "invalid pattern capture");
    m->captures[i - 1].len = s - m->captures[i - 1].at;
    const char *end = l_go_on(m, s, p);
    if (!end)
        m->captures[i - 1].len = MG_MATCH_OPEN;
    return end;
}

// "%bxy": from an x to the y that belongs to it.
static const char *l_balance(struct mg_match *m, const char *s, const char *p)
{
    if (pattern_end(m) - p < 2)
        luaL_error(m->L, "unbalanced pattern");
    const char *begin = s, *end = text_end(m);
    if (s == end || *s != p[0])
        return NULL;
    for (size_t open = 1; ++s < end;) {
        if (*s == p[1]) {
            if (--open == 0)
                break;
        } else if (*s == p[0]) {
            open++;
        }
    }
    l_count(m, (size_t)(s - begin));
    return s < end ? s + 1 : NULL;
}

// "%f[set]": where a byte of the set follows one that is not; around the text there are zeroes.
static const char *l_frontier(struct mg_match *m, const char *s, const char *p)
{
    if (p == pattern_end(m) || *p != '[')
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    const char *last = l_item_end(m, p) - 1;
    unsigned char before = s == m->text.data ? 0 : (unsigned char)s[-1];
    unsigned char here = s == text_end(m) ? 0 : (unsigned char)*s;
    return !is_in_set(before, p, last) && is_in_set(here, p, last) ? last + 1 : NULL;
}

// "%1": what a capture holds, once more.
static const char *l_again(struct mg_match *m, const char *s, char digit)
{
    unsigned i = (unsigned)(digit - '1');
    if (digit == '0' || i >= m->count || m->captures[i].len == MG_MATCH_OPEN)
        luaL_error(m->L, "invalid capture index");
    size_t len = (size_t)m->captures[i].len; // of a place: as large as can be
    if ((size_t)(text_end(m) - s) < len)
        return NULL;
    l_count(m, len);
    return memcmp(m->captures[i].at, s, len) == 0 ? s + len : NULL;
}

// One item that may stand once, or as often as what follows it says. True: *s and *p have gone on;
// else *end is the outcome.
static bool l_item(struct mg_match *m, const char **s, const char **p, const char **end)
{
    const char *item_end = l_item_end(m, *p);
    switch (item_end < pattern_end(m) ? *item_end : '\0') {
    case '*':
        *end = l_greedy(m, *s, *p, item_end, 0);
        return false;
    case '+':
        *end = l_greedy(m, *s, *p, item_end, 1);
        return false;
    case '-':
        *end = l_lazy(m, *s, *p, item_end);
        return false;
    case '?':
        *end = fits(m, *s, *p, item_end) ? l_go_on(m, *s + 1, item_end + 1) : NULL;
        *p = item_end + 1;
        return !*end;
    default:
        *end = NULL;
        if (!fits(m, *s, *p, item_end))
            return false;
        ++*s;
        *p = item_end;
        return true;
    }
}

// What begins with "%" and is no item. False: it is one.
static bool l_special(struct mg_match *m, const char **s, const char **p)
{
    char kind = *p + 1 < pattern_end(m) ? (*p)[1] : '\0';
    if (kind == 'b') {
        *s = l_balance(m, *s, *p + 2);
        *p += 4;
    } else if (kind == 'f') {
        const char *behind = l_frontier(m, *s, *p + 2);
        *s = behind ? *s : NULL;
        *p = behind;
    } else if (is_digit((unsigned char)kind)) {
        *s = l_again(m, *s, kind);
        *p += 2;
    } else {
        return false;
    }
    return true;
}

static const char *l_go_on_within(struct mg_match *m, const char *s, const char *p)
{
    const char *end, *over = pattern_end(m);
    while (p < over) {
        l_count(m, 1);
        if (*p == '(')
            return p + 1 < over && p[1] == ')' ? l_open(m, s, p + 2, MG_MATCH_PLACE)
                                               : l_open(m, s, p + 1, MG_MATCH_OPEN);
        if (*p == ')')
            return l_close(m, s, p + 1);
        if (*p == '$' && p + 1 == over)
            return s == text_end(m) ? s : NULL;
        if (*p == '%' && l_special(m, &s, &p)) {
            if (!s)
                return NULL;
        } else if (!l_item(m, &s, &p, &end)) {
            return end;
        }
    }
    return s;
}

static const char *l_go_on(struct mg_match *m, const char *s, const char *p)
{
    if (++m->depth > depth_most)
        luaL_error(m->L, "pattern too complex");
    const char *end = l_go_on_within(m, s, p);
    m->depth--;
    return end;
}

void l_match_count(struct mg_match *match, size_t steps)
{
    l_count(match, steps);
}

const char *l_match_at(struct mg_match *match, const char *at)
{
    match->count = 0;
    match->depth = 0;
    return l_go_on(match, at, match->pattern.data);
}
