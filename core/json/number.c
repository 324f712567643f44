#include "json/scan.h"

#include <stdio.h>
#include <stdlib.h>

bool mg_json_int(struct mg_str number, int64_t *value)
{
    bool negative = number.len && *number.data == '-';
    uint64_t size;
    if (!mg_str_uint(negative ? mg_str_cut(number, 1, number.len) : number, &size))
        return false;
    if (size > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)-size : (int64_t)size;
    return true;
}

// A decimal number as sign, digits and a power of ten.
struct decimal {
    bool negative;
    bool more;         // digits that were not kept include one that is not 0
    int64_t exponent;  // value = digits x 10^exponent
    uint64_t mantissa; // the digits as a number while there are at most 19
    size_t kept;
    // Half-way between two doubles lies a number of at most 767 digits; of what follows 768 it
    // only counts whether all is 0.
    char digits[770];
};

static int64_t written_exponent(const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    int64_t exponent = 0;
    for (; at < end; at++)
        if (*at >= '0' && *at <= '9' && exponent < INT64_C(1000000000000))
            exponent = exponent * 10 + (*at - '0');
    return negative ? -exponent : exponent;
}

static void parse(struct mg_str number, struct decimal *decimal)
{
    bool fraction = false;
    const char *at = number.data, *end = number.data + number.len;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '-') {
            decimal->negative = true;
        } else if (*at == '.') {
            fraction = true;
        } else if (decimal->kept == 768) {
            decimal->more |= *at != '0';
            decimal->exponent += !fraction;
        } else {
            decimal->exponent -= fraction;
            if (*at != '0' || decimal->kept) {
                decimal->digits[decimal->kept++] = *at;
                decimal->mantissa = decimal->mantissa * 10 + (uint64_t)(*at - '0');
            }
        }
    }
    if (at < end)
        decimal->exponent += written_exponent(at + 1, end);
}

double mg_json_double(struct mg_str number)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal decimal;
    memset(&decimal, 0, offsetof(struct decimal, digits));
    parse(number, &decimal);
    double value = 0;
    if (decimal.kept <= 19 && decimal.mantissa <= UINT64_C(1) << 53 && decimal.exponent >= -22 &&
        decimal.exponent <= 22) {
        // Both operands are exact doubles, so the one rounding gives the nearest (W. Clinger 1990).
        value = (double)decimal.mantissa;
        value = decimal.exponent < 0 ? value / powers[-decimal.exponent]
                                     : value * powers[decimal.exponent];
    } else if (decimal.kept) {
        char text[sizeof decimal.digits + 16];
        if (decimal.more) {
            decimal.digits[decimal.kept++] = '1';
            decimal.exponent--;
        }
        // Beyond this exponent the result is 0 or infinite whatever the digits say.
        int64_t exponent = decimal.exponent;
        exponent = exponent > 99999 ? 99999 : exponent < -99999 ? -99999 : exponent;
        snprintf(text, sizeof text, "%.*se%d", (int)decimal.kept, decimal.digits, (int)exponent);
        value = strtod(text, NULL);
    }
    return decimal.negative ? -value : value;
}
