#include "backend/postgres_work.h"

#include <stdio.h>

static const struct mg_postgres_part *part_of(const struct mg_postgres_link *link)
{
    return &link->order->parts[link->part];
}

static struct mg_str sql_of(const struct mg_postgres_link *link)
{
    return (struct mg_str){part_of(link)->sql, part_of(link)->sql_len};
}

static void execute(struct mg_postgres_link *link)
{
    const struct mg_postgres_part *part = part_of(link);
    struct mg_buf *body = &link->order->body;
    link->step = MG_POSTGRES_EXECUTE;
    link->rows = link->skipped = 0;
    mg_buf_clear(&link->first);
    if (link->part > 0)
        mg_buf_put_char(body, ',');
    if (part->verb == MG_SQL_QUERY)
        mg_buf_put_char(body, '[');
    if (mg_postgres_wire_execute(&link->wire, link->statement->name, part))
        mg_postgres_link_flush(link);
    else
        mg_postgres_link_die(link, NULL);
}

static void forget(struct mg_postgres_link *link, struct mg_statement *statement)
{
    char sql[MG_STATEMENT_NAME + 16];
    snprintf(sql, sizeof sql, "deallocate %s", statement->name);
    mg_statements_forget(statement);
    link->statement = NULL;
    mg_postgres_link_send(link, MG_POSTGRES_FORGET, sql);
}

static void prepare(struct mg_postgres_link *link)
{
    struct mg_statement *place = mg_statements_room(&link->statements);
    if (place->sql) {
        forget(link, place);
        return;
    }
    link->step = MG_POSTGRES_PREPARE;
    link->statement = place;
    if (!mg_statements_take(&link->statements, place, sql_of(link)))
        mg_postgres_link_die(link, "no memory");
    else if (!mg_postgres_wire_prepare(&link->wire, place->name, part_of(link)->sql))
        mg_postgres_link_die(link, NULL);
    else
        mg_postgres_link_flush(link);
}

static void begin_part(struct mg_postgres_link *link)
{
    link->statement = mg_statements_find(&link->statements, sql_of(link));
    if (link->statement)
        execute(link);
    else
        prepare(link);
}

static void begin(struct mg_postgres_link *link)
{
    struct mg_postgres_order *order = link->order;
    link->part = 0;
    link->stale = false;
    mg_buf_clear(&order->body);
    if (order->atomic)
        mg_buf_put_char(&order->body, '[');
    if (order->atomic)
        mg_postgres_link_send(link, MG_POSTGRES_BEGIN, "begin");
    else
        begin_part(link);
}

void mg_postgres_work_begin(struct mg_postgres_link *link)
{
    link->again = false;
    begin(link);
}

// Of the rows that nobody asked for only the size counts.
static void take_row(struct mg_postgres_link *link)
{
    struct mg_postgres_order *order = link->order;
    enum mg_sql_verb verb = part_of(link)->verb;
    if (verb == MG_SQL_RUN)
        mg_postgres_wire_put_first(&link->wire, &link->first);
    if (verb == MG_SQL_RUN || (verb == MG_SQL_ONE && link->rows > 0)) {
        link->skipped += mg_postgres_wire_row_size(&link->wire);
        if (link->skipped > order->body_most)
            mg_postgres_order_fail(order, MG_TOO_LARGE, "rows of more than %zu bytes",
                                   order->body_most);
        return;
    }
    if (link->rows++ > 0)
        mg_buf_put_char(&order->body, ',');
    if (!mg_postgres_wire_put_row(&link->wire, &order->body))
        mg_postgres_order_fail(order, MG_SQL, "a json value is nested too deep");
    mg_postgres_order_check(order);
}

