#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/template.h"

static int failed(const char *dir, const char *path, const char *why)
{
    fprintf(stderr, "moongate: %s%s%s: %s\n", dir, path ? "/" : "", path ? path : "", why);
    return 1;
}

// Whether nothing is in the folder; closes it.
static bool is_empty(DIR *folder)
{
    const struct dirent *entry;
    bool empty = true;
    while (empty && (entry = readdir(folder)))
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return empty;
}

// The folder, made or found empty; -1: it was said why not.
static int open_folder(const char *dir)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        failed(dir, NULL, strerror(errno));
        return -1;
    }
    DIR *folder = opendir(dir);
    if (!folder) {
        failed(dir, NULL, errno == ENOTDIR ? "it is a file" : strerror(errno));
        return -1;
    }
    int fd = dup(dirfd(folder));
    if (!is_empty(folder)) {
        failed(dir, NULL, "it is not empty: name a folder that is, or one that is not there yet");
        close(fd);
        return -1;
    }
    return fd;
}

static bool write_all(int fd, struct mg_str text)
{
    while (text.len) {
        ssize_t n = write(fd, text.data, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text = mg_str_cut(text, (size_t)n, text.len);
    }
    return true;
}

// Makes the file, and the folder that it is in.
static bool make(int folder, const struct mg_template *file)
{
    char parent[256];
    const char *slash = strrchr(file->path, '/');
    if (slash) {
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - file->path), file->path);
        if (mkdirat(folder, parent, 0777) != 0 && errno != EEXIST)
            return false;
    }
    int fd = openat(folder, file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, file->text);
    return close(fd) == 0 && ok;
}

// A word as a shell takes it.
static void print_word(const char *word)
{
    const char *at = word;
    while (isalnum((unsigned char)*at) || (*at && strchr("_./-", *at)))
        at++;
    if (!*at) {
        fputs(word, stdout);
        return;
    }
    putchar('\'');
    for (; *word; word++)
        *word == '\'' ? (void)fputs("'\\''", stdout) : (void)putchar(*word);
    putchar('\'');
}

static void print_next(const char *dir)
{
    static const struct {
        const char *command, *more, *does;
    } next[] = {
        {"serve", "", "run it, then: curl -i 127.0.0.1:8080/hello/Ada"},
        {"call", " GET /hello/Ada", "one request without a server, and when its calls were made"},
        {"test", "", "run its spec"},
    };
    printf("A gateway with two routes:\n\n"
           "  gateway.lua          what it listens on, and the backends that it may call\n"
           "  hello.lua            its routes\n"
           "  spec/hello_spec.lua  what they do\n"
           "  .luarc.json, .types  for editors with lua-language-server\n\nNext:\n\n");
    for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
        if (!mg_command_named(next[i].command)->run)
            continue;
        printf("  moongate %s ", next[i].command);
        print_word(dir);
        printf("%-17s # %s\n", next[i].more, next[i].does);
    }
}

int mg_command_new(int argc, char **argv)
{
    const char *dir = NULL;
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] == '-')
            return mg_command_wrong("new", "no option \"%s\"", argv[i]);
        if (dir)
            return mg_command_wrong("new", "one folder at a time: \"%s\" is one too many", argv[i]);
        dir = argv[i];
    }
    if (!dir || !*dir)
        return mg_command_wrong("new", "where? a folder that is not there yet is wanted");
    int folder = open_folder(dir);
    if (folder < 0)
        return 1;
    for (const struct mg_template *file = mg_template; file->path; file++)
        if (!make(folder, file)) {
            int why = errno;
            close(folder);
            return failed(dir, file->path, strerror(why));
        }
    close(folder);
    print_next(dir);
    return 0;
}
