#include "backend/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/beneath.h"
#include "backend/file_open.h"
#include "backend/file_stream.h"
#include "json/scan.h"
#include "json/write.h"

enum { read_size = 1 << 20 }; // bytes between two looks at whether the call still wants them

struct mg_files {
    char *name;
    int root;
    struct mg_pool *pool;
};

struct backend {
    struct mg_errands errands;
    struct mg_files *files;
};

struct errand {
    struct mg_errand base;
    enum mg_file_verb verb;
    int root;
    char path[];
};

static void fail_as(struct errand *errand, int why)
{
    mg_file_fail(&errand->base, errand->path, why);
}

static int open_path(struct errand *errand, int flags, struct stat *stat)
{
    return mg_file_open(&errand->base, errand->root, errand->path, flags, stat);
}

// Reads to the end of the file, whatever its size was said to be, and one byte over the limit at
// most: enough to know that it is too large.
static void read_all(struct errand *errand, int fd, off_t size)
{
    struct mg_buf *body = &errand->base.body;
    size_t most = errand->base.body_most;
    mg_buf_init(body, most < SIZE_MAX ? most + 1 : most);
    if (size > 0 && (size_t)size > most)
        body->failed = MG_TOO_LARGE;
    else
        mg_buf_reserve(body, (size_t)size + 1);
    ssize_t got = 1;
    while (got > 0 && body->failed == MG_OK && body->len <= most &&
           !atomic_load(&errand->base.job.cancelled)) {
        if (body->len == body->cap && !mg_buf_reserve(body, 1))
            break;
        size_t room = body->cap - body->len;
        got = read(fd, body->data + body->len, room < read_size ? room : read_size);
        if (got > 0)
            body->len += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (got < 0)
        fail_as(errand, errno);
}

static void read_file(struct errand *errand)
{
    struct stat stat;
    int fd = open_path(errand, O_RDONLY, &stat);
    if (fd < 0)
        return;
    if (S_ISREG(stat.st_mode))
        read_all(errand, fd, stat.st_size);
    else
        mg_errand_fail(&errand->base, MG_FILE, "%.200s: not a regular file", errand->path);
    close(fd);
}

static void read_json(struct errand *errand)
{
    read_file(errand);
    if (errand->base.error != MG_OK || !mg_errand_check(&errand->base))
        return;
    struct mg_buf *body = &errand->base.body;
    size_t at;
    errand->base.form = MG_BODY_JSON;
    if (!mg_json_valid((struct mg_str){body->data, body->len}, MG_JSON_DEPTH_MOST, &at))
        mg_errand_fail(&errand->base, MG_MALFORMED, "%.200s: not JSON at byte %zu", errand->path,
                       at + 1);
}

static void describe(struct errand *errand)
{
    struct stat stat;
    int fd = open_path(errand, O_PATH, &stat);
    if (fd < 0)
        return;
    close(fd);
    const char *type = S_ISREG(stat.st_mode) ? "file" : S_ISDIR(stat.st_mode) ? "directory" : NULL;
    errand->base.form = MG_BODY_JSON;
    if (type)
        mg_buf_printf(&errand->base.body, "{\"mtime\":%lld,\"size\":%lld,\"type\":\"%s\"}",
                      (long long)stat.st_mtim.tv_sec, (long long)stat.st_size, type);
    else
        mg_errand_fail(&errand->base, MG_FILE, "%.200s: neither a file nor a folder", errand->path);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The names in one buffer, each ended by NUL. False, and the errand failed, when they are too many.
static bool read_names(struct errand *errand, DIR *dir, struct mg_buf *names, size_t *count)
{
    for (struct dirent *entry; errno = 0, (entry = readdir(dir));) {
        struct mg_str name = mg_str_of(entry->d_name);
        if (mg_str_is(name, ".") || mg_str_is(name, ".."))
            continue;
        mg_buf_put(names, name);
        if (!mg_buf_put_char(names, '\0')) {
            errand->base.body.failed = names->failed;
            return mg_errand_check(&errand->base);
        }
        ++*count;
    }
    if (errno)
        fail_as(errand, errno);
    return errno == 0;
}

static void put_names(struct errand *errand, const struct mg_buf *names, size_t count)
{
    struct mg_buf *body = &errand->base.body;
    const char **sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) {
        mg_errand_fail(&errand->base, MG_NO_MEMORY, "no memory");
        return;
    }
    const char *at = names->data;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        sorted[i] = at;
    qsort(sorted, count, sizeof *sorted, by_bytes);
    mg_buf_init(body, errand->base.body_most + 1);
    mg_buf_put_char(body, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mg_buf_put_char(body, ',');
        mg_json_put_string(body, mg_str_of(sorted[i]));
    }
    mg_buf_put_char(body, ']');
    free(sorted);
}

static void list(struct errand *errand)
{
    struct stat stat;
    int fd = open_path(errand, O_RDONLY | O_DIRECTORY, &stat);
    if (fd < 0)
        return;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        fail_as(errand, errno);
        close(fd);
        return;
    }
    struct mg_buf names;
    size_t count = 0;
    mg_buf_init(&names, errand->base.body_most + 1);
    errand->base.form = MG_BODY_JSON;
    if (read_names(errand, dir, &names, &count))
        put_names(errand, &names, count);
    mg_buf_fini(&names);
    closedir(dir);
}

