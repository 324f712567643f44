#include "backend/postgres_wire.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "backend/address.h"
#include "backend/postgres_value.h"
#include "backend/tls_store.h"
#include "json/write.h"

enum { options_most = 64, bloat_least = 4 << 20 };

struct mg_postgres_target {
    PQconninfoOption *options;
    char *session;    // the "options" it asks for, ours included
    const char *host; // NULL: libpq's own default, a unix socket
    bool named;       // the host is a name
};

// In every session, whatever its role, its database or the environment say: so that values are
// written in one form.
static const char session_options[] =
    "-c datestyle=ISO,YMD -c timezone=UTC -c intervalstyle=iso_8601 -c bytea_output=hex "
    "-c extra_float_digits=3";

// One line, and no longer than what it goes into.
static void copy_line(char room[256], const char *text)
{
    size_t len = 0;
    for (const char *at = text ? text : ""; *at && len < 255; at++) {
        bool space = (unsigned char)*at <= ' ';
        if (!space || (len && room[len - 1] != ' '))
            room[len++] = space ? ' ' : *at;
    }
    while (len && room[len - 1] == ' ')
        len--;
    room[len] = '\0';
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *at = options; at && at->keyword; at++)
        if (strcmp(at->keyword, keyword) == 0)
            return at->val && *at->val ? at->val : NULL;
    return NULL;
}

static char *twin(const char *text)
{
    return text ? strdup(text) : NULL;
}

// What the URL does not say, the environment may.
static bool take_defaults(PQconninfoOption *options)
{
    PQconninfoOption *defaults = PQconndefaults();
    for (PQconninfoOption *at = options; defaults && at->keyword; at++)
        if (!at->val)
            at->val = twin(option(defaults, at->keyword));
    bool ok = defaults != NULL;
    PQconninfoFree(defaults);
    return ok;
}

static const char *set_up(struct mg_postgres_target *target, const char *url)
{
    char *wrong = NULL;
    struct mg_address address;
    target->options = PQconninfoParse(url, &wrong);
    PQfreemem(wrong); // it may quote the password
    if (!target->options)
        return "its URL cannot be read";
    if (!take_defaults(target->options))
        return "no memory";
    const char *hostaddr = option(target->options, "hostaddr");
    const char *own = option(target->options, "options");
    target->host = option(target->options, "host");
    if (target->host && strchr(target->host, ','))
        return "one host at a time";
    target->named = target->host && !hostaddr && target->host[0] != '/' && target->host[0] != '@' &&
                    !mg_address_parse(mg_str_of(target->host), &address);
    if (asprintf(&target->session, "%s%s%s", own ? own : "", own ? " " : "", session_options) < 0)
        target->session = NULL;
    return target->session ? NULL : "no memory";
}

struct mg_postgres_target *mg_postgres_target_new(const char *url, char room[256])
{
    struct mg_postgres_target *target = calloc(1, sizeof *target);
    const char *wrong = target ? set_up(target, url) : "no memory";
    if (!wrong)
        return target;
    copy_line(room, wrong);
    mg_postgres_target_free(target);
    return NULL;
}

void mg_postgres_target_free(struct mg_postgres_target *target)
{
    if (!target)
        return;
    PQconninfoFree(target->options);
    free(target->session);
    free(target);
}

struct mg_str mg_postgres_target_name(const struct mg_postgres_target *target)
{
    return mg_str_of(target->named ? target->host : NULL);
}

static void ignore_notice(void *owner, const PGresult *notice)
{
}

// Kerberos is left out: looking for a ticket may wait for another server.
bool mg_postgres_wire_dial(struct mg_postgres_wire *wire, const struct mg_postgres_target *target,
                           const char *address)
{
    const char *keywords[options_most + 4], *values[options_most + 4];
    unsigned count = 0;
    for (const PQconninfoOption *at = target->options; at->keyword && count < options_most; at++) {
        if (!at->val || strcmp(at->keyword, "options") == 0 ||
            strcmp(at->keyword, "client_encoding") == 0 || strcmp(at->keyword, "gssencmode") == 0 ||
            (address && strcmp(at->keyword, "hostaddr") == 0))
            continue;
        keywords[count] = at->keyword;
        values[count++] = at->val;
    }
    const char *ours[][2] = {{"options", target->session},
                             {"client_encoding", "UTF8"},
                             {"gssencmode", "disable"},
                             {"hostaddr", address}};
    for (size_t i = 0; i < (address ? 4 : 3); i++) {
        keywords[count] = ours[i][0];
        values[count++] = ours[i][1];
    }
    keywords[count] = values[count] = NULL;
    wire->db = PQconnectStartParams(keywords, values, 0);
    if (!wire->db || PQstatus(wire->db) == CONNECTION_BAD)
        return false;
    PQsetNoticeReceiver(wire->db, ignore_notice, NULL);
    return true;
}

