#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void mg_buf_init(struct mg_buf *buf, size_t limit)
{
    *buf = (struct mg_buf){.limit = limit};
}

void mg_buf_fini(struct mg_buf *buf)
{
    if (buf->data && !buf->lent)
        free(buf->data);
    mg_buf_init(buf, buf->limit);
}

static bool fail(struct mg_buf *buf, enum mg_status why)
{
    if (buf->failed == MG_OK)
        buf->failed = why;
    return false;
}

bool mg_buf_reserve(struct mg_buf *buf, size_t more)
{
    if (buf->failed != MG_OK)
        return false;
    if (more <= buf->cap - buf->len)
        return true;
    size_t most = buf->limit ? buf->limit : SIZE_MAX / 2;
    if (more > most || buf->len > most - more)
        return fail(buf, MG_TOO_LARGE);
    size_t need = buf->len + more;
    size_t cap = buf->cap < 128 ? 256 : buf->cap * 2;
    if (cap < need)
        cap = need;
    if (cap > most)
        cap = most;
    char *data = realloc(buf->lent ? NULL : buf->data, cap);
    if (!data)
        return fail(buf, MG_NO_MEMORY);
    if (buf->lent)
        memcpy(data, buf->data, buf->len);
    buf->data = data;
    buf->cap = cap;
    buf->lent = false;
    return true;
}

bool mg_buf_put(struct mg_buf *buf, struct mg_str bytes)
{
    if (!mg_buf_reserve(buf, bytes.len))
        return false;
    if (bytes.len)
        memcpy(buf->data + buf->len, bytes.data, bytes.len);
    buf->len += bytes.len;
    return true;
}

bool mg_buf_put_char(struct mg_buf *buf, char c)
{
    return mg_buf_put(buf, (struct mg_str){&c, 1});
}

bool mg_buf_put_uint(struct mg_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    return mg_buf_put(buf, (struct mg_str){digits + at, sizeof digits - at});
}

bool mg_buf_printf(struct mg_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    bool ok = len >= 0 && mg_buf_reserve(buf, (size_t)len + 1);
    if (ok) {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return ok;
}

void mg_buf_drop(struct mg_buf *buf, size_t count)
{
    buf->len -= count;
    if (buf->len)
        memmove(buf->data, buf->data + count, buf->len);
}

void mg_buf_clear(struct mg_buf *buf)
{
    buf->len = 0;
    buf->failed = MG_OK;
}
