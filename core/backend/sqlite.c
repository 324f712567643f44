#include "backend/sqlite.h"

#include <stdlib.h>

#include "backend/connection.h"
#include "backend/errand.h"

struct mg_sqlite {
    char *name, *path;
    // Open as long as the database is: the last connection to close would take the WAL file away
    // and the next one have to make it again.
    struct mg_connection *anchor;
    struct mg_pool *readers, *writer;
};

struct backend {
    struct mg_errands errands;
    struct mg_sqlite *sqlite;
};

// Behind it in the same block: the parts of an atomic one, the arguments, and their texts.
struct errand {
    struct mg_errand base;
    struct mg_pool *writer;
    struct mg_sql_ask ask;
    struct mg_sql_ask parts[];
};

// Room that is handed out piece by piece.
struct room {
    struct mg_sql_arg *args;
    char *text;
};

static struct mg_str copy_text(struct room *room, struct mg_str bytes)
{
    struct mg_str copied = {room->text, bytes.len};
    if (bytes.len)
        memcpy(room->text, bytes.data, bytes.len);
    room->text += bytes.len;
    return copied;
}

static void measure(const struct mg_sql_ask *ask, size_t *args, size_t *text)
{
    *args += ask->arg_count;
    *text += ask->sql.len;
    for (unsigned i = 0; i < ask->arg_count; i++)
        *text += ask->args[i].text.len;
}

static void copy_ask(struct mg_sql_ask *to, const struct mg_sql_ask *from, struct room *room)
{
    *to = *from;
    to->sql = copy_text(room, from->sql);
    to->args = room->args;
    for (unsigned i = 0; i < from->arg_count; i++) {
        struct mg_sql_arg *arg = room->args++;
        *arg = from->args[i];
        arg->text = copy_text(room, arg->text);
    }
}

static struct errand *new_errand(const struct mg_sql_ask *ask)
{
    size_t args = 0, text = 0, parts = ask->part_count * sizeof *ask->parts;
    measure(ask, &args, &text);
    for (unsigned i = 0; i < ask->part_count; i++)
        measure(&ask->parts[i], &args, &text);
    struct errand *errand =
        calloc(1, sizeof *errand + parts + args * sizeof(struct mg_sql_arg) + text);
    if (!errand)
        return NULL;
    struct room room = {.args = (void *)((char *)errand->parts + parts)};
    room.text = (char *)(room.args + args);
    copy_ask(&errand->ask, ask, &room);
    for (unsigned i = 0; i < ask->part_count; i++)
        copy_ask(&errand->parts[i], &ask->parts[i], &room);
    errand->ask.parts = errand->parts;
    return errand;
}

static void run(struct mg_job *job, void *desk)
{
    struct errand *errand = MG_OWNER(job, struct errand, base.job);
    if (!desk)
        mg_errand_fail(&errand->base, MG_NO_MEMORY, "no memory");
    else if (!mg_connection_run(desk, &errand->ask, &errand->base))
        errand->base.onward = errand->writer;
}

static void start(struct mg_backend *base, struct mg_call *call)
{
    struct backend *backend = MG_OWNER(base, struct backend, errands.backend);
    struct mg_sqlite *sqlite = backend->sqlite;
    struct errand *errand = new_errand(&call->sql);
    if (!errand) {
        mg_backend_fail(base, call, MG_NO_MEMORY, MG_STR("no memory"));
        return;
    }
    errand->writer = sqlite->writer;
    bool writes = call->sql.verb == MG_SQL_RUN || call->sql.verb == MG_SQL_ATOMIC;
    mg_errand_start(&backend->errands, &errand->base, call,
                    writes ? sqlite->writer : sqlite->readers, run);
}

static const struct mg_backend_kind sql_kind = {
    .word = "sql",
    .start = start,
    .cancel = mg_errands_cancel,
    .close = mg_errands_close,
};

static void *open_reader(void *owner)
{
    const struct mg_sqlite *sqlite = owner;
    return mg_connection_new(sqlite->path, MG_CONNECTION_READER);
}

static void *open_writer(void *owner)
{
    const struct mg_sqlite *sqlite = owner;
    return mg_connection_new(sqlite->path, MG_CONNECTION_WRITER);
}

static void close_connection(void *desk)
{
    mg_connection_free(desk);
}

static struct mg_pool *new_pool(struct mg_sqlite *sqlite, const char *name, unsigned threads,
                                unsigned queue, void *(*open)(void *owner))
{
    return mg_pool_new(&(struct mg_pool_options){
        .name = name,
        .threads = threads,
        .queue = queue,
        .desk_open = open,
        .desk_close = close_connection,
        .owner = sqlite,
    });
}

// Each connection to ":memory:", and to "", would have a database of its own; "file:" would bring
// options along.
static bool good_path(struct mg_str path)
{
    return path.len > 0 && !mg_str_starts(path, MG_STR("file:")) && !mg_str_is(path, ":memory:");
}

static const char *set_up(struct mg_sqlite *sqlite, const struct mg_sqlite_options *options)
{
    if (!good_path(mg_str_of(options->path)))
        return "a database is a file, which its connections share";
    sqlite->name = strndup(options->name.data, options->name.len);
    sqlite->path = strdup(options->path);
    if (!sqlite->name || !sqlite->path)
        return "no memory";
    sqlite->anchor = mg_connection_new(sqlite->path, MG_CONNECTION_WRITER);
    if (!sqlite->anchor)
        return "no memory";
    if (mg_connection_why(sqlite->anchor))
        return mg_connection_why(sqlite->anchor);
    sqlite->readers =
        new_pool(sqlite, "mg-sql-read", options->readers, options->queue, open_reader);
    sqlite->writer = new_pool(sqlite, "mg-sql-write", 1, options->queue, open_writer);
    return sqlite->readers && sqlite->writer ? NULL : "no memory or threads";
}

struct mg_sqlite *mg_sqlite_new(const struct mg_sqlite_options *options, struct mg_buf *why)
{
    struct mg_sqlite *sqlite = calloc(1, sizeof *sqlite);
    const char *wrong = sqlite ? set_up(sqlite, options) : "no memory";
    if (!wrong)
        return sqlite;
    mg_buf_printf(why, "%s: %s", options->path, wrong);
    mg_sqlite_free(sqlite);
    return NULL;
}

void mg_sqlite_free(struct mg_sqlite *sqlite)
{
    if (!sqlite)
        return;
    mg_pool_free(sqlite->readers);
    mg_pool_free(sqlite->writer);
    mg_connection_free(sqlite->anchor);
    free(sqlite->name);
    free(sqlite->path);
    free(sqlite);
}

struct mg_backend *mg_sql_new(struct mg_sqlite *sqlite, struct mg_loop *loop,
                              struct mg_mailbox *home)
{
    struct backend *backend = calloc(1, sizeof *backend);
    if (!backend)
        return NULL;
    backend->sqlite = sqlite;
    mg_errands_init(&backend->errands, &sql_kind, mg_str_of(sqlite->name), loop, home);
    return &backend->errands.backend;
}
