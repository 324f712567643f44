#include "backend/file_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "backend/file_open.h"
#include "http/date.h"
#include "http/media.h"
#include "http/selection.h"
#include "http/tag.h"

// While a job is out all of it is the pool thread's, but for what errand.h says is the loop's.
struct stream {
    struct mg_errand base;
    int root;
    int fd;                          // -1: not open yet, or closed
    bool begun;                      // the sink has the head
    struct mg_conditions conditions; // their values stand behind the path
    struct mg_selection selection;
    uint64_t size;
    uint64_t at, left; // what of the selected part is still to be read
    char tag[MG_TAG_SIZE];
    char changed[MG_DATE_SIZE];
    char path[];
};

static void close_file(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

// A file whose call has ended between two jobs is closed on the loop: it was only read, so that
// there is nothing to wait for.
static void fini(struct mg_errand *errand)
{
    close_file(MG_OWNER(errand, struct stream, base));
}

// The date of its last change, but none that is yet to come (RFC 9110 §8.8.2.1).
static void select_part(struct stream *stream, const struct stat *stat)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct timespec changed = stat->st_mtim;
    const struct mg_version version = {changed.tv_sec, (uint32_t)changed.tv_nsec,
                                       (uint64_t)stat->st_size, stat->st_ino};
    mg_tag_write(&version, now.tv_sec, (uint32_t)now.tv_nsec, stream->tag);
    mg_date_write(changed.tv_sec < now.tv_sec ? changed.tv_sec : now.tv_sec, stream->changed);
    const struct mg_selectable file = {mg_str_of(stream->tag), changed.tv_sec, version.size};
    stream->selection = mg_select(&stream->conditions, &file, now.tv_sec);
    stream->size = version.size;
    stream->at = stream->selection.part.from;
    stream->left = stream->conditions.method == MG_HEAD ? 0 : stream->selection.part.length;
}

static void open_file(struct stream *stream)
{
    struct stat stat;
    stream->fd = mg_file_open(&stream->base, stream->root, stream->path, O_RDONLY, &stat);
    if (stream->fd < 0)
        return;
    if (S_ISREG(stat.st_mode))
        select_part(stream, &stat);
    else
        mg_file_not_there(&stream->base, stream->path);
}

static void read_piece(struct stream *stream)
{
    struct mg_buf *piece = &stream->base.body;
    size_t most = stream->left < MG_FILE_PIECE ? (size_t)stream->left : MG_FILE_PIECE;
    if (!mg_buf_reserve(piece, most)) {
        mg_errand_fail(&stream->base, MG_NO_MEMORY, "no memory");
        return;
    }
    while (piece->len < most) {
        ssize_t got = pread(stream->fd, piece->data + piece->len, most - piece->len,
                            (off_t)(stream->at + piece->len));
        if (got > 0) {
            piece->len += (size_t)got;
        } else if (got == 0) {
            mg_errand_fail(&stream->base, MG_FILE, "%.200s: became shorter while it was read",
                           stream->path);
            return;
        } else if (errno != EINTR) {
            mg_file_fail(&stream->base, stream->path, errno);
            return;
        }
    }
    stream->at += piece->len;
    stream->left -= piece->len;
}

static void run(struct mg_job *job, void *desk)
{
    struct stream *stream = MG_OWNER(job, struct stream, base.job);
    if (stream->fd < 0)
        open_file(stream);
    if (stream->base.error == MG_OK && stream->left > 0)
        read_piece(stream);
    if (stream->base.error != MG_OK || stream->left == 0)
        close_file(stream);
}

static bool add(struct mg_call *call, struct mg_str name, struct mg_str value)
{
    value = mg_arena_copy(call->arena, value);
    return value.data && mg_headers_add(&call->result.headers, call->arena, name, value);
}

static bool add_length(struct mg_call *call, uint64_t length)
{
    struct mg_str text = mg_arena_printf(call->arena, "%llu", (unsigned long long)length);
    return text.data && add(call, MG_STR("Content-Length"), text);
}

static bool add_range(struct mg_call *call, const struct mg_range *range, uint64_t size)
{
    char text[MG_RANGE_SIZE];
    mg_range_write(range, size, text);
    return add(call, MG_STR("Content-Range"), mg_str_of(text));
}

