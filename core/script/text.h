// What route files have in place of some functions of `string` and `table`: their work may grow
// with what a client has sent, and no hook fires inside of C. These keep within the budget of
// whoever calls them and build no text longer than is allowed. The module is `moongate.text`.
#ifndef MG_SCRIPT_TEXT_H
#define MG_SCRIPT_TEXT_H

#include <lua.h>

int luaopen_moongate_text(lua_State *L);

#endif
