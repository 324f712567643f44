#include "loop/watch.h"

#include <stdlib.h>
#include <string.h>

struct folder {
    struct mg_list node;
    uv_fs_event_t handle;
    struct mg_watch *watch;
    bool wanted;
    size_t len;
    char path[];
};

static struct mg_str path_of(const struct folder *folder)
{
    return (struct mg_str){folder->path, folder->len};
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void drop(struct folder *folder)
{
    mg_list_drop(&folder->node);
    uv_close((uv_handle_t *)&folder->handle, on_closed);
}

static void on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
    const struct folder *folder = handle->data;
    struct mg_watch *watch = folder->watch;
    if (status == 0)
        watch->changed(watch->owner, path_of(folder), mg_str_of(name ? name : ""),
                       events & UV_RENAME);
}

void mg_watch_init(struct mg_watch *watch)
{
    mg_list_init(&watch->folders);
}

static struct folder *find(struct mg_watch *watch, struct mg_str path)
{
    for (struct mg_list *node = watch->folders.next; node != &watch->folders; node = node->next)
        if (mg_str_eq(path_of(MG_OWNER(node, struct folder, node)), path))
            return MG_OWNER(node, struct folder, node);
    return NULL;
}

// NULL, or why it cannot be watched.
static const char *add(struct mg_watch *watch, struct mg_str path)
{
    struct folder *folder = calloc(1, sizeof *folder + path.len + 1);
    if (!folder)
        return uv_strerror(UV_ENOMEM);
    memcpy(folder->path, path.data, path.len);
    folder->len = path.len;
    folder->watch = watch;
    folder->wanted = true;
    uv_fs_event_init(&watch->loop->uv, &folder->handle);
    folder->handle.data = folder;
    mg_list_push(&watch->folders, &folder->node);
    int code = uv_fs_event_start(&folder->handle, on_event, folder->path, 0);
    if (code == 0)
        return NULL;
    drop(folder);
    return code == UV_ENOENT || code == UV_ENOTDIR ? NULL : uv_strerror(code);
}

static void drop_unwanted(struct mg_watch *watch)
{
    for (struct mg_list *node = watch->folders.next; node != &watch->folders;) {
        struct folder *folder = MG_OWNER(node, struct folder, node);
        node = node->next;
        if (!folder->wanted)
            drop(folder);
        else
            folder->wanted = false;
    }
}

unsigned mg_watch_set(struct mg_watch *watch, const struct mg_str *paths, unsigned count,
                      const char **why)
{
    unsigned added = 0;
    *why = NULL;
    for (unsigned i = 0; i < count; i++) {
        struct folder *folder = find(watch, paths[i]);
        const char *wrong = folder ? NULL : add(watch, paths[i]);
        if (folder)
            folder->wanted = true;
        else if (wrong)
            *why = wrong;
        else
            added++;
    }
    drop_unwanted(watch);
    return added;
}

bool mg_watch_forget(struct mg_watch *watch, struct mg_str path)
{
    bool found = false;
    for (struct mg_list *node = watch->folders.next; node != &watch->folders;) {
        struct folder *folder = MG_OWNER(node, struct folder, node);
        node = node->next;
        bool below = folder->len > path.len && folder->path[path.len] == '/';
        if ((below || folder->len == path.len) && mg_str_starts(path_of(folder), path)) {
            drop(folder);
            found = true;
        }
    }
    return found;
}

void mg_watch_close(struct mg_watch *watch)
{
    while (!mg_list_empty(&watch->folders))
        drop(MG_OWNER(watch->folders.next, struct folder, node));
}
