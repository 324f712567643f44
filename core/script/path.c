#include "script/path.h"

#include <lauxlib.h>

#include "script/reading.h"

static void l_cut(struct mg_reading *r, struct mg_str text, struct mg_template *cut,
                  struct mg_arena *arena)
{
    const struct mg_names names = {.local = true};
    struct mg_str error;
    if (!mg_template_parse(cut, text, &names, arena, &error))
        luaL_error(r->L, "path: %s", error.data);
}

// Equal strings of a state are one, so the address says which path it is while the string is kept.
static struct mg_path *place_of(struct mg_vm *vm, const char *text)
{
    uintptr_t at = (uintptr_t)text;
    return &vm->paths[(at >> 4 ^ at >> 10) % MG_PATHS_MOST];
}

const struct mg_template *l_path_cut(struct mg_reading *r)
{
    struct mg_str text = l_read_borrowed(r, MG_FIELD_PATH);
    struct mg_path *path = place_of(r->vm, text.data);
    if (text.data && path->text == text.data)
        return &path->cut;
    if (text.len > MG_PATH_LEN_MOST || mg_str_find(text, '{', 0) == text.len) {
        struct mg_template *cut = MG_ARENA_NEW(r->arena, struct mg_template);
        l_read_memory(r, cut);
        l_cut(r, text, cut, r->arena);
        return cut;
    }
    if (path->text)
        luaL_unref(r->L, LUA_REGISTRYINDEX, path->ref);
    path->text = NULL; // as long as anything below may raise
    mg_arena_fini(&path->arena);
    l_cut(r, text, &path->cut, &path->arena);
    l_read_push(r, MG_FIELD_PATH);
    path->ref = luaL_ref(r->L, LUA_REGISTRYINDEX);
    path->text = text.data;
    return &path->cut;
}

void mg_paths_fini(struct mg_path *paths)
{
    for (int i = 0; i < MG_PATHS_MOST; i++)
        mg_arena_fini(&paths[i].arena);
}
