#include "base/str.h"

// The same as mg_lower, of eight bytes at once: where adding 0x80 - 'A' carries into a byte's
// highest bit and adding 0x7f - 'Z' does not, there is a capital, 0x20 below its small letter.
static uint64_t lower_eight(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t low = bytes & ~tops;
    uint64_t capital = ((low + ones * (0x80 - 'A')) ^ (low + ones * (0x7f - 'Z'))) & ~bytes & tops;
    return bytes | capital >> 2;
}

static bool same_eight(const char *a, const char *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y || lower_eight(x) == lower_eight(y);
}

bool mg_str_eq_nocase(struct mg_str a, struct mg_str b)
{
    if (a.len != b.len)
        return false;
    if (a.len < 8) {
        for (size_t i = 0; i < a.len; i++)
            if (mg_lower(a.data[i]) != mg_lower(b.data[i]))
                return false;
        return true;
    }
    size_t last = a.len - 8; // the last eight may overlap those before
    for (size_t at = 0; at < last; at += 8)
        if (!same_eight(a.data + at, b.data + at))
            return false;
    return same_eight(a.data + last, b.data + last);
}

bool mg_str_starts(struct mg_str text, struct mg_str prefix)
{
    return text.len >= prefix.len &&
           (prefix.len == 0 || memcmp(text.data, prefix.data, prefix.len) == 0);
}

int mg_str_cmp(struct mg_str a, struct mg_str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

size_t mg_str_find(struct mg_str text, char c, size_t from)
{
    const char *found = from < text.len ? memchr(text.data + from, c, text.len - from) : NULL;
    return found ? (size_t)(found - text.data) : text.len;
}

typedef unsigned char sixteen __attribute__((vector_size(16)));

// The first sixteen bytes or, of fewer, all of them, some twice.
static inline sixteen load(const char *bytes, size_t len)
{
    sixteen all;
    if (len >= sizeof all) {
        memcpy(&all, bytes, sizeof all);
        return all;
    }
    char room[sizeof all] = "               ";
    if (len >= 8) {
        memcpy(room, bytes, 8);
        memcpy(room + 8, bytes + len - 8, 8);
    } else if (len >= 4) {
        memcpy(room, bytes, 4);
        memcpy(room + 4, bytes + len - 4, 4);
    } else {
        for (size_t i = 0; i < len; i++)
            room[i] = bytes[i];
    }
    memcpy(&all, room, sizeof all);
    return all;
}

// How many come before the first that is below 0x20, or 0x7f, or less than that; 16: none is.
static size_t before_control(sixteen bytes)
{
    uint64_t halves[2];
    sixteen found = (sixteen)((bytes < (unsigned char)0x20) | (bytes == (unsigned char)0x7f));
    memcpy(halves, &found, sizeof halves);
    if (!(halves[0] | halves[1]))
        return sizeof found;
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        return 0;
    return (size_t)(halves[0] ? __builtin_ctzll(halves[0]) : 64 + __builtin_ctzll(halves[1])) / 8;
}

static bool is_clean(char byte)
{
    return ((unsigned char)byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

size_t mg_str_clean(struct mg_str text)
{
    size_t last = text.len < 16 ? 0 : text.len - 16; // it may overlap those before
    for (size_t at = 0; text.len; at = at + 16 < last ? at + 16 : last) {
        size_t clean = before_control(load(text.data + at, text.len - at));
        if (clean < 16 && text.len < 16)
            clean = 0; // they were loaded in another order
        for (size_t i = at + clean; i < text.len && i < at + 16; i++)
            if (!is_clean(text.data[i]))
                return i;
        if (at == last)
            break;
    }
    return text.len;
}

struct mg_str mg_str_trim(struct mg_str text)
{
    while (text.len && (*text.data == ' ' || *text.data == '\t'))
        text = mg_str_cut(text, 1, text.len);
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool mg_str_uint(struct mg_str text, uint64_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return text.len > 0;
}

// Levenshtein distance over two rows; names longer than the rows never match.
static size_t distance(struct mg_str a, struct mg_str b)
{
    enum { longest = 63 };
    size_t row[longest + 1];
    if (a.len > longest || b.len > longest)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (mg_lower(a.data[i - 1]) != mg_lower(b.data[j - 1]));
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b.len];
}

const char *mg_str_nearest(struct mg_str name, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t best = name.len / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(name, mg_str_of(candidates[i]));
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
