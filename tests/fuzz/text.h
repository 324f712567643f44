// Takes an input apart.
#ifndef FUZZ_TEXT_H
#define FUZZ_TEXT_H

#include "base/str.h"

// The first `len` bytes, or what there is; `text` is left with the rest.
static inline struct mg_str fuzz_take(struct mg_str *text, size_t len)
{
    struct mg_str taken = mg_str_cut(*text, 0, len < text->len ? len : text->len);
    *text = mg_str_cut(*text, taken.len, text->len);
    return taken;
}

// The first line without its end.
static inline struct mg_str fuzz_line(struct mg_str *text)
{
    struct mg_str first = fuzz_take(text, mg_str_find(*text, '\n', 0));
    fuzz_take(text, 1);
    return first;
}

#endif
