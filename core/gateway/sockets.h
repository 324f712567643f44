// The sockets that a gateway listens on: bound by the first server process or given from outside,
// handed up to the supervisor, and by that to each process that comes after.
#ifndef MG_GATEWAY_SOCKETS_H
#define MG_GATEWAY_SOCKETS_H

#include <sys/types.h>

#include "gateway/control.h"

enum { MG_SOCKETS_EACH = 64, MG_SOCKETS_GIVEN = 3 }; // of a worker; the first that is given

// All-zeroes: none.
struct mg_sockets {
    int *fds; // worker by worker
    unsigned each, workers;
    struct mg_socket_file *files; // of one worker's; NULL: they are another's to remove
};

// How many sockets systemd, or whoever starts us, gives to the process `pid` (sd_listen_fds(3)):
// from MG_SOCKETS_GIVEN on.
unsigned mg_sockets_given(pid_t pid);

// Uses what is given, for all workers. False: *why is a line; so below.
bool mg_sockets_use(struct mg_sockets *sockets, unsigned given, unsigned workers,
                    struct mg_buf *why);
// Binds them, one for each worker and address.
bool mg_sockets_bind(struct mg_sockets *sockets, const struct mg_str *addresses, unsigned count,
                     unsigned workers, struct mg_buf *why);
// The supervisor has them, too, and the files are its.
bool mg_sockets_hand_up(struct mg_sockets *sockets, const struct mg_control *control,
                        struct mg_buf *why);
// Takes those of the process before this one, as many as its BEGIN has said.
bool mg_sockets_take(struct mg_sockets *sockets, const struct mg_control *control,
                     const struct mg_control_message *begin, struct mg_buf *why);
void mg_sockets_close(struct mg_sockets *sockets); // and removes the files that are its own

#endif
