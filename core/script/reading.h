// The reading of a call that a running function describes: the pieces of its table, copied into the
// exchange's arena. A description was checked when it was made, but a script may have written into
// it since: whatever is there raises, or reads as if it were not there.
#ifndef MG_SCRIPT_READING_H
#define MG_SCRIPT_READING_H

#include "data/fields.h"
#include "script/call_field.h"
#include "script/state.h"

struct mg_reading {
    lua_State *L;
    const struct mg_origin *origin; // of a description that is a list; or NULL
    int fields;                     // where on the stack its fields lie, nil or a value each,
    enum mg_call_field first, end;  // those from `first` on, before `end`: all others are nil
    struct mg_run *run;
    struct mg_vm *vm;
    struct mg_arena *arena;
    struct mg_asked *asked;
};

// Raises unless something was made.
void l_read_memory(struct mg_reading *r, const void *made);
struct mg_str l_read_keep(struct mg_reading *r, struct mg_str text); // a copy in the arena

// The value at `index` as JSON text. `what` begins the message when it has none.
struct mg_str l_read_json(struct mg_reading *r, int index, const char *what);
// The value at `index` as text for a path, query, header or form: strings as they are (borrowed),
// whole numbers in full, booleans; anything else is raised.
struct mg_str l_read_text(struct mg_reading *r, int index, const char *what);

// Reads the description at `index`: its fields are laid on top of the stack.
void l_read_open(struct mg_reading *r, int index);

// The same for element i (from 0) of the list on top, in place of the description's own fields
// until they are given back by close.
int l_read_element(struct mg_reading *r, unsigned i);
void l_read_close(struct mg_reading *r, int fields); // those of `r` itself

void l_read_push(struct mg_reading *r, enum mg_call_field field); // a field, or nil
// Pushes a field; false, and nothing pushed, when it is nil.
bool l_read_get(struct mg_reading *r, enum mg_call_field field);
bool l_read_table(struct mg_reading *r, enum mg_call_field field); // raises when it is no table

bool l_read_flag(struct mg_reading *r, enum mg_call_field field);
uint64_t l_read_number(struct mg_reading *r, enum mg_call_field field);
struct mg_str l_read_string(struct mg_reading *r, enum mg_call_field field); // a copy in the arena
// The string itself, which stands until the call has been read.
struct mg_str l_read_borrowed(struct mg_reading *r, enum mg_call_field field);
const uint16_t *l_read_statuses(struct mg_reading *r, enum mg_call_field field, unsigned *count);
// The list of names on top; *all when a string stands there instead, "*".
struct mg_str *l_read_names(struct mg_reading *r, unsigned *count, bool *all);

// A table as fields in byte order of their names (the order of `pairs` differs between
// states); a list gives its name once per element. A null makes the call fail as MG_MISSING.
struct mg_fields l_read_fields(struct mg_reading *r, enum mg_call_field field);

// What a call asks of Redis: its commands.
void l_read_redis(struct mg_reading *r);

// The call is made, but has failed before it could be started. The first reason counts.
void mg_reading_fail(struct mg_reading *r, enum mg_status error, struct mg_str message);

#endif
