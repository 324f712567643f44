#include "gateway/control.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

// Room for the sockets of one message, as cmsg(3) wants it.
union rights {
    char bytes[CMSG_SPACE(MG_CONTROL_FDS * sizeof(int))];
    struct cmsghdr align;
};

static bool send_it(const struct mg_control *control, const struct mg_control_message *message,
                    const int *fds, int flags)
{
    union rights rights = {0};
    struct iovec bytes = {(void *)message, sizeof *message};
    struct msghdr head = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (message->count) {
        head.msg_control = rights.bytes;
        head.msg_controllen = CMSG_SPACE(message->count * sizeof(int));
        struct cmsghdr *part = CMSG_FIRSTHDR(&head);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(message->count * sizeof(int));
        memcpy(CMSG_DATA(part), fds, message->count * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(control->fd, &head, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *message;
}

bool mg_control_send(const struct mg_control *control, const struct mg_control_message *message,
                     const int *fds)
{
    return control && send_it(control, message, fds, MSG_DONTWAIT);
}

bool mg_control_say(const struct mg_control *control, enum mg_control_word word)
{
    return mg_control_send(control, &(struct mg_control_message){.word = word}, NULL);
}

void mg_control_stuck(const struct mg_control *control)
{
    mg_control_say(control, MG_CONTROL_STUCK);
}

bool mg_control_send_sockets(const struct mg_control *control, const int *fds, unsigned each,
                             unsigned workers, bool wait)
{
    unsigned all = each * workers;
    for (unsigned first = 0; first < all; first += MG_CONTROL_FDS) {
        const struct mg_control_message message = {
            .word = MG_CONTROL_SOCKETS,
            .each = each,
            .workers = workers,
            .first = first,
            .count = all - first < MG_CONTROL_FDS ? all - first : MG_CONTROL_FDS};
        if (!send_it(control, &message, fds + first, wait ? 0 : MSG_DONTWAIT))
            return false;
    }
    return true;
}

static unsigned take_rights(struct msghdr *head, int *fds)
{
    unsigned count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(head); part; part = CMSG_NXTHDR(head, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        count = (unsigned)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(part), count * sizeof(int));
    }
    return count;
}

bool mg_control_receive(const struct mg_control *control, struct mg_control_message *message,
                        int *fds, bool wait)
{
    union rights rights;
    struct iovec bytes = {message, sizeof *message};
    struct msghdr head = {.msg_iov = &bytes,
                          .msg_iovlen = 1,
                          .msg_control = rights.bytes,
                          .msg_controllen = sizeof rights.bytes};
    ssize_t got;
    do
        got = recvmsg(control->fd, &head, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    unsigned came = take_rights(&head, fds);
    if (got == (ssize_t)sizeof *message && came == message->count)
        return true;
    while (came)
        close(fds[--came]); // too few descriptors are left for all of them
    return false;
}
