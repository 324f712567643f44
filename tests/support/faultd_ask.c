// Requests as faultd reads them.
#include "faultd.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *ask_field(const char *head, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *at = head; (at = memmem(at, len - (size_t)(at - head), "\r\n", 2));) {
        at += 2;
        if ((size_t)(head + len - at) > name_len && strncasecmp(at, name, name_len) == 0)
            return at + name_len;
    }
    return NULL;
}

// Length of the chunked body at `at`, 0 when it is not complete; appends the data to `body`.
static size_t take_chunks(const char *start, size_t len, struct bytes *body)
{
    const char *at = start, *end = start + len;
    for (;;) {
        const char *line = memmem(at, (size_t)(end - at), "\r\n", 2);
        if (!line)
            return 0;
        size_t size = (size_t)strtoull(at, NULL, 16);
        at = line + 2;
        if (size == 0)
            break;
        if ((size_t)(end - at) < size + 2)
            return 0;
        bytes_put(body, at, size);
        at += size + 2;
    }
    while ((size_t)(end - at) >= 2) { // trailers
        const char *line = memmem(at, (size_t)(end - at), "\r\n", 2);
        if (!line)
            return 0;
        bool last = line == at;
        at = line + 2;
        if (last)
            return (size_t)(at - start);
    }
    return 0;
}

bool ask_take(const struct bytes *in, struct ask *ask, size_t *total)
{
    const char *end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return false;
    ask->head = in->data;
    ask->head_len = (size_t)(end + 4 - in->data);
    size_t left = in->len - ask->head_len, length = 0;
    const char *value = ask_field(ask->head, ask->head_len - 2, "content-length:");
    if (ask_field(ask->head, ask->head_len - 2, "transfer-encoding:")) {
        length = take_chunks(end + 4, left, &ask->body);
        if (length == 0) {
            bytes_free(&ask->body);
            return false;
        }
    } else if (value) {
        length = (size_t)strtoull(value, NULL, 10);
        if (left < length)
            return false;
        bytes_put(&ask->body, end + 4, length);
    }
    *total = ask->head_len + length;
    return true;
}
