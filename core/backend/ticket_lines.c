#include "backend/ticket_lines.h"

#include <stdarg.h>

// One whose task the routes do not know is aside: for whoever asks, it waits.
#define STATE "case state when 'aside' then 'queued' else state end"
#define MINE " where id = ?1 and task = ?2 and owner = ?3 and ifnull(until, ?4 + 1) > ?4"

static const char *const lines[MG_LINE_COUNT] = {
    [MG_LINE_BEGIN] = "begin immediate",
    [MG_LINE_COMMIT] = "commit",
    [MG_LINE_ROLLBACK] = "rollback",
    [MG_LINE_LOSE] = "update ticket set state = 'lost', ended = ?1, until = ?1 + keep"
                     " where state = 'running' and tried >= tries",
    [MG_LINE_AGAIN] = "update ticket set state = 'queued' where state in ('running', 'aside')",
    [MG_LINE_QUEUED] = "select count(*) from ticket where state = 'queued'",
    [MG_LINE_RUNNING] = "select count(*) from ticket where state = 'running'",
    [MG_LINE_ADD] = "insert into ticket (id, task, owner, state, args, tries, keep, home, created)"
                    " values (?1, ?2, ?3, 'queued', ?4, ?5, ?6, ?7, ?8)",
    [MG_LINE_FIND] = "select seq, " STATE ", home, result, size from ticket" MINE,
    [MG_LINE_SHOW] = "select id, " STATE
                     ", progress, tried, tries, created, ended, fault, size from ticket" MINE,
    [MG_LINE_PIECES] = "select text from piece where ticket = ?1 order by seq",
    [MG_LINE_CANCEL] =
        "update ticket set state = 'cancelled', ended = ?2, until = ?2 + keep where seq = ?1",
    [MG_LINE_FORGET] = "delete from ticket where seq = ?1",
    [MG_LINE_FORGET_PIECES] = "delete from piece where ticket = ?1",
    [MG_LINE_PROGRESS] = "update ticket set progress = ?2 where id = ?1 and state = 'running'",
    [MG_LINE_GROW] = "update ticket set size = size + ?2 where id = ?1 and state = 'running'"
                     " and size + ?2 <= ?3",
    [MG_LINE_WRITE] = "insert into piece select seq, 1 + ifnull((select max(seq) from piece"
                      " where ticket = ticket.seq), 0), ?2 from ticket where id = ?1",
    [MG_LINE_END] =
        "update ticket set state = ?2, result = ?3, fault = ?4, ended = ?5, until = ?5 + keep"
        " where id = ?1 and state = 'running'",
    [MG_LINE_REQUEUE] = "update ticket set state = 'queued', tried = tried - 1"
                        " where id = ?1 and state = 'running'",
    [MG_LINE_ASIDE] = "update ticket set state = 'aside' where state = 'queued'"
                      " and task = (select task from ticket where id = ?1)",
    [MG_LINE_BACK] = "update ticket set state = 'queued' where state = 'aside'",
    [MG_LINE_NEXT] =
        "select seq, id, task, args, home, tried + 1 from ticket where state = 'queued'"
        " order by seq limit 1",
    [MG_LINE_TAKE] =
        "update ticket set state = 'running', tried = tried + 1, progress = 0, size = 0"
        " where seq = ?1",
    [MG_LINE_EXPIRE] = "delete from ticket where seq in"
                       " (select seq from ticket where until <= ?1 order by until, seq limit ?2)",
    [MG_LINE_EXPIRE_PIECES] =
        "delete from piece where ticket in"
        " (select seq from ticket where until <= ?1 order by until, seq limit ?2)",
    [MG_LINE_EARLIEST] = "select min(until) from ticket where until is not null",
    [MG_LINE_USED] = "select (all_pages.page_count - free.freelist_count) * page.page_size"
                     " from pragma_page_count() as all_pages, pragma_freelist_count() as free,"
                     " pragma_page_size() as page",
};

bool mg_ticket_lines_prepare(struct mg_ticket_book *book)
{
    for (int i = 0; i < MG_LINE_COUNT; i++)
        if (sqlite3_prepare_v3(book->db, lines[i], -1, SQLITE_PREPARE_PERSISTENT, &book->lines[i],
                               NULL) != SQLITE_OK)
            return false;
    return true;
}

static sqlite3_stmt *fill_in(struct mg_ticket_book *book, enum mg_ticket_line line,
                             const char *letters, va_list values)
{
    sqlite3_stmt *statement = book->lines[line];
    for (int i = 0; letters[i]; i++) {
        const struct mg_str *text =
            letters[i] == 't' ? va_arg(values, const struct mg_str *) : NULL;
        if (letters[i] == 'i')
            sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
        else if (letters[i] == 'r')
            sqlite3_bind_double(statement, i + 1, va_arg(values, double));
        else if (text)
            sqlite3_bind_text64(statement, i + 1, text->len ? text->data : "", text->len,
                                SQLITE_STATIC, SQLITE_UTF8);
        else
            sqlite3_bind_null(statement, i + 1);
    }
    return statement;
}

bool mg_ticket_lines_step(struct mg_ticket_book *book, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    book->broken |= code != SQLITE_ROW && code != SQLITE_DONE;
    return code == SQLITE_ROW;
}

sqlite3_stmt *mg_ticket_lines_first(struct mg_ticket_book *book, enum mg_ticket_line line,
                                    const char *letters, ...)
{
    va_list values;
    va_start(values, letters);
    sqlite3_stmt *statement = fill_in(book, line, letters, values);
    va_end(values);
    if (mg_ticket_lines_step(book, statement))
        return statement;
    sqlite3_reset(statement);
    return NULL;
}

int mg_ticket_lines_change(struct mg_ticket_book *book, enum mg_ticket_line line,
                           const char *letters, ...)
{
    va_list values;
    va_start(values, letters);
    sqlite3_stmt *statement = fill_in(book, line, letters, values);
    va_end(values);
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    book->broken |= code != SQLITE_DONE;
    return code == SQLITE_DONE ? sqlite3_changes(book->db) : -1;
}

struct mg_str mg_ticket_lines_text(sqlite3_stmt *statement, int column)
{
    const char *data = (const char *)sqlite3_column_blob(statement, column);
    return (struct mg_str){data, data ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}
