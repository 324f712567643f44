// The statements of the file of tasks, and how they are run: what ticket_book and its jobs share.
#ifndef MG_BACKEND_TICKET_LINES_H
#define MG_BACKEND_TICKET_LINES_H

#include <sqlite3.h>

#include "base/str.h"

// What is asked of the file.
enum mg_ticket_line {
    MG_LINE_BEGIN,
    MG_LINE_COMMIT,
    MG_LINE_ROLLBACK,
    MG_LINE_LOSE,
    MG_LINE_AGAIN,
    MG_LINE_QUEUED,
    MG_LINE_RUNNING,
    MG_LINE_ADD,
    MG_LINE_FIND,
    MG_LINE_SHOW,
    MG_LINE_PIECES,
    MG_LINE_CANCEL,
    MG_LINE_FORGET,
    MG_LINE_FORGET_PIECES,
    MG_LINE_PROGRESS,
    MG_LINE_GROW,
    MG_LINE_WRITE,
    MG_LINE_END,
    MG_LINE_REQUEUE,
    MG_LINE_ASIDE,
    MG_LINE_BACK,
    MG_LINE_NEXT,
    MG_LINE_TAKE,
    MG_LINE_EXPIRE,
    MG_LINE_EXPIRE_PIECES,
    MG_LINE_EARLIEST,
    MG_LINE_USED,
    MG_LINE_COUNT
};

struct mg_ticket_book {
    sqlite3 *db;
    sqlite3_stmt *lines[MG_LINE_COUNT];
    unsigned round;
    int changes; // that there had been at begin
    bool broken; // something has failed since begin: what was done is not to be kept
};

bool mg_ticket_lines_prepare(struct mg_ticket_book *book);

// Values are bound by letters: t a text (struct mg_str *; NULL pointer: null), i an integer
// (int64_t), r a double. The statement at its first row, to be reset; NULL: there is none, or the
// file fails.
sqlite3_stmt *mg_ticket_lines_first(struct mg_ticket_book *book, enum mg_ticket_line line,
                                    const char *letters, ...);
// False: that was the last row, or the file fails.
bool mg_ticket_lines_step(struct mg_ticket_book *book, sqlite3_stmt *statement);
// How many rows have changed; -1: the file fails.
int mg_ticket_lines_change(struct mg_ticket_book *book, enum mg_ticket_line line,
                           const char *letters, ...);
struct mg_str mg_ticket_lines_text(sqlite3_stmt *statement, int column);

#endif
