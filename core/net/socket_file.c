#include "net/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { backlog = 4096 }; // net.core.somaxconn bounds it

bool mg_socket_file_parse(struct mg_str address, struct mg_str *path, unsigned *mode)
{
    static const struct mg_str scheme = {"unix:", 5}, option = {"?mode=", 6};
    if (!mg_str_starts(address, scheme))
        return false;
    size_t end = mg_str_find(address, '?', 0);
    struct mg_str rest = mg_str_cut(address, end, address.len);
    *path = mg_str_cut(address, scheme.len, end);
    *mode = MG_SOCKET_MODE;
    if (!path->len || path->data[path->len - 1] == '/' || memchr(path->data, 0, path->len))
        return false;
    if (!rest.len)
        return true;
    if (!mg_str_starts(rest, option) || rest.len < option.len + 3 || rest.len > option.len + 4)
        return false;
    *mode = 0;
    for (size_t i = option.len; i < rest.len; i++) {
        if (rest.data[i] < '0' || rest.data[i] > '7')
            return false;
        *mode = *mode * 8 + (unsigned)(rest.data[i] - '0');
    }
    return *mode <= 0777;
}

static int cannot(struct mg_str address, const char *reason, struct mg_buf *why)
{
    mg_buf_printf(why, "%.*s: %s", (int)address.len, address.data, reason);
    return -1;
}

// Whoever may read a folder may hold it locked: for longer than a start takes nobody is waited for.
static const char *lock(int fd)
{
    enum { pause_ms = 20, most_ms = 2000 };
    const struct timespec pause = {.tv_nsec = pause_ms * 1000000L};
    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += pause_ms) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return NULL;
        if (waited >= most_ms)
            return "another process holds its folder locked";
        nanosleep(&pause, NULL);
    }
    return NULL;
}

// Starting gateways look at a file that is there, and replace it, one after the other: each holds
// the folder locked until it listens. Where that cannot be, such as on some network file systems,
// it goes on without: *fd is -1 where the folder cannot be opened.
static const char *lock_folder(const char *path, int *fd)
{
    char folder[MG_SOCKET_PATH] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) {
        size_t len = slash == path ? 1 : (size_t)(slash - path);
        memcpy(folder, path, len);
        folder[len] = 0;
    }
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd >= 0 ? lock(*fd) : NULL;
}

// What stands in the way; NULL when it was taken away, or nothing is there.
static const char *clear_way(const struct sockaddr_un *to)
{
    struct stat there;
    if (lstat(to->sun_path, &there) != 0)
        return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISSOCK(there.st_mode))
        return "a file that is no socket stands there";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return strerror(errno);
    // A full queue of connections (EAGAIN) is somebody, too.
    bool dead = connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno == ECONNREFUSED;
    close(fd);
    if (!dead)
        return "another process listens there";
    return unlink(to->sun_path) == 0 || errno == ENOENT ? NULL : strerror(errno);
}

static bool note(struct mg_socket_file *file, const struct sockaddr_un *to)
{
    struct stat made;
    if (lstat(to->sun_path, &made) != 0)
        return false;
    memcpy(file->path, to->sun_path, sizeof file->path);
    file->device = made.st_dev;
    file->inode = made.st_ino;
    return true;
}

// Nobody can connect before it listens, and by then the mode is right, whatever the umask.
static const char *start(int fd, const struct sockaddr_un *to, unsigned mode,
                         struct mg_socket_file *file)
{
    const char *wrong = clear_way(to);
    if (wrong)
        return wrong;
    if (bind(fd, (const struct sockaddr *)to, sizeof *to) != 0)
        return strerror(errno);
    if (note(file, to) && chmod(to->sun_path, mode) == 0 && listen(fd, backlog) == 0)
        return NULL;
    wrong = strerror(errno);
    mg_socket_file_remove(file);
    return wrong;
}

int mg_socket_file_bind(struct mg_str address, struct mg_socket_file *file, struct mg_buf *why)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct mg_str path;
    unsigned mode;
    if (!mg_socket_file_parse(address, &path, &mode))
        return cannot(address, "not an address such as unix:/run/moongate.sock?mode=660", why);
    if (path.len >= sizeof to.sun_path)
        return cannot(address, "the path of a socket has at most 107 bytes", why);
    memcpy(to.sun_path, path.data, path.len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cannot(address, strerror(errno), why);
    int folder;
    const char *wrong = lock_folder(to.sun_path, &folder);
    if (!wrong)
        wrong = start(fd, &to, mode, file);
    if (folder >= 0)
        close(folder); // and with it the lock
    if (!wrong)
        return fd;
    close(fd);
    return cannot(address, wrong, why);
}

void mg_socket_file_remove(struct mg_socket_file *file)
{
    struct stat there;
    if (file->path[0] && lstat(file->path, &there) == 0 && there.st_dev == file->device &&
        there.st_ino == file->inode)
        unlink(file->path);
    *file = (struct mg_socket_file){0};
}
