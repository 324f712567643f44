// The statements that one connection to a database has prepared, by their text: so many at most,
// then the one that was not used for longest makes room.
#ifndef MG_BACKEND_STATEMENTS_H
#define MG_BACKEND_STATEMENTS_H

#include "base/str.h"

enum { MG_STATEMENTS_MOST = 64, MG_STATEMENT_NAME = 16 };

struct mg_statement {
    char *sql; // NULL: a free place
    size_t len;
    uint64_t used;
    char name[MG_STATEMENT_NAME]; // on a server, where names are what tells them apart
    void *prepared;               // else what the database's library made; the connection's own
};

struct mg_statements {
    struct mg_statement items[MG_STATEMENTS_MOST];
    uint64_t clock;
    unsigned names; // given so far
};

void mg_statements_fini(struct mg_statements *statements);

// NULL: it is not prepared.
struct mg_statement *mg_statements_find(struct mg_statements *statements, struct mg_str sql);
// The place for a new one; one that holds a statement has to be forgotten first.
struct mg_statement *mg_statements_room(struct mg_statements *statements);
// Takes the place, with a name of its own. False: no memory.
bool mg_statements_take(struct mg_statements *statements, struct mg_statement *place,
                        struct mg_str sql);
void mg_statements_forget(struct mg_statement *place);

#endif
