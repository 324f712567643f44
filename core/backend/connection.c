#include "backend/connection.h"

#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backend/statements.h"
#include "json/utf8.h"
#include "json/write.h"

enum {
    busy_wait = 1000,      // ms to wait for a lock that another process holds
    progress_every = 1000, // operations between two looks at the cancelled flag
    unheard_most = 30,     // s that a statement may go on writing after its call has ended
    answer_size = 16,      // bytes of what a pragma of ours answers
    value_most = 64 << 20, // bytes of one value or row that SQLite may build
};

struct mg_connection {
    sqlite3 *db; // NULL: not open, `why` says why
    enum mg_connection_use use;
    struct mg_statements cache;
    const struct mg_errand *errand; // whose statement runs
    bool writing;                   // it changes the database
    bool atomic;                    // it is part of a transaction, which can be undone
    time_t began;                   // monotonic
    bool own;                       // a statement of this file is being prepared
    bool denied;                    // the authorizer refused the last one
    char why[256];
    char path[];
};

static time_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return time.tv_sec;
}

// Never sqlite3_interrupt: it would hit whatever runs next on the connection.
static int progress(void *data)
{
    const struct mg_connection *connection = data;
    if (!connection->errand || !atomic_load(&connection->errand->job.cancelled))
        return 0;
    return connection->atomic || !connection->writing || now() - connection->began > unheard_most;
}

// Statements that would leave the connection in another state than they found it are refused: the
// next call gets the same connection, or another one.
static int authorize(void *data, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
    static const char *const asking[] = {
        "table_info",  "table_xinfo",      "table_list",        "index_list",      "index_info",
        "index_xinfo", "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check",
    };
    struct mg_connection *connection = data;
    bool fine = connection->own;
    switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        break;
    case SQLITE_PRAGMA:
        fine = fine || !second;
        for (size_t i = 0; !fine && i < sizeof asking / sizeof asking[0]; i++)
            fine = sqlite3_stricmp(first, asking[i]) == 0;
        break;
    default:
        return SQLITE_OK;
    }
    connection->denied = connection->denied || !fine;
    return fine ? SQLITE_OK : SQLITE_DENY;
}

static int first_value(void *data, int count, char **values, char **names)
{
    snprintf(data, answer_size, "%s", count > 0 && values[0] ? values[0] : "");
    return 0;
}

// A statement of this file. `answer` (may be NULL) has room for answer_size bytes.
static bool execute(struct mg_connection *connection, const char *sql, char *answer)
{
    connection->own = true;
    int code = sqlite3_exec(connection->db, sql, answer ? first_value : NULL, answer, NULL);
    connection->own = false;
    return code == SQLITE_OK;
}

static void close_db(struct mg_connection *connection)
{
    for (size_t i = 0; i < MG_STATEMENTS_MOST; i++)
        sqlite3_finalize(connection->cache.items[i].prepared);
    mg_statements_fini(&connection->cache);
    sqlite3_close(connection->db);
    connection->db = NULL;
}

static void set_up(struct mg_connection *connection)
{
    sqlite3 *db = connection->db;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, busy_wait);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, value_most);
    sqlite3_progress_handler(db, progress_every, progress, connection);
    sqlite3_set_authorizer(db, authorize, connection);
}

static bool set_mode(struct mg_connection *connection)
{
    char mode[answer_size] = "";
    if (connection->use == MG_CONNECTION_READER)
        return execute(connection, "pragma query_only = on", NULL) &&
               execute(connection, "select count(*) from sqlite_schema", NULL);
    if (!execute(connection, "pragma journal_mode = wal", mode))
        return false;
    if (strcmp(mode, "wal") == 0)
        return true;
    snprintf(connection->why, sizeof connection->why, "it cannot be set to WAL mode");
    return false;
}

