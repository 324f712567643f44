#include "gateway/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { files_most = 10000, bytes_most = 64 << 20, depth_most = 16 };

struct reading {
    struct mg_folder *folder;
    struct mg_faults *faults;
    unsigned cap, folder_cap;
    size_t bytes;
};

static bool complain(struct reading *reading, struct mg_str file, const char *what)
{
    mg_faults_add(reading->faults, file, 0, mg_str_of(what));
    return false;
}

static void note_change(struct mg_folder *folder, const struct timespec *time)
{
    uint64_t at = (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
    if (folder->changed < at)
        folder->changed = at;
}

static bool read_file(struct reading *reading, struct mg_str name, struct mg_str *text)
{
    struct mg_arena *arena = &reading->folder->arena;
    struct mg_str dir = reading->folder->dir;
    struct mg_str path =
        mg_arena_printf(arena, "%.*s/%.*s", (int)dir.len, dir.data, (int)name.len, name.data);
    int fd = path.data ? open(path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        const char *why = fd < 0 ? strerror(errno) : "not a file";
        if (fd >= 0)
            close(fd);
        return complain(reading, name, why);
    }
    size_t size = (size_t)stat.st_size, len = 0;
    reading->bytes += size;
    char *data = reading->bytes <= bytes_most ? mg_arena_alloc(arena, size + 1) : NULL;
    while (data && len < size) {
        ssize_t n = read(fd, data + len, size - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (fstat(fd, &stat) == 0) // only now: it may have been written to meanwhile
        note_change(reading->folder, &stat.st_mtim);
    close(fd);
    if (!data)
        return complain(reading, name, "the gateway's files are too large");
    *text = (struct mg_str){data, len};
    return true;
}

static bool add(struct reading *reading, struct mg_str name, bool route)
{
    struct mg_sources *sources = &reading->folder->sources;
    if (sources->count == files_most)
        return complain(reading, name, "the gateway has too many files");
    if (sources->count == reading->cap) {
        unsigned cap = reading->cap ? reading->cap * 2 : 16;
        struct mg_source *items = mg_arena_zero(&reading->folder->arena, cap, sizeof *items);
        if (!items)
            return complain(reading, name, "out of memory");
        if (sources->count)
            memcpy(items, sources->items, sources->count * sizeof *items);
        sources->items = items;
        reading->cap = cap;
    }
    struct mg_source *source = &sources->items[sources->count];
    source->name = name;
    source->route = route;
    if (!read_file(reading, name, &source->text))
        return false;
    sources->count++;
    return true;
}

static bool ends_in_lua(struct mg_str name)
{
    return name.len > 4 && mg_str_is(mg_str_cut(name, name.len - 4, name.len), ".lua");
}

static bool is_folder(int dir, const struct dirent *entry)
{
    struct stat stat;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return fstatat(dir, entry->d_name, &stat, 0) == 0 && S_ISDIR(stat.st_mode);
}

static void read_folder(struct reading *reading, int fd, struct mg_str prefix, bool routes,
                        unsigned depth);

static void read_entry(struct reading *reading, DIR *dir, const struct dirent *entry,
                       struct mg_str prefix, bool routes, unsigned depth)
{
    struct mg_str name = mg_arena_printf(&reading->folder->arena, "%.*s%s", (int)prefix.len,
                                         prefix.data ? prefix.data : "", entry->d_name);
    if (entry->d_name[0] == '.' || !name.data)
        return;
    if (!is_folder(dirfd(dir), entry)) {
        if (ends_in_lua(name) && !mg_str_is(name, "gateway.lua"))
            add(reading, name, routes);
        return;
    }
    struct stat stat;
    int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool other_gateway = fd >= 0 && fstatat(fd, "gateway.lua", &stat, 0) == 0;
    if (fd < 0 || other_gateway || mg_str_is(name, "spec") || depth == depth_most) {
        if (fd >= 0)
            close(fd);
        return;
    }
    struct mg_str inner =
        mg_arena_printf(&reading->folder->arena, "%.*s/", (int)name.len, name.data);
    read_folder(reading, fd, inner, routes && !mg_str_is(name, "lib"), depth + 1);
}

static void keep_folder(struct reading *reading, struct mg_str prefix)
{
    struct mg_folder *folder = reading->folder;
    if (folder->folder_count == reading->folder_cap) {
        unsigned cap = reading->folder_cap ? reading->folder_cap * 2 : 8;
        struct mg_str *folders = mg_arena_zero(&folder->arena, cap, sizeof *folders);
        if (!folders)
            return;
        for (unsigned i = 0; i < folder->folder_count; i++)
            folders[i] = folder->folders[i];
        folder->folders = folders;
        reading->folder_cap = cap;
    }
    int len = prefix.len ? (int)prefix.len - 1 : 0; // without the "/" at its end
    folder->folders[folder->folder_count++] =
        len ? mg_arena_printf(&folder->arena, "%.*s/%.*s", (int)folder->dir.len, folder->dir.data,
                              len, prefix.data)
            : folder->dir;
}

// Takes the descriptor.
static void read_folder(struct reading *reading, int fd, struct mg_str prefix, bool routes,
                        unsigned depth)
{
    DIR *dir = fdopendir(fd);
    keep_folder(reading, prefix);
    if (!dir) {
        close(fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        read_entry(reading, dir, entry, prefix, routes, depth);
    closedir(dir);
}

static int by_name(const void *a, const void *b)
{
    return mg_str_cmp(((const struct mg_source *)a)->name, ((const struct mg_source *)b)->name);
}

bool mg_folder_read(struct mg_folder *folder, const char *dir, struct mg_faults *faults)
{
    struct reading reading = {.folder = folder, .faults = faults};
    *folder = (struct mg_folder){0};
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    folder->dir = mg_arena_copy(&folder->arena, (struct mg_str){dir, len});
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return complain(&reading, mg_str_of(dir),
                        errno == ENOENT ? "there is no such folder" : strerror(errno));
    if (faccessat(fd, "gateway.lua", F_OK, 0) != 0) {
        close(fd);
        return complain(&reading, MG_STR("gateway.lua"),
                        "there is none in this folder: a gateway has one");
    }
    read_file(&reading, MG_STR("gateway.lua"), &folder->gateway);
    read_folder(&reading, fd, (struct mg_str){0}, true, 0);
    if (folder->sources.count)
        qsort(folder->sources.items, folder->sources.count, sizeof *folder->sources.items, by_name);
    return !mg_faults_any(faults);
}

bool mg_folder_same(const struct mg_folder *one, const struct mg_folder *other)
{
    const struct mg_sources *a = &one->sources, *b = &other->sources;
    bool same = a->count == b->count && mg_str_eq(one->gateway, other->gateway);
    for (unsigned i = 0; same && i < a->count; i++)
        same = mg_str_eq(a->items[i].name, b->items[i].name) &&
               mg_str_eq(a->items[i].text, b->items[i].text);
    return same;
}

struct mg_str mg_folder_text(const struct mg_folder *folder, struct mg_str file)
{
    if (mg_str_is(file, "gateway.lua"))
        return folder->gateway;
    for (unsigned i = 0; i < folder->sources.count; i++)
        if (mg_str_eq(folder->sources.items[i].name, file))
            return folder->sources.items[i].text;
    return (struct mg_str){0};
}

void mg_folder_fini(struct mg_folder *folder)
{
    mg_arena_fini(&folder->arena);
    *folder = (struct mg_folder){0};
}
