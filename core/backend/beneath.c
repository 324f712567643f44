#include "backend/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// O_NONBLOCK: a FIFO without a writer would hold the thread. O_NOCTTY: nor may it catch a terminal.
enum { always = O_CLOEXEC | O_NONBLOCK | O_NOCTTY, tries = 100 };

bool mg_beneath_path(struct mg_str path)
{
    if (path.len >= PATH_MAX || mg_str_find(path, '\0', 0) != path.len)
        return false;
    for (size_t from = 0, to; from <= path.len; from = to + 1) {
        to = mg_str_find(path, '/', from);
        struct mg_str segment = mg_str_cut(path, from, to);
        if (segment.len == 0 || mg_str_is(segment, ".") || mg_str_is(segment, ".."))
            return false;
    }
    return true;
}

// The kernel says EAGAIN when a rename ran across its look-up, and expects to be asked again.
int mg_beneath_open(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | always),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    if (flags & O_PATH)
        how.flags &= ~(unsigned)(O_NONBLOCK | O_NOCTTY); // openat2 refuses them beside O_PATH
    for (int left = tries; left > 0; left--) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno == ENOSYS || errno == EPERM)
            return mg_beneath_walk(root, path, flags);
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    return -1;
}

// One segment without following a link. With O_DIRECTORY a link is ENOTDIR, as a file is: tell them
// apart, since a file is "not there" and a link is refused.
static int step(int dir, const char *name, int flags)
{
    int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 || errno != ENOTDIR)
        return fd;
    struct stat stat;
    bool link = fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(stat.st_mode);
    errno = link ? ELOOP : ENOTDIR;
    return -1;
}

int mg_beneath_walk(int root, const char *path, int flags)
{
    char name[NAME_MAX + 1];
    for (int dir = root, next;; dir = next, path++) {
        size_t len = strcspn(path, "/");
        bool last = path[len] == '\0';
        next = -1;
        errno = ENAMETOOLONG;
        if (len <= NAME_MAX) {
            memcpy(name, path, len);
            name[len] = '\0';
            next = step(dir, name, last ? flags | always : O_PATH | O_DIRECTORY);
        }
        int why = errno;
        if (dir != root)
            close(dir);
        errno = why;
        if (last || next < 0)
            return next;
        path += len;
    }
}
