// Holds many connections open while the benchmark looks at the memory of the server: wrk can only
// keep its connections busy.
//   load PORT COUNT FIRST SECOND
// opens COUNT connections; asks each for the path FIRST and reads the answer, unless it is "-";
// prints "idle"; at SIGUSR1 asks each for the path SECOND, reads nothing, prints "sent"; ends at
// SIGTERM.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_connection(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        die("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    return fd;
}

static void ask(int fd, const char *path)
{
    char bytes[512];
    int len = snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\nHost: gate.test\r\n\r\n", path);
    if (send(fd, bytes, (size_t)len, MSG_NOSIGNAL) != len)
        die("send");
}

// Takes an answer that says 200. What of it comes in a second piece stays in the kernel.
static void take(int fd)
{
    char bytes[8192];
    ssize_t len = recv(fd, bytes, sizeof bytes - 1, 0);
    if (len <= 0)
        die("recv");
    bytes[len] = '\0';
    if (strncmp(bytes, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "load: the server answers %.40s\n", bytes);
        exit(1);
    }
}

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    if (count != 5) {
        fputs("usage: load PORT COUNT FIRST SECOND\n", stderr);
        return 2;
    }
    int port = atoi(arguments[1]), connections = atoi(arguments[2]), signal_number;
    const char *first = arguments[3], *second = arguments[4];
    int *fds = calloc((size_t)connections + 1, sizeof *fds);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (!fds)
        die("memory");
    for (int i = 0; i < connections; i++) {
        fds[i] = open_connection(port);
        if (strcmp(first, "-") == 0)
            continue;
        ask(fds[i], first);
        take(fds[i]);
    }
    say("idle");
    while (sigwait(&set, &signal_number) == 0 && signal_number == SIGUSR1) {
        for (int i = 0; i < connections; i++)
            ask(fds[i], second);
        say("sent");
    }
    return 0;
}
