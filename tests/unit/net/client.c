#include "client.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { most_fillers = 256 };

static int fillers[most_fillers], filler_count;
static struct rlimit before;

int client_connect(int port, int room)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (room)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

long client_send(int fd, const char *data, long len)
{
    long done = 0;
    while (done < len) {
        ssize_t n = send(fd, data + done, (size_t)(len - done), MSG_NOSIGNAL);
        if (n < 0)
            return CLIENT_RESET;
        done += n;
    }
    return done;
}

long client_read(int fd, char *data, long len, int ms)
{
    struct pollfd ready = {fd, POLLIN, 0};
    if (poll(&ready, 1, ms) != 1)
        return CLIENT_SILENT;
    ssize_t n = recv(fd, data, (size_t)len, 0);
    return n < 0 ? CLIENT_RESET : n;
}

void client_end(int fd)
{
    shutdown(fd, SHUT_WR);
}

void client_close(int fd)
{
    close(fd);
}

void client_reset(int fd)
{
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

double client_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void client_nap(int ms)
{
    poll(NULL, 0, ms);
}

void client_starve(int left)
{
    getrlimit(RLIMIT_NOFILE, &before);
    struct rlimit few = {most_fillers, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    while (filler_count < most_fillers) {
        int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            break;
        fillers[filler_count++] = fd;
    }
    while (left-- > 0 && filler_count > 0)
        close(fillers[--filler_count]);
}

void client_feed(void)
{
    while (filler_count > 0)
        close(fillers[--filler_count]);
    setrlimit(RLIMIT_NOFILE, &before);
}

int client_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}
