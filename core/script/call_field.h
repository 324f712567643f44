// The fields of the table that describes a call, known by the address of their names, since equal
// strings of a state are one.
#ifndef MG_SCRIPT_CALL_FIELD_H
#define MG_SCRIPT_CALL_FIELD_H

#include <lua.h>

struct mg_vm;

enum mg_call_field {
    MG_FIELD_KIND,
    MG_FIELD_BACKEND,
    MG_FIELD_VERB,
    MG_FIELD_PATH,
    MG_FIELD_PARAMS,
    MG_FIELD_OPTIONAL,
    MG_FIELD_HAS_FALLBACK,
    MG_FIELD_FALLBACK,
    MG_FIELD_JSON,
    MG_FIELD_QUERY,
    MG_FIELD_HEADERS,
    MG_FIELD_FORM,
    MG_FIELD_TEXT,
    MG_FIELD_XML,
    MG_FIELD_FORWARD,
    MG_FIELD_WITHIN,
    MG_FIELD_ACCEPT,
    MG_FIELD_RELAY,
    MG_FIELD_REDIRECTS,
    MG_FIELD_SQL,
    MG_FIELD_ARGS,
    MG_FIELD_CALLS,
    MG_FIELD_VALUE,
    MG_FIELD_DELAY,
    MG_FIELDS, // none of them
    // A call of HTTP that has no others is a list: the number of its origin, which says kind,
    // backend and verb, and then these in their order. It is a smaller table, and read without
    // looking anything up. lua/moongate/call.lua finds them by their names.
    MG_FIELD_OF_LIST = MG_FIELD_PATH,   // the first
    MG_FIELD_MORE = MG_FIELD_OPTIONAL,  // nil: there are none from here on
    MG_FIELDS_OF_LIST = MG_FIELD_QUERY, // the first that no list has
};

// The element of a list that has a field.
static inline int mg_call_field_place(enum mg_call_field field)
{
    return (int)field - MG_FIELD_OF_LIST + 2;
}

// Learns the names, when the state is made.
void l_call_fields_open(lua_State *L, struct mg_vm *vm);

// The field that the string at `index` names.
enum mg_call_field mg_call_field_at(lua_State *L, const struct mg_vm *vm, int index);
const char *mg_call_field_name(enum mg_call_field field);

// (number of an origin, path, options or nil) -> call; nil when its options need a closer look
int l_call_describe(lua_State *L);

#endif
