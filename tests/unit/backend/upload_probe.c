// A streamed body framed for the wire, byte by byte as a slow socket takes it.
#include <string.h>

#include "backend/http_upload.h"
#include "base/buf.h"
#include "base/list.h"

struct probe_supply {
    struct mg_supply supply;
    struct mg_str all;
    size_t there, taken; // of it
};

static struct mg_str look(struct mg_supply *supply)
{
    struct probe_supply *mine = MG_OWNER(supply, struct probe_supply, supply);
    return mg_str_cut(mine->all, mine->taken, mine->there);
}

static void took(struct mg_supply *supply, size_t len)
{
    MG_OWNER(supply, struct probe_supply, supply)->taken += len;
}

// Frames `all`, of which `piece` bytes more come whenever nothing is left, for a socket that takes
// `most` bytes at once. `length` as announced. With `cut` the supply is taken away once it has
// ended. Returns how often there was nothing to send; -1 when it never came to its end.
int probe_upload(struct mg_str all, size_t piece, int64_t length, size_t most, bool cut,
                 struct mg_buf *out)
{
    struct probe_supply mine = {.supply = {.look = look, .took = took, .length = length},
                                .all = all};
    struct mg_supply *supply = &mine.supply;
    struct mg_http_upload upload;
    int dry = 0;
    mg_http_upload_begin(&upload, length);
    while (!mg_http_upload_over(&upload)) {
        struct mg_str parts[MG_HTTP_UPLOAD_PARTS];
        unsigned count = mg_http_upload_parts(&upload, supply, parts);
        size_t left = most;
        for (unsigned i = 0; i < count && left; i++) {
            size_t len = parts[i].len < left ? parts[i].len : left;
            mg_buf_put(out, mg_str_cut(parts[i], 0, len));
            left -= len;
        }
        mg_http_upload_sent(&upload, supply, most - left);
        if (count)
            continue;
        if (mine.supply.ended)
            return -1;
        dry++;
        mine.supply.ended = mine.there == all.len;
        mine.there = mine.there + piece < all.len ? mine.there + piece : all.len;
        if (mine.supply.ended && cut)
            supply = NULL;
    }
    return dry;
}
