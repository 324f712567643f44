// A server process: as its supervisor has it, and how a process becomes one.
#ifndef MG_GATEWAY_SERVER_H
#define MG_GATEWAY_SERVER_H

#include <sys/types.h>

#include "gateway/control.h"
#include "gateway/gateway.h"

enum mg_server_state {
    MG_SERVER_NONE,
    MG_SERVER_STARTING,
    MG_SERVER_SERVING,
    MG_SERVER_HANGING, // one of its workers, or its main thread: it serves until another does
    MG_SERVER_LEAVING, // its successor serves
    MG_SERVER_ENDING,  // it was told to end
    MG_SERVER_KILLED
};

// All-zeroes: there is none.
struct mg_server {
    enum mg_server_state state;
    pid_t pid;
    struct mg_control control;
    uint64_t deadline; // ms of the monotonic clock: when it has to be in another state; 0: never
    uint64_t since;    // when it began to serve; 0: it has not
};

void mg_server_tell(const struct mg_server *server, enum mg_control_word word);
void mg_server_kill(struct mg_server *server, const char *why); // it "..." and is killed
void mg_server_describe(int status, char *text, size_t room);   // how a process has ended

// In a process that was forked to be one, `fd` being its end of the control socket. Serves, and
// returns the exit code.
int mg_server_serve(const struct mg_gateway_options *options, int fd, pid_t supervisor);

// In a process that was forked to follow another one: begins anew, as a new program, though that of
// this file, even if another has its name by now. Who makes servers crash to find out where their
// memory lies finds each one's elsewhere. Returns when that cannot be.
void mg_server_renew(char *const *command, int fd, pid_t supervisor);
// In that program: the descriptor of its end. -1: this process is none that was begun so.
int mg_server_renewed(pid_t *supervisor);

#endif
