// Entity tags (RFC 9110 §8.8.3). Pure.
#ifndef MG_HTTP_TAG_H
#define MG_HTTP_TAG_H

#include "base/str.h"

enum { MG_TAG_SIZE = 24 }; // bytes of a tag that mg_tag_write makes, its NUL included

// What tells one content of a file from another without reading it.
struct mg_version {
    int64_t seconds;      // of its last change
    uint32_t nanoseconds; // of the same
    uint64_t size, inode; // a file put in the place of another has another inode
};

// The tag of that version, strong: "5f3c..." with its quotes. Weak, W/"...", while the last change
// is less than a second before `now` (in seconds, with `now_nanoseconds`): file systems tell times
// by a clock that ticks, so another change within that tick could leave the version as it is. The
// four are mixed into one number: an inode is nobody's business.
void mg_tag_write(const struct mg_version *version, int64_t now, uint32_t now_nanoseconds,
                  char text[MG_TAG_SIZE]);

// Is `tag` among the tags of `list`, the value of If-Match or If-None-Match? "*" is any. Strong:
// both must be; weak: a W/ makes no difference (RFC 9110 §8.8.3.2). A list is read up to where it
// is no list any more.
bool mg_tag_in(struct mg_str list, struct mg_str tag, bool strong);

#endif
