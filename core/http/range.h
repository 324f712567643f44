// One range of bytes of a file (RFC 9110 §14). Pure.
#ifndef MG_HTTP_RANGE_H
#define MG_HTTP_RANGE_H

#include "base/str.h"

struct mg_range {
    uint64_t from, length; // within the size it was read for; length is never 0
};

enum mg_range_kind {
    MG_RANGE_WHOLE,  // nothing that names one range of bytes: all of it is sent
    MG_RANGE_PART,   // this range
    MG_RANGE_BEYOND, // a range behind the end: 416
};

// Reads the value of a Range field for something of `size` bytes. What is no range of bytes is
// ignored, as RFC 9110 §14.2 lets it be, and so are several ranges: all is sent instead of a
// multipart/byteranges, which clients that fetch files in parts do not ask for, and whose many
// small or overlapping parts are a way to make a server work.
enum mg_range_kind mg_range_read(struct mg_str value, uint64_t size, struct mg_range *range);

enum { MG_RANGE_SIZE = 72 }; // bytes of a Content-Range value, its NUL included

// "bytes 0-499/1234"; "bytes */1234" when `range` is NULL.
void mg_range_write(const struct mg_range *range, uint64_t size, char text[MG_RANGE_SIZE]);

#endif
