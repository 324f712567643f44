// table.sort as the author's code has it: bounded by n log n comparisons whatever the order of the
// list, and by the budget (script/budget.h). LuaJIT's own takes n² for lists made for it, and
// nothing stops it meanwhile. Equal elements stay in their order; a comparator that raises leaves
// the list as it was.
#ifndef MG_SCRIPT_SORT_H
#define MG_SCRIPT_SORT_H

#include <lua.h>

// (list, function (a, b) -> whether a comes first; nil: a < b)
int l_sort(lua_State *L);

#endif
