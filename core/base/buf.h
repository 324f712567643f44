// Owned bytes that grow up to a cap. All-zeroes is an empty buffer without a cap. A failed append
// (cap reached, or no memory) is remembered in `failed` and leaves the bytes as they were, so a
// writer may append many times and check once.
#ifndef MG_BASE_BUF_H
#define MG_BASE_BUF_H

#include "base/status.h"
#include "base/str.h"

struct mg_buf {
    char *data;
    size_t len;
    size_t cap;
    size_t limit;          // most bytes it may hold; 0: no cap
    enum mg_status failed; // MG_OK, MG_TOO_LARGE or MG_NO_MEMORY; sticky
    bool lent;             // the bytes lie in room that was lent to it
};

// A buffer that begins in an array of its user's, for what is mostly short and soon copied.
#define MG_BUF_IN(room)                                                                            \
    {                                                                                              \
        .data = (room), .cap = sizeof(room), .lent = true                                          \
    }

void mg_buf_init(struct mg_buf *buf, size_t limit);
void mg_buf_fini(struct mg_buf *buf); // frees the bytes and leaves an empty buffer with its cap

// Room for `more` bytes behind len; data + len may then be written and len advanced.
bool mg_buf_reserve(struct mg_buf *buf, size_t more);

bool mg_buf_put(struct mg_buf *buf, struct mg_str bytes);
bool mg_buf_put_char(struct mg_buf *buf, char c);
bool mg_buf_put_uint(struct mg_buf *buf, uint64_t value);
bool mg_buf_printf(struct mg_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Drops the first `count` bytes; what follows moves to the front.
void mg_buf_drop(struct mg_buf *buf, size_t count);

// Empties the buffer and forgets a failure; keeps the memory.
void mg_buf_clear(struct mg_buf *buf);

static inline struct mg_str mg_buf_str(const struct mg_buf *buf)
{
    return (struct mg_str){buf->data, buf->len};
}

#endif