static void take_end(struct mg_postgres_link *link)
{
    struct mg_postgres_order *order = link->order;
    struct mg_buf *body = &order->body;
    enum mg_sql_verb verb = part_of(link)->verb;
    if (verb == MG_SQL_QUERY) {
        mg_buf_put_char(body, ']');
    } else if (verb == MG_SQL_RUN) {
        mg_buf_put(body, MG_STR("{\"changes\":"));
        mg_buf_put_uint(body, mg_postgres_wire_changes(&link->wire));
        mg_buf_put(body, MG_STR(",\"last_id\":"));
        mg_buf_put(body, link->first.len ? mg_buf_str(&link->first) : MG_STR("null"));
        mg_buf_put_char(body, '}');
    } else if (link->rows == 0) {
        mg_postgres_order_fail(order, MG_STATUS, "no row");
        order->status = 404;
        return;
    }
    mg_postgres_order_check(order);
}

static void take_error(struct mg_postgres_link *link)
{
    char words[256];
    if (link->step == MG_POSTGRES_FORGET) // the server had forgotten it already
        return;
    if (link->step == MG_POSTGRES_EXECUTE && !link->again && mg_postgres_wire_stale(&link->wire)) {
        link->stale = true;
        return;
    }
    mg_postgres_wire_error(&link->wire, words);
    mg_postgres_order_fail(link->order, MG_SQL, "%s", words);
    if (link->step == MG_POSTGRES_PREPARE)
        mg_statements_forget(link->statement);
}

void mg_postgres_work_take(struct mg_postgres_link *link, enum mg_postgres_event event)
{
    bool executes = link->step == MG_POSTGRES_EXECUTE;
    if (link->order->error != MG_OK)
        return;
    if (event == MG_POSTGRES_ERROR)
        take_error(link);
    else if (event == MG_POSTGRES_ROW && executes)
        take_row(link);
    else if (event == MG_POSTGRES_DONE && executes)
        take_end(link);
}

static bool in_transaction(const struct mg_postgres_link *link)
{
    return mg_postgres_wire_transaction(&link->wire) != MG_POSTGRES_NO_TRANSACTION;
}

// A statement that was out of date is prepared anew and the order begun again, once: nothing has
// been done, or it is rolled back first.
static void begin_again(struct mg_postgres_link *link)
{
    if (in_transaction(link) && link->step != MG_POSTGRES_ROLLBACK) {
        mg_postgres_link_send(link, MG_POSTGRES_ROLLBACK, "rollback");
        return;
    }
    link->stale = false;
    link->again = true;
    link->part = 0;
    mg_buf_clear(&link->order->body);
    forget(link, link->statement);
}

static void end(struct mg_postgres_link *link)
{
    struct mg_postgres_order *order = link->order;
    if (!order->atomic) {
        mg_postgres_link_rest(link);
        return;
    }
    mg_buf_put_char(&order->body, ']');
    if (mg_postgres_order_check(order))
        mg_postgres_link_send(link, MG_POSTGRES_COMMIT, "commit");
    else
        mg_postgres_link_mend(link);
}

static void step_on(struct mg_postgres_link *link)
{
    switch (link->step) {
    case MG_POSTGRES_FORGET:
        if (link->order->atomic && !in_transaction(link))
            begin(link);
        else
            prepare(link);
        break;
    case MG_POSTGRES_PREPARE:
        execute(link);
        break;
    case MG_POSTGRES_EXECUTE:
        if (++link->part == link->order->part_count)
            end(link);
        else
            begin_part(link);
        break;
    case MG_POSTGRES_BEGIN:
        begin_part(link);
        break;
    case MG_POSTGRES_COMMIT:
    case MG_POSTGRES_ROLLBACK:
        mg_postgres_link_rest(link);
        break;
    }
}

// After each statement the transaction must be as before it: open in an atomic order, else none.
static bool transaction_ok(struct mg_postgres_link *link)
{
    bool open = link->order->atomic && link->step != MG_POSTGRES_COMMIT;
    if (link->step == MG_POSTGRES_FORGET || in_transaction(link) == open)
        return true;
    mg_postgres_order_fail(link->order, MG_SQL, "a statement began or ended a transaction");
    return false;
}

void mg_postgres_work_ready(struct mg_postgres_link *link)
{
    if (link->stale)
        begin_again(link);
    else if (link->order->error == MG_OK && transaction_ok(link))
        step_on(link);
    else
        mg_postgres_link_mend(link);
}
