#include "backend/ticket_book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "backend/ticket_lines.h"
#include "json/write.h"

enum { random_bytes = 16, id_most = 64 + 1 + 2 * random_bytes };

static const char schema[] =
    "create table if not exists ticket ("
    " seq integer primary key autoincrement, id text not null unique, task text not null,"
    " owner text not null, state text not null, args text not null, tries integer not null,"
    " tried integer not null default 0, keep integer not null, home integer not null,"
    " progress real not null default 0, size integer not null default 0, result text, fault text,"
    " created integer not null, ended integer, until integer);"
    "create index if not exists queued on ticket (seq) where state = 'queued';"
    "create index if not exists running on ticket (seq) where state = 'running';"
    "create index if not exists aside on ticket (seq) where state = 'aside';"
    "create index if not exists until on ticket (until) where until is not null;"
    "create table if not exists piece ("
    " ticket integer not null, seq integer not null, text blob not null,"
    " primary key (ticket, seq)) without rowid;";

// Opening

static void make_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || (size_t)(slash - path) >= sizeof folder)
        return;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    mkdir(folder, S_IRWXU); // it may be there; what else fails, opening the file tells
}

// The file is this process's as long as it is open, since a task must not be run by two.
static bool set_up(struct mg_ticket_book *book)
{
    static const char pragmas[] = "pragma locking_mode = exclusive; pragma journal_mode = wal;"
                                  "pragma synchronous = full; pragma foreign_keys = off;"
                                  "begin immediate; commit;";
    sqlite3_busy_timeout(book->db, 0);
    if (sqlite3_exec(book->db, pragmas, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(book->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return false;
    return mg_ticket_lines_prepare(book);
}

struct mg_ticket_book *mg_ticket_book_open(const char *path, struct mg_buf *why)
{
    enum { flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX };
    struct mg_ticket_book *book = calloc(1, sizeof *book);
    if (!book) {
        mg_buf_put(why, MG_STR("out of memory"));
        return NULL;
    }
    make_folder(path);
    if (sqlite3_open_v2(path, &book->db, flags, NULL) == SQLITE_OK && set_up(book))
        return book;
    int code = book->db ? sqlite3_errcode(book->db) : SQLITE_NOMEM;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        mg_buf_printf(
            why, "tasks: %s is in use by another process: one gateway keeps its tasks there", path);
    else
        mg_buf_printf(why, "tasks: %s: %s", path,
                      book->db ? sqlite3_errmsg(book->db) : "out of memory");
    mg_ticket_book_close(book);
    return NULL;
}

void mg_ticket_book_close(struct mg_ticket_book *book)
{
    if (!book)
        return;
    for (int i = 0; i < MG_LINE_COUNT; i++)
        sqlite3_finalize(book->lines[i]);
    sqlite3_close(book->db);
    free(book);
}

bool mg_ticket_book_begin(struct mg_ticket_book *book)
{
    book->broken = false;
    book->changes = sqlite3_total_changes(book->db);
    return mg_ticket_lines_change(book, MG_LINE_BEGIN, "") >= 0;
}

// A statement that fails for want of room may have undone all before it and ended the transaction,
// so that each one after it would be kept by itself.
bool mg_ticket_book_commit(struct mg_ticket_book *book, bool *wrote)
{
    *wrote = sqlite3_total_changes(book->db) != book->changes;
    if (!book->broken && mg_ticket_lines_change(book, MG_LINE_COMMIT, "") >= 0)
        return true;
    if (!sqlite3_get_autocommit(book->db))
        mg_ticket_lines_change(book, MG_LINE_ROLLBACK, "");
    return false;
}

bool mg_ticket_book_recover(struct mg_ticket_book *book, uint64_t now)
{
    bool wrote;
    return mg_ticket_book_begin(book) &&
           mg_ticket_lines_change(book, MG_LINE_LOSE, "i", (int64_t)now) >= 0 &&
           mg_ticket_lines_change(book, MG_LINE_AGAIN, "") >= 0 &&
           mg_ticket_book_commit(book, &wrote);
}

bool mg_ticket_book_renew(struct mg_ticket_book *book, unsigned round)
{
    bool wrote;
    if (book->round == round)
        return true;
    if (mg_ticket_book_begin(book))
        mg_ticket_lines_change(book, MG_LINE_BACK, "");
    if (!mg_ticket_book_commit(book, &wrote))
        return false;
    book->round = round;
    return true;
}

static bool count(struct mg_ticket_book *book, enum mg_ticket_line line, unsigned *number)
{
    sqlite3_stmt *row = mg_ticket_lines_first(book, line, "");
    if (!row)
        return false;
    *number = (unsigned)sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return true;
}

bool mg_ticket_book_count(struct mg_ticket_book *book, struct mg_ticket_counts *counts)
{
    return count(book, MG_LINE_QUEUED, &counts->queued) &&
           count(book, MG_LINE_RUNNING, &counts->running);
}

uint64_t mg_ticket_book_used(struct mg_ticket_book *book)
{
    uint64_t used = 0;
    sqlite3_stmt *row = mg_ticket_lines_first(book, MG_LINE_USED, "");
    if (row) {
        used = (uint64_t)sqlite3_column_int64(row, 0);
        sqlite3_reset(row);
    }
    return used;
}

// Jobs

static const char too_large[] = "the result is larger than it may be (limits.task_result)";

static void fail(struct mg_ticket_job *job, enum mg_status error, const char *message)
{
    job->error = error;
    job->message = message;
}

static void fail_file(struct mg_ticket_job *job)
{
    fail(job, MG_SQL, "the file of tasks cannot be written");
}

// Unguessable: who knows it may ask for it.
static bool new_id(struct mg_str task, char *id, struct mg_str *made)
{
    unsigned char bytes[random_bytes];
    if (task.len > 64 || getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    int len = snprintf(id, id_most + 1, "%.*s-", (int)task.len, task.data);
    for (int i = 0; i < random_bytes; i++)
        len += snprintf(id + len, 3, "%02x", bytes[i]);
    *made = (struct mg_str){id, (size_t)len};
    return true;
}

static void add(struct mg_ticket_book *book, struct mg_ticket_job *job, uint64_t now,
                struct mg_ticket_counts *counts)
{
    const struct mg_ticket_ask *ask = &job->ask;
    char text[id_most + 1];
    struct mg_str id;
    if (!new_id(ask->task, text, &id) ||
        mg_ticket_lines_change(book, MG_LINE_ADD, "ttttiiii", &id, &ask->task, &ask->owner,
                               &ask->text, (int64_t)ask->tries, (int64_t)ask->keep,
                               (int64_t)ask->home, (int64_t)now) < 0) {
        fail_file(job);
        return;
    }
    counts->queued++;
    mg_json_put_string(&job->body, id);
}

static sqlite3_stmt *find(struct mg_ticket_book *book, enum mg_ticket_line line,
                          const struct mg_ticket_ask *ask, uint64_t now)
{
    return mg_ticket_lines_first(book, line, "ttti", &ask->id, &ask->task, &ask->owner,
                                 (int64_t)now);
}

static void show(struct mg_ticket_book *book, struct mg_ticket_job *job, uint64_t now)
{
    sqlite3_stmt *row = find(book, MG_LINE_SHOW, &job->ask, now);
    struct mg_buf *body = &job->body;
    if (!row) {
        mg_buf_put(body, MG_STR("null"));
        return;
    }
    mg_buf_put(body, MG_STR("{\"id\":"));
    mg_json_put_string(body, mg_ticket_lines_text(row, 0));
    mg_buf_printf(body, ",\"state\":\"%s\",\"progress\":%.6g,\"tried\":%lld,\"tries\":%lld",
                  (const char *)sqlite3_column_text(row, 1), sqlite3_column_double(row, 2),
                  (long long)sqlite3_column_int64(row, 3), (long long)sqlite3_column_int64(row, 4));
    mg_buf_printf(body, ",\"created\":%lld", (long long)sqlite3_column_int64(row, 5) / 1000);
    if (sqlite3_column_type(row, 6) != SQLITE_NULL)
        mg_buf_printf(body, ",\"ended\":%lld", (long long)sqlite3_column_int64(row, 6) / 1000);
    if (sqlite3_column_int64(row, 8) > 0)
        mg_buf_printf(body, ",\"size\":%lld", (long long)sqlite3_column_int64(row, 8));
    if (sqlite3_column_type(row, 7) != SQLITE_NULL) {
        mg_buf_put(body, MG_STR(",\"error\":"));
        mg_json_put_string(body, mg_ticket_lines_text(row, 7));
    }
    mg_buf_put_char(body, '}');
    sqlite3_reset(row);
}

static void put_pieces(struct mg_ticket_book *book, struct mg_ticket_job *job, int64_t seq)
{
    sqlite3_stmt *row = mg_ticket_lines_first(book, MG_LINE_PIECES, "i", seq);
    job->form = MG_BODY_TEXT;
    if (!row)
        return;
    do
        mg_buf_put(&job->body, mg_ticket_lines_text(row, 0));
    while (mg_ticket_lines_step(book, row));
    sqlite3_reset(row);
}

static void result(struct mg_ticket_book *book, struct mg_ticket_job *job, uint64_t now)
{
    sqlite3_stmt *row = find(book, MG_LINE_FIND, &job->ask, now);
    int64_t seq = row ? sqlite3_column_int64(row, 0) : 0;
    bool written = row && sqlite3_column_int64(row, 4) > 0;
    if (row && !written && sqlite3_column_type(row, 3) != SQLITE_NULL)
        mg_buf_put(&job->body, mg_ticket_lines_text(row, 3));
    if (row)
        sqlite3_reset(row);
    if (written)
        put_pieces(book, job, seq);
    else if (!job->body.len)
        mg_buf_put(&job->body, MG_STR("null"));
}

static void cancel(struct mg_ticket_book *book, struct mg_ticket_job *job, uint64_t now,
                   struct mg_ticket_counts *counts, int *stopped)
{
    sqlite3_stmt *row = find(book, MG_LINE_FIND, &job->ask, now);
    if (!row) {
        mg_buf_put(&job->body, MG_STR("null"));
        return;
    }
    int64_t seq = sqlite3_column_int64(row, 0);
    bool queued = mg_str_is(mg_ticket_lines_text(row, 1), "queued");
    bool running = mg_str_is(mg_ticket_lines_text(row, 1), "running");
    int home = sqlite3_column_int(row, 2);
    sqlite3_reset(row);
    int done = queued || running
                   ? mg_ticket_lines_change(book, MG_LINE_CANCEL, "ii", seq, (int64_t)now)
                   : mg_ticket_lines_change(book, MG_LINE_FORGET, "i", seq);
    if (done < 0 || mg_ticket_lines_change(book, MG_LINE_FORGET_PIECES, "i", seq) < 0) {
        fail_file(job);
        return;
    }
    counts->queued -= queued;
    counts->running -= running;
    *stopped = running ? home : -1;
    mg_buf_put(&job->body, MG_STR("true"));
}

static void write_piece(struct mg_ticket_book *book, struct mg_ticket_job *job, size_t most)
{
    const struct mg_ticket_ask *ask = &job->ask;
    int grown = mg_ticket_lines_change(book, MG_LINE_GROW, "tii", &ask->id, (int64_t)ask->text.len,
                                       (int64_t)most);
    if (grown == 0)
        fail(job, MG_TOO_LARGE, too_large);
    else if (grown < 0 ||
             mg_ticket_lines_change(book, MG_LINE_WRITE, "tt", &ask->id, &ask->text) < 0)
        fail_file(job);
    mg_buf_put(&job->body, MG_STR("true"));
}

static void end(struct mg_ticket_book *book, struct mg_ticket_job *job, uint64_t now, size_t most,
                struct mg_ticket_counts *counts)
{
    const struct mg_ticket_ask *ask = &job->ask;
    bool large = ask->text.len > most, failed = ask->failed || large;
    const struct mg_str state = failed ? MG_STR("failed") : MG_STR("done");
    const struct mg_str fault = large ? mg_str_of(too_large) : ask->fault;
    int ended = mg_ticket_lines_change(book, MG_LINE_END, "tttti", &ask->id, &state,
                                       ask->text.len && !failed ? &ask->text : NULL,
                                       failed ? &fault : NULL, (int64_t)now);
    if (ended < 0)
        fail_file(job);
    else
        counts->running -= (unsigned)ended;
}

static void requeue(struct mg_ticket_book *book, struct mg_ticket_job *job,
                    struct mg_ticket_counts *counts)
{
    int done = mg_ticket_lines_change(book, MG_LINE_REQUEUE, "t", &job->ask.id);
    bool aside = done > 0 && job->ask.round && job->ask.round == book->round;
    if (done < 0 || (aside && mg_ticket_lines_change(book, MG_LINE_ASIDE, "t", &job->ask.id) < 0))
        fail_file(job);
    else
        counts->running -= (unsigned)done, counts->queued += (unsigned)done;
}

bool mg_ticket_book_do(struct mg_ticket_book *book, struct mg_ticket_job *job, uint64_t now,
                       size_t most, struct mg_ticket_counts *counts, int *stopped)
{
    const struct mg_ticket_ask *ask = &job->ask;
    *stopped = -1;
    job->form = MG_BODY_JSON;
    switch (ask->verb) {
    case MG_TICKET_ADD:
        add(book, job, now, counts);
        break;
    case MG_TICKET_GET:
        show(book, job, now);
        break;
    case MG_TICKET_RESULT:
        result(book, job, now);
        break;
    case MG_TICKET_CANCEL:
        cancel(book, job, now, counts, stopped);
        break;
    case MG_TICKET_PROGRESS:
        if (mg_ticket_lines_change(book, MG_LINE_PROGRESS, "tr", &ask->id, ask->progress) < 0)
            fail_file(job);
        mg_buf_put(&job->body, MG_STR("true"));
        break;
    case MG_TICKET_WRITE:
        write_piece(book, job, most);
        break;
    case MG_TICKET_END:
        end(book, job, now, most, counts);
        break;
    case MG_TICKET_REQUEUE:
        requeue(book, job, counts);
        break;
    }
    if (job->error == MG_OK && book->broken)
        fail_file(job);
    if (job->error == MG_OK && job->body.failed != MG_OK)
        fail(job, MG_NO_MEMORY, "no memory");
    book->broken |= job->error == MG_NO_MEMORY;
    return !book->broken;
}

// Orders

static struct mg_ticket_order *order_of(sqlite3_stmt *row, unsigned seats, unsigned round)
{
    struct mg_str texts[] = {mg_ticket_lines_text(row, 1), mg_ticket_lines_text(row, 2),
                             mg_ticket_lines_text(row, 3)};
    struct mg_ticket_order *order =
        calloc(1, sizeof *order + texts[0].len + texts[1].len + texts[2].len);
    if (!order)
        return NULL;
    char *room = (char *)(order + 1);
    for (int i = 0; i < 3; i++) {
        if (texts[i].len)
            memcpy(room, texts[i].data, texts[i].len);
        texts[i].data = room;
        room += texts[i].len;
    }
    order->id = texts[0];
    order->task = texts[1];
    order->args = texts[2];
    order->round = round;
    order->seat = (unsigned)sqlite3_column_int64(row, 4) % seats;
    order->attempt = (unsigned)sqlite3_column_int64(row, 5);
    return order;
}

struct mg_ticket_order *mg_ticket_book_next(struct mg_ticket_book *book, unsigned seats)
{
    sqlite3_stmt *row = mg_ticket_lines_first(book, MG_LINE_NEXT, "");
    if (!row)
        return NULL;
    int64_t seq = sqlite3_column_int64(row, 0);
    struct mg_ticket_order *order = order_of(row, seats, book->round);
    sqlite3_reset(row);
    if (order && mg_ticket_lines_change(book, MG_LINE_TAKE, "i", seq) == 1 &&
        mg_ticket_lines_change(book, MG_LINE_FORGET_PIECES, "i", seq) >= 0)
        return order;
    book->broken = true;
    free(order);
    return NULL;
}

void mg_ticket_book_expire(struct mg_ticket_book *book, uint64_t now, unsigned most)
{
    if (mg_ticket_lines_change(book, MG_LINE_EXPIRE_PIECES, "ii", (int64_t)now, (int64_t)most) >= 0)
        mg_ticket_lines_change(book, MG_LINE_EXPIRE, "ii", (int64_t)now, (int64_t)most);
}

uint64_t mg_ticket_book_earliest(struct mg_ticket_book *book)
{
    sqlite3_stmt *row = mg_ticket_lines_first(book, MG_LINE_EARLIEST, "");
    uint64_t next = row ? (uint64_t)sqlite3_column_int64(row, 0) : 0;
    if (row)
        sqlite3_reset(row);
    return next;
}
