#include "json/write.h"

#include "json/run.h"
#include "json/utf8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool put_escape(struct mg_buf *buf, char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4 & 15], hex[c & 15]};
    const char *short_form = strchr("\"\"\\\\\bb\ff\nn\rr\tt", c);
    if (c == '\0' || !short_form)
        return mg_buf_put(buf, (struct mg_str){escape, 6});
    escape[1] = c == '"' || c == '\\' ? c : short_form[1];
    return mg_buf_put(buf, (struct mg_str){escape, 2});
}

// What is left of a string from its first byte that does not stand for itself, and the quote.
static bool put_special(struct mg_buf *buf, const char *at, const char *end)
{
    while (at < end) {
        if ((unsigned char)*at < 0x80) {
            put_escape(buf, *at++);
        } else {
            size_t length = mg_utf8_length(at, end);
            mg_buf_put(buf, length ? (struct mg_str){at, length} : MG_STR("\xEF\xBF\xBD"));
            at += length ? length : 1;
        }
        const char *run = mg_run_end(at, end, true);
        mg_buf_put(buf, (struct mg_str){at, (size_t)(run - at)});
        at = run;
    }
    return mg_buf_put_char(buf, '"');
}

bool mg_json_put_string(struct mg_buf *buf, struct mg_str bytes)
{
    if (!mg_buf_reserve(buf, bytes.len + 2))
        return false;
    const char *at = bytes.data, *end = bytes.len ? at + bytes.len : at;
    const char *run = mg_run_end(at, end, true);
    size_t plain = (size_t)(run - at);
    char *out = buf->data + buf->len;
    *out++ = '"';
    if (plain)
        memcpy(out, at, plain);
    buf->len += plain + 1;
    if (run < end)
        return put_special(buf, run, end);
    out[plain] = '"';
    buf->len++;
    return true;
}

bool mg_json_put_int(struct mg_buf *buf, int64_t value)
{
    if (value >= 0)
        return mg_buf_put_uint(buf, (uint64_t)value);
    return mg_buf_put_char(buf, '-') && mg_buf_put_uint(buf, -(uint64_t)value);
}

// Most numbers with a fraction are amounts with few decimals. When m / 10^n with m below 10^15
// gives exactly `size`, reading the digits of m with n decimals does the same division, and the
// smallest such n is the shortest form, since no two numbers of 15 digits share a double.
static bool put_decimals(struct mg_buf *buf, double size)
{
    double scale = 10;
    for (int places = 1; places <= 8 && size * scale < 1e15; places++, scale *= 10) {
        uint64_t digits = (uint64_t)(size * scale + 0.5), unit = (uint64_t)scale;
        if ((double)digits / scale != size)
            continue;
        mg_buf_put_uint(buf, digits / unit);
        char fraction[9] = ".";
        for (uint64_t rest = digits % unit, i = (uint64_t)places; i; i--, rest /= 10)
            fraction[i] = (char)('0' + rest % 10);
        mg_buf_put(buf, (struct mg_str){fraction, (size_t)places + 1});
        return true;
    }
    return false;
}

// The form that printf gives, without the zeros and signs that say nothing: 1.500e+07 is 1.5e7.
static bool put_tidy(struct mg_buf *buf, const char *text)
{
    const char *exponent = strchr(text, 'e');
    if (!exponent)
        return mg_buf_put(buf, mg_str_of(text));
    const char *end = exponent;
    if (memchr(text, '.', (size_t)(exponent - text))) {
        while (end[-1] == '0')
            end--;
        end -= end[-1] == '.';
    }
    mg_buf_put(buf, (struct mg_str){text, (size_t)(end - text)});
    mg_buf_put_char(buf, 'e');
    exponent++;
    if (*exponent == '-')
        mg_buf_put_char(buf, '-');
    exponent += strspn(exponent, "+-0");
    return mg_buf_put(buf, mg_str_of(exponent));
}

bool mg_json_put_double(struct mg_buf *buf, double value)
{
    static const double two53 = 9007199254740992.0;
    double size = fabs(value);
    if (!(size <= DBL_MAX))
        return false;
    if (signbit(value))
        mg_buf_put_char(buf, '-');
    if (size <= two53 && size == (double)(uint64_t)size)
        return mg_buf_put_uint(buf, (uint64_t)size);
    if (size >= 1e-4 && put_decimals(buf, size))
        return buf->failed == MG_OK;
    // Above 2^53 always with an exponent, so that what was a double is not read as an exact
    // integer. 15 digits are enough for most, 17 for all; below DBL_MIN fewer may be.
    char text[32];
    int digits = size < DBL_MIN ? 1 : 15;
    do
        snprintf(text, sizeof text, size > two53 ? "%.*e" : "%.*g",
                 size > two53 ? digits - 1 : digits, size);
    while (digits++ < 17 && strtod(text, NULL) != size);
    return put_tidy(buf, text);
}