static void run(struct mg_job *job, void *desk)
{
    static void (*const verbs[])(struct errand *) = {
        [MG_FILE_READ] = read_file,
        [MG_FILE_JSON] = read_json,
        [MG_FILE_STAT] = describe,
        [MG_FILE_LIST] = list,
    };
    struct errand *errand = MG_OWNER(job, struct errand, base.job);
    verbs[errand->verb](errand);
    if (errand->base.error == MG_OK)
        mg_errand_check(&errand->base);
}

// The folder itself, by "." or nothing, can be described and listed.
static bool good_path(const struct mg_file_ask *ask)
{
    bool folder = ask->verb == MG_FILE_STAT || ask->verb == MG_FILE_LIST;
    return mg_beneath_path(ask->path) ||
           (folder && (ask->path.len == 0 || mg_str_is(ask->path, ".")));
}

static void start(struct mg_backend *base, struct mg_call *call)
{
    struct backend *backend = MG_OWNER(base, struct backend, errands.backend);
    struct mg_str path = call->file.path;
    bool streamed = call->sink && call->file.verb == MG_FILE_READ;
    if (!good_path(&call->file) && streamed) { // it comes from a client: no file is called so
        call->result.status = 404;
        mg_backend_fail(base, call, MG_STATUS, MG_STR("not there"));
        return;
    }
    if (!good_path(&call->file)) {
        mg_backend_fail(base, call, MG_FILE, MG_STR("the path is empty, absolute or has \"..\""));
        return;
    }
    if (streamed) {
        mg_file_stream_start(&backend->errands, call, backend->files->root, backend->files->pool);
        return;
    }
    if (path.len == 0)
        path = MG_STR(".");
    struct errand *errand = calloc(1, sizeof *errand + path.len + 1);
    if (!errand) {
        mg_backend_fail(base, call, MG_NO_MEMORY, MG_STR("no memory"));
        return;
    }
    errand->verb = call->file.verb;
    errand->root = backend->files->root;
    memcpy(errand->path, path.data, path.len);
    mg_errand_start(&backend->errands, &errand->base, call, backend->files->pool, run);
}

static const struct mg_backend_kind file_kind = {
    .word = "file",
    .start = start,
    .cancel = mg_errands_cancel,
    .resume = mg_errands_resume,
    .close = mg_errands_close,
};

struct mg_files *mg_files_new(const struct mg_files_options *options, struct mg_buf *why)
{
    struct mg_files *files = calloc(1, sizeof *files);
    if (!files) {
        mg_buf_put(why, MG_STR("no memory"));
        return NULL;
    }
    files->name = strndup(options->name.data, options->name.len);
    files->root = open(options->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (files->root < 0) {
        mg_buf_printf(why, "%s: %s", options->root, strerrordesc_np(errno));
        mg_files_free(files);
        return NULL;
    }
    files->pool = mg_pool_new(&(struct mg_pool_options){
        .name = "mg-file", .threads = options->threads, .queue = options->queue});
    if (!files->name || !files->pool) {
        mg_buf_put(why, MG_STR("no memory or threads"));
        mg_files_free(files);
        return NULL;
    }
    return files;
}

void mg_files_free(struct mg_files *files)
{
    if (!files)
        return;
    mg_pool_free(files->pool);
    if (files->root >= 0)
        close(files->root);
    free(files->name);
    free(files);
}

struct mg_backend *mg_file_new(struct mg_files *files, struct mg_loop *loop,
                               struct mg_mailbox *home)
{
    struct backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return NULL;
    backend->files = files;
    mg_errands_init(&backend->errands, &file_kind, mg_str_of(files->name), loop, home);
    return &backend->errands.backend;
}