static bool open_with(struct mg_connection *connection, int flags)
{
    int code = sqlite3_open_v2(connection->path, &connection->db,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    connection->why[0] = '\0';
    if (code == SQLITE_OK) {
        set_up(connection);
        if (set_mode(connection))
            return true;
    }
    if (!connection->why[0])
        snprintf(connection->why, sizeof connection->why, "%s",
                 connection->db ? sqlite3_errmsg(connection->db) : "no memory");
    close_db(connection);
    return false;
}

// A read-only connection to a database in WAL mode needs its -shm file to be there or a folder that
// it may write; where that fails, one that may write but is told not to does the same.
static bool open_db(struct mg_connection *connection)
{
    if (connection->db)
        return true;
    if (connection->use == MG_CONNECTION_WRITER)
        return open_with(connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    return open_with(connection, SQLITE_OPEN_READONLY) ||
           open_with(connection, SQLITE_OPEN_READWRITE);
}

struct mg_connection *mg_connection_new(const char *path, enum mg_connection_use use)
{
    size_t size = strlen(path) + 1;
    struct mg_connection *connection = calloc(1, sizeof *connection + size);
    if (!connection)
        return NULL;
    connection->use = use;
    memcpy(connection->path, path, size);
    open_db(connection);
    return connection;
}

void mg_connection_free(struct mg_connection *connection)
{
    if (!connection)
        return;
    close_db(connection);
    free(connection);
}

const char *mg_connection_why(const struct mg_connection *connection)
{
    return connection->db ? NULL : connection->why;
}

static void fail(struct mg_connection *connection, struct mg_errand *errand, int code)
{
    const char *text = sqlite3_errmsg(connection->db);
    switch (code & 0xff) {
    case SQLITE_TOOBIG:
        mg_errand_fail(errand, MG_TOO_LARGE, "%s", text);
        break;
    case SQLITE_NOMEM:
        mg_errand_fail(errand, MG_NO_MEMORY, "no memory");
        break;
    case SQLITE_INTERRUPT:
        mg_errand_fail(errand, MG_CANCELLED, "cancelled");
        break;
    case SQLITE_AUTH:
        if (connection->denied)
            text = "a call cannot begin or end transactions, attach databases or set pragmas";
        // fall through
    default:
        mg_errand_fail(errand, MG_SQL, "%s", text);
    }
}

// True when nothing but space, comments and semicolons is left.
static bool ends_here(struct mg_connection *connection, const char *tail, const char *end)
{
    while (tail < end) {
        sqlite3_stmt *more = NULL;
        const char *from = tail;
        int code = sqlite3_prepare_v3(connection->db, from, (int)(end - from), 0, &more, &tail);
        sqlite3_finalize(more);
        if (code != SQLITE_OK || more || tail == from)
            return false;
    }
    return true;
}

static sqlite3_stmt *prepare(struct mg_connection *connection, struct mg_str sql,
                             struct mg_errand *errand)
{
    sqlite3_stmt *statement = NULL;
    const char *tail;
    if (sql.len > INT_MAX) {
        mg_errand_fail(errand, MG_SQL, "the statement is too long");
        return NULL;
    }
    connection->denied = false;
    int code = sqlite3_prepare_v3(connection->db, sql.data, (int)sql.len, SQLITE_PREPARE_PERSISTENT,
                                  &statement, &tail);
    if (code != SQLITE_OK)
        fail(connection, errand, code);
    else if (!statement)
        mg_errand_fail(errand, MG_SQL, "there is no statement in the text");
    else if (!ends_here(connection, tail, sql.data + sql.len))
        mg_errand_fail(errand, MG_SQL, "one call runs one statement, here is more");
    if (errand->error == MG_OK)
        return statement;
    sqlite3_finalize(statement);
    return NULL;
}

static sqlite3_stmt *find(struct mg_connection *connection, struct mg_str sql,
                          struct mg_errand *errand)
{
    struct mg_statement *known = mg_statements_find(&connection->cache, sql);
    if (known)
        return known->prepared;
    sqlite3_stmt *statement = prepare(connection, sql, errand);
    if (!statement)
        return NULL;
    struct mg_statement *place = mg_statements_room(&connection->cache);
    sqlite3_finalize(place->prepared);
    mg_statements_forget(place);
    if (mg_statements_take(&connection->cache, place, sql)) {
        place->prepared = statement;
        return statement;
    }
    mg_errand_fail(errand, MG_NO_MEMORY, "no memory");
    sqlite3_finalize(statement);
    return NULL;
}

static int bind_value(sqlite3_stmt *statement, int at, const struct mg_sql_arg *arg)
{
    switch (arg->type) {
    case MG_SQL_NULL:
        return sqlite3_bind_null(statement, at);
    case MG_SQL_BOOL:
    case MG_SQL_INT:
        return sqlite3_bind_int64(statement, at, arg->integer);
    case MG_SQL_REAL:
        return sqlite3_bind_double(statement, at, arg->real);
    case MG_SQL_TEXT:
        break;
    }
    // Without data it would be NULL, not the empty text.
    return sqlite3_bind_text64(statement, at, arg->text.data ? arg->text.data : "", arg->text.len,
                               SQLITE_STATIC, SQLITE_UTF8);
}

static bool bind_all(struct mg_connection *connection, sqlite3_stmt *statement,
                     const struct mg_sql_ask *ask, struct mg_errand *errand)
{
    unsigned count = (unsigned)sqlite3_bind_parameter_count(statement);
    if (count != ask->arg_count) {
        mg_errand_fail(errand, MG_SQL, "the statement has %u parameter%s, %u value%s given", count,
                       count == 1 ? "" : "s", ask->arg_count,
                       ask->arg_count == 1 ? " is" : "s are");
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        int code = bind_value(statement, (int)i + 1, &ask->args[i]);
        if (code != SQLITE_OK) {
            fail(connection, errand, code);
            return false;
        }
    }
    return true;
}

static void put_bytes(sqlite3_stmt *statement, int column, struct mg_errand *errand)
{
    bool blob = sqlite3_column_type(statement, column) == SQLITE_BLOB;
    struct mg_str bytes = {.data = sqlite3_column_blob(statement, column)};
    bytes.len = (size_t)sqlite3_column_bytes(statement, column);
    if (blob && !mg_utf8_ok(bytes))
        mg_errand_fail(errand, MG_SQL, "column %s is a blob that is not text",
                       sqlite3_column_name(statement, column));
    else if (!bytes.data && bytes.len)
        mg_errand_fail(errand, MG_NO_MEMORY, "no memory");
    else
        mg_json_put_string(&errand->body, bytes);
}

static void put_value(sqlite3_stmt *statement, int column, struct mg_errand *errand)
{
    struct mg_buf *body = &errand->body;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
        mg_buf_put(body, MG_STR("null"));
        break;
    case SQLITE_INTEGER:
        mg_json_put_int(body, sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        if (isfinite(sqlite3_column_double(statement, column)))
            mg_json_put_double(body, sqlite3_column_double(statement, column));
        else
            mg_errand_fail(errand, MG_SQL, "column %s is infinite, which JSON cannot say",
                           sqlite3_column_name(statement, column));
        break;
    default:
        put_bytes(statement, column, errand);
    }
}

static bool put_row(sqlite3_stmt *statement, struct mg_errand *errand)
{
    int count = sqlite3_column_count(statement);
    mg_buf_put_char(&errand->body, '{');
    for (int i = 0; i < count && errand->error == MG_OK; i++) {
        if (i > 0)
            mg_buf_put_char(&errand->body, ',');
        mg_json_put_string(&errand->body, mg_str_of(sqlite3_column_name(statement, i)));
        mg_buf_put_char(&errand->body, ':');
        put_value(statement, i, errand);
    }
    mg_buf_put_char(&errand->body, '}');
    return errand->error == MG_OK && mg_errand_check(errand);
}

// Steps to the end, since a statement that writes is only through then; of the rows it writes those
// that were asked for. Returns how many it wrote, -1 when it failed.
static int put_rows(struct mg_connection *connection, sqlite3_stmt *statement,
                    enum mg_sql_verb verb, struct mg_errand *errand)
{
    int rows = 0, code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (verb == MG_SQL_RUN || (verb == MG_SQL_ONE && rows == 1))
            continue;
        if (rows++ > 0)
            mg_buf_put_char(&errand->body, ',');
        if (!put_row(statement, errand))
            return -1;
        if (verb == MG_SQL_ONE && !connection->writing)
            return rows;
    }
    if (code == SQLITE_DONE)
        return rows;
    fail(connection, errand, code);
    return -1;
}

static void answer(struct mg_connection *connection, sqlite3_stmt *statement, enum mg_sql_verb verb,
                   struct mg_errand *errand)
{
    sqlite3 *db = connection->db;
    sqlite3_int64 before = sqlite3_total_changes64(db);
    sqlite3_set_last_insert_rowid(db, 0); // or an update would repeat an older insert's
    if (verb == MG_SQL_QUERY)
        mg_buf_put_char(&errand->body, '[');
    int rows = put_rows(connection, statement, verb, errand);
    if (rows < 0)
        return;
    if (verb == MG_SQL_QUERY) {
        mg_buf_put_char(&errand->body, ']');
    } else if (verb == MG_SQL_RUN) {
        bool changed = sqlite3_total_changes64(db) != before;
        mg_buf_printf(&errand->body, "{\"changes\":%lld,\"last_id\":%lld}",
                      changed ? (long long)sqlite3_changes64(db) : 0,
                      (long long)sqlite3_last_insert_rowid(db));
    } else if (rows == 0) {
        mg_errand_fail(errand, MG_STATUS, "no row");
        errand->status = 404;
        return;
    }
    mg_errand_check(errand);
}

// A statement that writes and answers with rows runs in a transaction, so that it is undone when
// its rows are too large or cannot be written as JSON.
static void answer_or_undo(struct mg_connection *connection, sqlite3_stmt *statement,
                           enum mg_sql_verb verb, struct mg_errand *errand)
{
    if (!execute(connection, "begin immediate", NULL)) {
        fail(connection, errand, sqlite3_extended_errcode(connection->db));
        return;
    }
    answer(connection, statement, verb, errand);
    sqlite3_reset(statement);
    bool keep = errand->error == MG_OK || errand->error == MG_STATUS;
    if (keep && !execute(connection, "commit", NULL)) {
        errand->status = 0;
        fail(connection, errand, sqlite3_extended_errcode(connection->db));
    }
}

static bool run_statement(struct mg_connection *connection, const struct mg_sql_ask *ask,
                          struct mg_errand *errand)
{
    sqlite3_stmt *statement = find(connection, ask->sql, errand);
    if (!statement)
        return true;
    bool writes = !sqlite3_stmt_readonly(statement);
    if (writes && connection->use == MG_CONNECTION_READER)
        return false;
    connection->writing = writes;
    if (bind_all(connection, statement, ask, errand)) {
        if (writes && !connection->atomic && sqlite3_column_count(statement) > 0)
            answer_or_undo(connection, statement, ask->verb, errand);
        else
            answer(connection, statement, ask->verb, errand);
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return true;
}

// All or nothing: what fails, a first row that is not there too, or is not wanted any more, is
// undone.
static void run_atomic(struct mg_connection *connection, const struct mg_sql_ask *ask,
                       struct mg_errand *errand)
{
    if (!execute(connection, "begin immediate", NULL)) {
        fail(connection, errand, sqlite3_extended_errcode(connection->db));
        return;
    }
    for (unsigned i = 0; i < ask->part_count && errand->error == MG_OK; i++) {
        mg_buf_put_char(&errand->body, i ? ',' : '[');
        run_statement(connection, &ask->parts[i], errand);
    }
    if (errand->error == MG_OK && atomic_load(&errand->job.cancelled))
        mg_errand_fail(errand, MG_CANCELLED, "cancelled");
    if (errand->error == MG_OK)
        mg_buf_put_char(&errand->body, ']');
    if (errand->error == MG_OK && mg_errand_check(errand) && !execute(connection, "commit", NULL))
        fail(connection, errand, sqlite3_extended_errcode(connection->db));
}

bool mg_connection_run(struct mg_connection *connection, const struct mg_sql_ask *ask,
                       struct mg_errand *errand)
{
    bool through = true;
    if (!open_db(connection)) {
        mg_errand_fail(errand, MG_SQL, "the database cannot be opened: %s", connection->why);
        return true;
    }
    connection->errand = errand;
    connection->atomic = ask->verb == MG_SQL_ATOMIC;
    connection->began = now();
    mg_buf_init(&errand->body, errand->body_most + 1);
    errand->form = MG_BODY_JSON;
    if (connection->atomic)
        run_atomic(connection, ask, errand);
    else
        through = run_statement(connection, ask, errand);
    connection->errand = NULL;
    if (!sqlite3_get_autocommit(connection->db))
        execute(connection, "rollback", NULL);
    return through;
}