enum mg_postgres_dialled mg_postgres_wire_dial_on(struct mg_postgres_wire *wire)
{
    switch (PQconnectPoll(wire->db)) {
    case PGRES_POLLING_READING:
        return MG_POSTGRES_WAITS_TO_READ;
    case PGRES_POLLING_OK:
        return PQsetnonblocking(wire->db, 1) == 0 ? MG_POSTGRES_STANDS : MG_POSTGRES_FAILED;
    case PGRES_POLLING_FAILED:
        return MG_POSTGRES_FAILED;
    default:
        return MG_POSTGRES_WAITS_TO_WRITE;
    }
}

int mg_postgres_wire_fd(const struct mg_postgres_wire *wire)
{
    return PQsocket(wire->db);
}

void mg_postgres_wire_close(struct mg_postgres_wire *wire)
{
    PQclear(wire->result);
    PQfinish(wire->db);
    *wire = (struct mg_postgres_wire){0};
}

void mg_postgres_wire_why(const struct mg_postgres_wire *wire, char room[256])
{
    copy_line(room, wire->db ? PQerrorMessage(wire->db) : "no memory");
}

// What is asked next is answered from its start.
static void begin(struct mg_postgres_wire *wire)
{
    wire->heard = wire->partial = false;
    wire->unread = 0;
}

bool mg_postgres_wire_plain(struct mg_postgres_wire *wire, const char *sql)
{
    begin(wire);
    return PQsendQuery(wire->db, sql) == 1;
}

bool mg_postgres_wire_prepare(struct mg_postgres_wire *wire, const char *name, const char *sql)
{
    begin(wire);
    return PQsendPrepare(wire->db, name, sql, 0, NULL) == 1;
}

bool mg_postgres_wire_execute(struct mg_postgres_wire *wire, const char *name,
                              const struct mg_postgres_part *part)
{
    begin(wire);
    return PQsendQueryPrepared(wire->db, name, part->count, part->values, NULL, NULL, 0) == 1 &&
           PQsetSingleRowMode(wire->db) == 1;
}

int mg_postgres_wire_flush(struct mg_postgres_wire *wire)
{
    return PQflush(wire->db);
}

