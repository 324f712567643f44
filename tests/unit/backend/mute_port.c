// A port at which nobody ever answers, not even a refusal: its queue of connections is full, so
// that the kernel drops whoever knocks, as a firewall would.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { knocks = 8 };

struct mute_port {
    int listener, port;
    int waiting[knocks];
};

// On any port when `port` is 0. NULL: it is taken.
struct mute_port *mute_port_new(const char *address, int port)
{
    struct mute_port *mute = calloc(1, sizeof *mute);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof at;
    inet_pton(AF_INET, address, &at.sin_addr);
    mute->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(mute->listener, (struct sockaddr *)&at, len) != 0 || listen(mute->listener, 0) != 0) {
        close(mute->listener);
        free(mute);
        return NULL;
    }
    getsockname(mute->listener, (struct sockaddr *)&at, &len);
    mute->port = ntohs(at.sin_port);
    struct pollfd polls[knocks];
    for (int i = 0; i < knocks; i++) {
        mute->waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(mute->waiting[i], (struct sockaddr *)&at, len);
        polls[i] = (struct pollfd){.fd = mute->waiting[i], .events = POLLOUT};
    }
    poll(polls, knocks, 5000); // the queue is full when the first of them stands in it
    return mute;
}

int mute_port_number(struct mute_port *mute)
{
    return mute->port;
}

void mute_port_free(struct mute_port *mute)
{
    for (int i = 0; i < knocks; i++)
        close(mute->waiting[i]);
    close(mute->listener);
    free(mute);
}
