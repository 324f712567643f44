#include "http/range.h"

#include <stdio.h>

// Digits only; what is too large for 64 bits is as large as can be, and so behind any end.
static bool read_position(struct mg_str text, uint64_t *position)
{
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    if (!mg_str_uint(text, position))
        *position = UINT64_MAX;
    return true;
}

// The last `count` bytes: "-500".
static enum mg_range_kind read_suffix(struct mg_str digits, uint64_t size, struct mg_range *range)
{
    uint64_t count;
    if (!read_position(digits, &count))
        return MG_RANGE_WHOLE;
    if (count == 0)
        return MG_RANGE_BEYOND;
    if (size == 0) // satisfied by nothing, which no Content-Range can say
        return MG_RANGE_WHOLE;
    range->length = count < size ? count : size;
    range->from = size - range->length;
    return MG_RANGE_PART;
}

// "0-499", "500-", "-500".
static enum mg_range_kind read_one(struct mg_str text, uint64_t size, struct mg_range *range)
{
    size_t dash = mg_str_find(text, '-', 0);
    uint64_t first, last = UINT64_MAX;
    if (dash == text.len)
        return MG_RANGE_WHOLE;
    struct mg_str behind = mg_str_cut(text, dash + 1, text.len);
    if (dash == 0)
        return read_suffix(behind, size, range);
    if (!read_position(mg_str_cut(text, 0, dash), &first) ||
        (behind.len > 0 && !read_position(behind, &last)) || last < first)
        return MG_RANGE_WHOLE;
    if (first >= size)
        return MG_RANGE_BEYOND;
    range->from = first;
    range->length = (last < size ? last : size - 1) - first + 1;
    return MG_RANGE_PART;
}

enum mg_range_kind mg_range_read(struct mg_str value, uint64_t size, struct mg_range *range)
{
    const struct mg_str unit = MG_STR("bytes=");
    struct mg_str only = {0};
    if (value.len < unit.len || !mg_str_eq_nocase(mg_str_cut(value, 0, unit.len), unit))
        return MG_RANGE_WHOLE;
    for (size_t from = unit.len, to; from <= value.len; from = to + 1) {
        to = mg_str_find(value, ',', from);
        struct mg_str one = mg_str_trim(mg_str_cut(value, from, to));
        if (one.len == 0) // an element of a list may be empty (RFC 9110 §5.6.1.2)
            continue;
        if (only.len > 0)
            return MG_RANGE_WHOLE;
        only = one;
    }
    return read_one(only, size, range);
}

void mg_range_write(const struct mg_range *range, uint64_t size, char text[MG_RANGE_SIZE])
{
    if (range)
        snprintf(text, MG_RANGE_SIZE, "bytes %llu-%llu/%llu", (unsigned long long)range->from,
                 (unsigned long long)(range->from + range->length - 1), (unsigned long long)size);
    else
        snprintf(text, MG_RANGE_SIZE, "bytes */%llu", (unsigned long long)size);
}
