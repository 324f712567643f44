// What the supervisor and a server process tell each other, a message each over a socket that the
// two share: listening sockets, how it goes, what to do. Sending never waits, but for the sockets
// that a server process hands up before it serves.
#ifndef MG_GATEWAY_CONTROL_H
#define MG_GATEWAY_CONTROL_H

#include "net/socket_file.h"

enum {
    MG_CONTROL_FDS = 128,       // sockets in one message; the kernel takes 253 (unix(7))
    MG_CONTROL_BEAT_MS = 1000,  // the time between two beats
    MG_CONTROL_LEAVE_MS = 5000, // for the requests of a process that has a successor
};

enum mg_control_word {
    // From a server process:
    MG_CONTROL_SOCKETS = 1, // some of those that it has bound, see below
    MG_CONTROL_FILE,        // of a unix socket among them
    MG_CONTROL_READY,       // it serves
    MG_CONTROL_BEAT,        // its main thread is alive
    MG_CONTROL_STUCK,       // a worker of it does not turn any more: another process is wanted
    MG_CONTROL_RELOADED,    // what SIGHUP asked for is done
    MG_CONTROL_ENDING,      // it was told to end, which takes `ms` at most; 0: not known yet
    // From the supervisor, who sends SIGUSR2 after the last two:
    MG_CONTROL_BEGIN, // the first: how many sockets follow; none: it is to bind its own
    MG_CONTROL_LEAVE, // a successor serves: end what is begun, the sockets are its
    MG_CONTROL_ALONE, // the process before this one is gone
};

struct mg_control_message {
    enum mg_control_word word;
    bool alone;             // of BEGIN: no other server process lives
    unsigned each, workers; // of SOCKETS and BEGIN: worker by worker, `each` of them
    unsigned first, count;  // of SOCKETS: which of them the message carries
    uint64_t ms;
    struct mg_socket_file file;
};

// One end. NULL where it is asked for: there is no supervisor, and whatever is told is told nobody.
struct mg_control {
    int fd;
};

// `fds`: message->count of them, which stay the caller's. False: it could not be sent.
bool mg_control_send(const struct mg_control *control, const struct mg_control_message *message,
                     const int *fds);
bool mg_control_say(const struct mg_control *control, enum mg_control_word word);
// Each socket of each worker, in as many messages as it takes; with `wait` until there is room.
bool mg_control_send_sockets(const struct mg_control *control, const int *fds, unsigned each,
                             unsigned workers, bool wait);

// The next message, and its sockets in `fds`, of which there is room for MG_CONTROL_FDS; they are
// the caller's from now on. False: there is none (without `wait`), or the other end is gone.
bool mg_control_receive(const struct mg_control *control, struct mg_control_message *message,
                        int *fds, bool wait);

// A worker of this process has been stuck for so long that another process is wanted. Any thread.
void mg_control_stuck(const struct mg_control *control);

#endif
