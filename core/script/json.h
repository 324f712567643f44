// JSON for scripts: Lua values from JSON text and back, without loss. Null is kept as one value,
// lists are marked so that empty ones stay lists, and whole numbers beyond 2^53 keep their digits.
//
// Functions named l_* may raise a Lua error; they own nothing that a raise would leave behind.
#ifndef MG_SCRIPT_JSON_H
#define MG_SCRIPT_JSON_H

#include <lua.h>

#include "base/arena.h"
#include "base/buf.h"

enum { MG_LUA_JSON_MOST = 16 << 20 }; // bytes that l_json_encode makes at most

// Prepares a state for all that follows; a second time does nothing. False: no memory.
bool mg_lua_json_open(lua_State *L);

// Pushes the value of a text that mg_json_valid accepted. Objects become tables, of duplicate keys
// the last counts; arrays become marked lists. Numbers become doubles, but a whole number beyond
// 2^53 written without fraction or exponent becomes a value of its own (see mg_lua_json_digits).
void l_json_push(lua_State *L, struct mg_str valid);
// The same where the state's part is at hand, which saves looking for it.
struct mg_json_state;
void l_json_push_in(lua_State *L, struct mg_json_state *state, struct mg_str valid);

// Appends the value at `index` as JSON: keys in byte order, numbers in their shortest form. A table
// is an array when it is marked as a list or has the elements 1..n; one whose metatable has a text
// as `__json` is no data, and the text says what it is. What JSON cannot say is raised
// with the place where it stands, which begins with `root`, such as "reply.items[2]: a function";
// so are a full `out` and want of memory. After an error `out` holds a part of the text.
void l_json_append(lua_State *L, int index, struct mg_buf *out, const char *root);

// The same as a text in the arena; data is NULL when there is no memory for it.
struct mg_str l_json_text_in(lua_State *L, int index, struct mg_arena *arena, const char *root);
// The same where the state's part is at hand.
struct mg_str l_json_text_of(lua_State *L, struct mg_json_state *state, int index,
                             struct mg_arena *arena, const char *root);

void l_json_push_null(lua_State *L);
// A value that is encoded as the bytes of this valid text, untouched.
void l_json_push_raw(lua_State *L, struct mg_str valid);
// Marks the table at `index` as a list. Raises when it has a metatable of its own.
void l_json_mark_list(lua_State *L, int index);

bool mg_lua_json_is_null(lua_State *L, int index);
bool mg_lua_json_is_list(lua_State *L, int index); // a table that is marked as a list
// The digits of a whole number beyond 2^53, borrowed from the value; false for all else.
bool mg_lua_json_digits(lua_State *L, int index, struct mg_str *digits);

// For Lua.
int l_json_encode(lua_State *L);  // (value, root or nil) -> text; the root is for messages
int l_json_decode(lua_State *L);  // (text) -> value, or nil and "not JSON: byte 17"
int l_json_raw(lua_State *L);     // (text) -> value encoded as this text, which must be JSON
int l_json_list(lua_State *L);    // (table) -> the same table, marked as a list
int l_json_is_list(lua_State *L); // (value) -> boolean
// (value) -> true for an object that was decoded and has the name of an option of calls.
int l_json_is_decoded(lua_State *L);

// A table with encode, decode, raw, list, is_list and null; prepares the state too.
int luaopen_moongate_json(lua_State *L);

#endif
