#include "gateway/sockets.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"

unsigned mg_sockets_given(pid_t whose)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != (long)whose)
        return 0;
    long fds = strtol(count, NULL, 10);
    return fds > 0 && fds <= MG_SOCKETS_EACH ? (unsigned)fds : 0;
}

static bool is_listening(int fd)
{
    int on = 0;
    socklen_t len = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static bool make_room(struct mg_sockets *sockets, unsigned each, unsigned workers,
                      struct mg_buf *why)
{
    sockets->each = each;
    sockets->workers = workers;
    sockets->fds = malloc(each * workers * sizeof(int));
    for (unsigned i = 0; sockets->fds && i < each * workers; i++)
        sockets->fds[i] = -1;
    return sockets->fds || (mg_buf_put(why, MG_STR("out of memory")) && false);
}

bool mg_sockets_use(struct mg_sockets *sockets, unsigned given, unsigned workers,
                    struct mg_buf *why)
{
    for (int fd = MG_SOCKETS_GIVEN; fd < MG_SOCKETS_GIVEN + (int)given; fd++)
        if (!is_listening(fd)) {
            mg_buf_printf(why, "LISTEN_FDS: descriptor %d is no socket that listens", fd);
            return false;
        }
    if (!make_room(sockets, given, workers, why))
        return false;
    for (unsigned i = 0; i < given * workers; i++)
        sockets->fds[i] = MG_SOCKETS_GIVEN + (int)(i % given);
    return true;
}

// A unix socket is one that all workers accept from.
static bool bind_file(struct mg_sockets *sockets, struct mg_str address, unsigned index,
                      struct mg_buf *why)
{
    int fd = mg_socket_file_bind(address, &sockets->files[index], why);
    for (unsigned w = 0; w < sockets->workers; w++)
        sockets->fds[w * sockets->each + index] = fd;
    return fd >= 0;
}

// One socket for each worker. SO_REUSEPORT would let a second gateway take half of the connections
// unnoticed, so the address is tried without it first.
static bool bind_address(struct mg_sockets *sockets, struct mg_str address, unsigned index,
                         struct mg_buf *why)
{
    struct mg_buf bound = {0};
    bool shared = sockets->workers > 1;
    if (mg_str_starts(address, MG_STR("unix:")))
        return bind_file(sockets, address, index, why);
    int fd = mg_listener_bind(address, false, why);
    if (fd < 0)
        return false;
    mg_listener_address(fd, &bound);
    sockets->fds[index] = fd;
    if (shared)
        close(fd);
    for (unsigned w = 0; shared && fd >= 0 && w < sockets->workers; w++) {
        fd = mg_listener_bind(mg_buf_str(&bound), true, why);
        sockets->fds[w * sockets->each + index] = fd;
    }
    mg_buf_fini(&bound);
    return fd >= 0;
}

bool mg_sockets_bind(struct mg_sockets *sockets, const struct mg_str *addresses, unsigned count,
                     unsigned workers, struct mg_buf *why)
{
    if (!make_room(sockets, count, workers, why))
        return false;
    sockets->files = calloc(count, sizeof *sockets->files);
    if (!sockets->files)
        return mg_buf_put(why, MG_STR("out of memory")) && false;
    for (unsigned i = 0; i < count; i++)
        if (!bind_address(sockets, addresses[i], i, why))
            return false;
    return true;
}

bool mg_sockets_hand_up(struct mg_sockets *sockets, const struct mg_control *control,
                        struct mg_buf *why)
{
    struct mg_control_message message = {.word = MG_CONTROL_FILE};
    if (!control)
        return true;
    bool sent =
        mg_control_send_sockets(control, sockets->fds, sockets->each, sockets->workers, true);
    for (unsigned i = 0; sent && sockets->files && i < sockets->each; i++) {
        message.file = sockets->files[i];
        sent = !message.file.path[0] || mg_control_send(control, &message, NULL);
    }
    if (!sent)
        return mg_buf_put(why, MG_STR("the supervisor does not take the sockets")) && false;
    free(sockets->files);
    sockets->files = NULL;
    return true;
}

bool mg_sockets_take(struct mg_sockets *sockets, const struct mg_control *control,
                     const struct mg_control_message *begin, struct mg_buf *why)
{
    struct mg_control_message message;
    int fds[MG_CONTROL_FDS];
    unsigned all = begin->each * begin->workers;
    if (!make_room(sockets, begin->each, begin->workers, why))
        return false;
    for (unsigned have = 0; have < all; have += message.count) {
        if (!mg_control_receive(control, &message, fds, true) || !message.count ||
            message.first != have || message.count > all - have)
            return mg_buf_put(why, MG_STR("the sockets that listen do not arrive")) && false;
        memcpy(sockets->fds + have, fds, message.count * sizeof(int));
    }
    return true;
}

// One that all workers share, of a file or from outside, is closed at its first place. Files are
// removed first: who is about to connect finds none, rather than one that nobody listens on.
void mg_sockets_close(struct mg_sockets *sockets)
{
    unsigned count = sockets->fds ? sockets->each * sockets->workers : 0;
    for (unsigned i = 0; sockets->files && i < sockets->each; i++)
        mg_socket_file_remove(&sockets->files[i]);
    for (unsigned i = 0; i < count; i++) {
        int fd = sockets->fds[i];
        if (fd >= 0 && (i < sockets->each || fd != sockets->fds[i % sockets->each]))
            close(fd);
    }
    free(sockets->fds);
    free(sockets->files);
    *sockets = (struct mg_sockets){0};
}
