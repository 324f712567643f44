#include "backend/statements.h"

#include <stdio.h>
#include <stdlib.h>

void mg_statements_fini(struct mg_statements *statements)
{
    for (size_t i = 0; i < MG_STATEMENTS_MOST; i++)
        mg_statements_forget(&statements->items[i]);
}

struct mg_statement *mg_statements_find(struct mg_statements *statements, struct mg_str sql)
{
    for (size_t i = 0; i < MG_STATEMENTS_MOST; i++) {
        struct mg_statement *one = &statements->items[i];
        if (one->sql && one->len == sql.len && memcmp(one->sql, sql.data, sql.len) == 0) {
            one->used = ++statements->clock;
            return one;
        }
    }
    return NULL;
}

struct mg_statement *mg_statements_room(struct mg_statements *statements)
{
    struct mg_statement *oldest = &statements->items[0];
    for (size_t i = 0; i < MG_STATEMENTS_MOST && oldest->sql; i++)
        if (!statements->items[i].sql || statements->items[i].used < oldest->used)
            oldest = &statements->items[i];
    return oldest;
}

bool mg_statements_take(struct mg_statements *statements, struct mg_statement *place,
                        struct mg_str sql)
{
    place->sql = strndup(sql.data, sql.len);
    place->len = sql.len;
    place->used = ++statements->clock;
    snprintf(place->name, sizeof place->name, "mg%u", ++statements->names);
    return place->sql != NULL;
}

void mg_statements_forget(struct mg_statement *place)
{
    free(place->sql);
    *place = (struct mg_statement){0};
}
