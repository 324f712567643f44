#include "backend/postgres_order.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/write.h"

enum { number_room = 40 }; // bytes of a number's text, NUL included

static size_t room_of(const struct mg_sql_ask *ask)
{
    size_t room = ask->sql.len + 1 + ask->arg_count * sizeof(char *);
    for (unsigned i = 0; i < ask->arg_count; i++)
        room += ask->args[i].text.len + number_room;
    return room;
}

static const char *put_text(char **at, struct mg_str text)
{
    char *start = *at;
    if (text.len)
        memcpy(start, text.data, text.len);
    start[text.len] = '\0';
    *at += text.len + 1;
    return start;
}

// Everything goes as text whose type the server infers from the statement: so a number keeps its
// digits where it meets a numeric, and a date is a date where a date is wanted.
static const char *put_value(char **at, const struct mg_sql_arg *arg)
{
    char digits[number_room] = "";
    struct mg_buf out = {0};
    switch (arg->type) {
    case MG_SQL_NULL:
        return NULL;
    case MG_SQL_BOOL:
        return arg->integer ? "true" : "false";
    case MG_SQL_TEXT:
        return put_text(at, arg->text);
    case MG_SQL_INT:
        snprintf(digits, sizeof digits, "%" PRId64, arg->integer);
        return put_text(at, arg->text.len ? arg->text : mg_str_of(digits));
    case MG_SQL_REAL:
        if (!arg->text.len && mg_json_put_double(&out, arg->real))
            snprintf(digits, sizeof digits, "%.*s", (int)out.len, out.data);
        mg_buf_fini(&out);
        return put_text(at, arg->text.len ? arg->text : mg_str_of(digits));
    }
    return NULL;
}

static void fill_part(struct mg_postgres_part *part, const struct mg_sql_ask *ask,
                      const char ***values, char **at)
{
    *part = (struct mg_postgres_part){
        .verb = ask->verb,
        .sql_len = ask->sql.len,
        .values = *values,
        .count = (int)ask->arg_count,
    };
    part->sql = put_text(at, ask->sql);
    for (unsigned i = 0; i < ask->arg_count; i++)
        *(*values)++ = put_value(at, &ask->args[i]);
}

// The next word of a statement in lower case, behind space, comments and brackets.
static struct mg_str next_word(struct mg_str *sql, char room[16])
{
    const char *at = sql->data, *end = sql->data + sql->len;
    while (at < end && !isalpha((unsigned char)*at)) {
        if (end - at > 1 && at[0] == '-' && at[1] == '-') {
            while (at < end && *at != '\n')
                at++;
        } else if (end - at > 1 && at[0] == '/' && at[1] == '*') {
            const char *close = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
            at = close ? close + 2 : end;
        } else if (isspace((unsigned char)*at) || *at == '(' || *at == ';') {
            at++;
        } else {
            break;
        }
    }
    size_t len = 0;
    for (; at < end && (isalpha((unsigned char)*at) || *at == '_'); at++)
        if (len < 15)
            room[len++] = mg_lower(*at);
    *sql = (struct mg_str){at, (size_t)(end - at)};
    return (struct mg_str){room, len};
}

// Statements that would leave the connection in another state than they found it are refused: the
// next call gets the same connection, or another one. What of that functions do, only the server
// sees; an open transaction is always seen (postgres_link.c).
static const char *wrong_with(const struct mg_sql_ask *ask, bool atomic)
{
    static const char *const refused[] = {
        "abort", "begin",    "commit", "copy",      "deallocate", "discard",
        "end",   "execute",  "listen", "load",      "prepare",    "release",
        "reset", "rollback", "set",    "savepoint", "start",      "unlisten",
    };
    char room[16];
    struct mg_str rest = ask->sql, word = next_word(&rest, room);
    if (memchr(ask->sql.data, 0, ask->sql.len))
        return "the statement holds a NUL byte";
    for (unsigned i = 0; i < ask->arg_count; i++)
        if (ask->args[i].type == MG_SQL_TEXT && ask->args[i].text.len &&
            memchr(ask->args[i].text.data, 0, ask->args[i].text.len))
            return "a value holds a NUL byte, which no type of PostgreSQL takes";
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (!mg_str_is(word, refused[i]))
            continue;
        if (atomic && mg_str_is(word, "set")) {
            word = next_word(&rest, room);
            if (mg_str_is(word, "local") || mg_str_is(word, "transaction"))
                return NULL;
        }
        return "a call cannot begin or end transactions, copy, or change its session: "
               "write :atomic for a transaction";
    }
    return NULL;
}

static struct mg_postgres_order *make(const struct mg_sql_ask *asks, unsigned count)
{
    size_t args = 0, room = 0;
    for (unsigned i = 0; i < count; i++) {
        args += asks[i].arg_count;
        room += room_of(&asks[i]);
    }
    size_t parts_size = count * sizeof(struct mg_postgres_part),
           values_size = args * sizeof(char *);
    struct mg_postgres_order *order = calloc(1, sizeof *order + parts_size + values_size + room);
    if (!order)
        return NULL;
    struct mg_postgres_part *parts = (void *)(order + 1);
    const char **values = (void *)((char *)parts + parts_size);
    char *at = (char *)values + values_size;
    order->parts = parts;
    order->part_count = count;
    for (unsigned i = 0; i < count; i++)
        fill_part(&parts[i], &asks[i], &values, &at);
    return order;
}

struct mg_postgres_order *mg_postgres_order_new(struct mg_call *call, enum mg_status *error,
                                                const char **why)
{
    const struct mg_sql_ask *ask = &call->sql;
    bool atomic = ask->verb == MG_SQL_ATOMIC;
    const struct mg_sql_ask *asks = atomic ? ask->parts : ask;
    unsigned count = atomic ? ask->part_count : 1;
    *error = MG_SQL;
    for (unsigned i = 0; i < count; i++)
        if ((*why = wrong_with(&asks[i], atomic)))
            return NULL;
    struct mg_postgres_order *order = make(asks, count);
    if (!order) {
        *error = MG_NO_MEMORY;
        *why = "no memory";
        return NULL;
    }
    order->call = call;
    order->atomic = atomic;
    order->body_most = call->body_most;
    order->until = call->deadline;
    mg_buf_init(&order->body, call->body_most + 1);
    return order;
}

void mg_postgres_order_free(struct mg_postgres_order *order)
{
    mg_buf_fini(&order->body);
    free(order);
}

void mg_postgres_order_fail(struct mg_postgres_order *order, enum mg_status error,
                            const char *format, ...)
{
    va_list args;
    if (order->error != MG_OK)
        return;
    va_start(args, format);
    vsnprintf(order->message, sizeof order->message, format, args);
    va_end(args);
    order->error = error;
    mg_buf_fini(&order->body);
}

bool mg_postgres_order_check(struct mg_postgres_order *order)
{
    if (order->body.failed == MG_NO_MEMORY)
        mg_postgres_order_fail(order, MG_NO_MEMORY, "no memory");
    else if (order->body.failed != MG_OK || order->body.len > order->body_most)
        mg_postgres_order_fail(order, MG_TOO_LARGE, "more than %zu bytes", order->body_most);
    return order->error == MG_OK;
}