static size_t waiting_bytes(const struct mg_postgres_wire *wire)
{
    int bytes = 0;
    return ioctl(PQsocket(wire->db), FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

// libpq takes in a row of any size before it shows any of it, and does not say how much it holds.
// What the socket has before and after tells, at least about; an answer that comes in one piece
// need not be measured.
bool mg_postgres_wire_read(struct mg_postgres_wire *wire)
{
    size_t before = wire->partial ? waiting_bytes(wire) : 0;
    wire->heard = true;
    do { // bytes that TLS has decrypted no socket will report
        if (!PQconsumeInput(wire->db))
            return false;
    } while (PQsslInUse(wire->db) && mg_tls_pending(PQsslStruct(wire->db, "OpenSSL")));
    size_t after = wire->partial ? waiting_bytes(wire) : 0;
    wire->unread += before > after ? before - after : 0;
    return PQstatus(wire->db) == CONNECTION_OK;
}

static bool ends_connection(const struct mg_postgres_wire *wire)
{
    const char *severity = PQresultErrorField(wire->result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return PQstatus(wire->db) != CONNECTION_OK ||
           (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
}

enum mg_postgres_event mg_postgres_wire_next(struct mg_postgres_wire *wire)
{
    PQclear(wire->result);
    wire->result = NULL;
    if (PQisBusy(wire->db)) {
        wire->partial = wire->heard;
        return MG_POSTGRES_NOTHING;
    }
    wire->bloated = wire->bloated || wire->unread > bloat_least;
    wire->unread = 0;
    wire->result = PQgetResult(wire->db);
    switch (wire->result ? PQresultStatus(wire->result) : PGRES_EMPTY_QUERY) {
    case PGRES_SINGLE_TUPLE: // what was read at once while more came is not among the unread
        wire->bloated = wire->bloated || mg_postgres_wire_row_size(wire) > bloat_least;
        return MG_POSTGRES_ROW;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        return MG_POSTGRES_DONE;
    case PGRES_EMPTY_QUERY:
        return wire->result ? MG_POSTGRES_DONE : MG_POSTGRES_READY;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return MG_POSTGRES_COPY;
    default:
        return ends_connection(wire) ? MG_POSTGRES_LOST : MG_POSTGRES_ERROR;
    }
}

static struct mg_str value_of(const PGresult *result, int column)
{
    struct mg_str none = {0};
    return PQgetisnull(result, 0, column) ? none
                                          : (struct mg_str){PQgetvalue(result, 0, column),
                                                            (size_t)PQgetlength(result, 0, column)};
}

bool mg_postgres_wire_put_row(const struct mg_postgres_wire *wire, struct mg_buf *out)
{
    const PGresult *row = wire->result;
    int count = PQnfields(row);
    bool ok = true;
    mg_buf_put_char(out, '{');
    for (int i = 0; i < count && ok; i++) {
        if (i > 0)
            mg_buf_put_char(out, ',');
        mg_json_put_string(out, mg_str_of(PQfname(row, i)));
        mg_buf_put_char(out, ':');
        ok = mg_postgres_put_value(out, PQftype(row, i), value_of(row, i));
    }
    mg_buf_put_char(out, '}');
    return ok;
}

void mg_postgres_wire_put_first(const struct mg_postgres_wire *wire, struct mg_buf *out)
{
    const PGresult *row = wire->result;
    mg_buf_clear(out);
    bool ok = PQnfields(row) > 0 && mg_postgres_put_value(out, PQftype(row, 0), value_of(row, 0));
    if (!ok || out->failed != MG_OK)
        mg_buf_clear(out);
}

size_t mg_postgres_wire_row_size(const struct mg_postgres_wire *wire)
{
    size_t size = 0;
    for (int i = 0; i < PQnfields(wire->result); i++)
        size += (size_t)PQgetlength(wire->result, 0, i);
    return size;
}

// What a SELECT counts are rows that it read.
uint64_t mg_postgres_wire_changes(const struct mg_postgres_wire *wire)
{
    static const char *const changing[] = {"INSERT ", "UPDATE ", "DELETE ", "MERGE "};
    struct mg_str tag = mg_str_of(PQcmdStatus(wire->result));
    uint64_t changes = 0;
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
        if (mg_str_starts(tag, mg_str_of(changing[i])))
            mg_str_uint(mg_str_of(PQcmdTuples(wire->result)), &changes);
    return changes;
}

void mg_postgres_wire_error(const struct mg_postgres_wire *wire, char room[256])
{
    const char *state = PQresultErrorField(wire->result, PG_DIAG_SQLSTATE);
    const char *words = PQresultErrorField(wire->result, PG_DIAG_MESSAGE_PRIMARY);
    char line[240];
    snprintf(line, sizeof line, "%s", words ? words : PQresultErrorMessage(wire->result));
    copy_line(room, line);
    size_t len = strlen(room);
    if (state)
        snprintf(room + len, 256 - len, " (%s)", state);
}

// A prepared statement is out of date when a table that it reads has other columns by now, or when
// somebody has forgotten it (RevalidateCachedQuery in the server, SQLSTATE 26000). Neither has done
// anything.
bool mg_postgres_wire_stale(const struct mg_postgres_wire *wire)
{
    const char *state = PQresultErrorField(wire->result, PG_DIAG_SQLSTATE);
    const char *function = PQresultErrorField(wire->result, PG_DIAG_SOURCE_FUNCTION);
    if (!state)
        return false;
    return strcmp(state, "26000") == 0 || (strcmp(state, "0A000") == 0 && function &&
                                           strcmp(function, "RevalidateCachedQuery") == 0);
}

enum mg_postgres_transaction mg_postgres_wire_transaction(const struct mg_postgres_wire *wire)
{
    switch (PQtransactionStatus(wire->db)) {
    case PQTRANS_IDLE:
        return MG_POSTGRES_NO_TRANSACTION;
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
        return MG_POSTGRES_OPEN;
    default:
        return MG_POSTGRES_UNSURE;
    }
}

struct pg_cancel *mg_postgres_wire_cancel(const struct mg_postgres_wire *wire)
{
    return PQgetCancel(wire->db);
}

bool mg_postgres_cancel_run(struct pg_cancel *cancel)
{
    char why[256];
    return PQcancel(cancel, why, sizeof why) == 1;
}

void mg_postgres_cancel_free(struct pg_cancel *cancel)
{
    PQfreeCancel(cancel);
}