// 304 says only what a client needs to know its copy by (RFC 9110 §15.4.5).
static bool describe(const struct stream *stream, struct mg_call *call)
{
    const struct mg_selection *selection = &stream->selection;
    if (!add(call, MG_STR("ETag"), mg_str_of(stream->tag)))
        return false;
    if (selection->status == 304)
        return true;
    return add(call, MG_STR("Last-Modified"), mg_str_of(stream->changed)) &&
           add(call, MG_STR("Accept-Ranges"), MG_STR("bytes")) &&
           add(call, MG_STR("Content-Type"), mg_media_type(mg_str_of(stream->path))) &&
           add_length(call, selection->part.length) &&
           (selection->status != 206 || add_range(call, &selection->part, stream->size));
}

// What the client asks for is not to be had: the call fails with that status, so that it is told as
// any failure is.
static void refuse(struct stream *stream, struct mg_call *call)
{
    bool beyond = stream->selection.status == 416;
    if (beyond && !add_range(call, NULL, stream->size)) {
        mg_errand_fail(&stream->base, MG_NO_MEMORY, "no memory");
        return;
    }
    mg_errand_fail(&stream->base, MG_STATUS,
                   beyond ? "it ends before that range"
                          : "it is not the version that is asked for");
    stream->base.status = stream->selection.status;
}

static bool begin(struct stream *stream)
{
    struct mg_call *call = stream->base.call;
    stream->begun = true;
    stream->base.status = stream->selection.status;
    if (stream->selection.status >= 400) {
        refuse(stream, call);
        return false;
    }
    if (!describe(stream, call)) {
        mg_errand_fail(&stream->base, MG_NO_MEMORY, "no memory");
        return false;
    }
    call->result.status = stream->selection.status;
    call->sink->head(call->sink, stream->selection.status, &call->result.headers);
    return stream->base.call != NULL;
}

static enum mg_errand_next back(struct mg_errand *errand)
{
    struct stream *stream = MG_OWNER(errand, struct stream, base);
    struct mg_buf *piece = &errand->body;
    bool more = true;
    if (!stream->begun && !begin(stream))
        return MG_ERRAND_LAND;
    if (piece->len > 0)
        more = errand->call->sink->data(errand->call->sink, mg_buf_str(piece));
    if (errand->call && stream->left > 0 && more) {
        mg_buf_clear(piece);
        return MG_ERRAND_AGAIN;
    }
    mg_buf_fini(piece);
    return stream->left > 0 ? MG_ERRAND_PARK : MG_ERRAND_LAND;
}

// The values of the client's fields lie in a request that the errand may outlive.
static void copy_conditions(struct stream *stream, const struct mg_conditions *conditions,
                            char *room)
{
    struct mg_conditions *own = &stream->conditions;
    *own = *conditions;
    struct mg_str *const values[] = {&own->if_match,          &own->if_none_match,
                                     &own->if_modified_since, &own->if_unmodified_since,
                                     &own->if_range,          &own->range};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (!values[i]->data)
            continue;
        memcpy(room, values[i]->data, values[i]->len);
        values[i]->data = room;
        room += values[i]->len;
    }
}

static size_t length_of(const struct mg_conditions *conditions)
{
    return conditions->if_match.len + conditions->if_none_match.len +
           conditions->if_modified_since.len + conditions->if_unmodified_since.len +
           conditions->if_range.len + conditions->range.len;
}

void mg_file_stream_start(struct mg_errands *errands, struct mg_call *call, int root,
                          struct mg_pool *pool)
{
    static const struct mg_conditions none = {.method = MG_GET};
    const struct mg_conditions *conditions = call->file.conditions ? call->file.conditions : &none;
    struct mg_str path = call->file.path;
    struct stream *stream = calloc(1, sizeof *stream + path.len + 1 + length_of(conditions));
    if (!stream) {
        mg_backend_fail(&errands->backend, call, MG_NO_MEMORY, MG_STR("no memory"));
        return;
    }
    stream->root = root;
    stream->fd = -1;
    memcpy(stream->path, path.data, path.len);
    copy_conditions(stream, conditions, stream->path + path.len + 1);
    stream->base.back = back;
    stream->base.fini = fini;
    mg_errand_start(errands, &stream->base, call, pool, run);
}
