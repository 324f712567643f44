#include "gateway/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum { base = 10 };

// Where the new program finds its end of the control socket, and the number of its supervisor.
static const char variable[] = "MOONGATE_SUPERVISED";

void mg_server_tell(const struct mg_server *server, enum mg_control_word word)
{
    mg_control_say(&server->control, word);
    kill(server->pid, SIGUSR2); // its main thread waits for signals
}

void mg_server_kill(struct mg_server *server, const char *why)
{
    mg_log(MG_LOG_WARN, "server process %d %s: it is killed", (int)server->pid, why);
    kill(server->pid, SIGKILL);
    server->state = MG_SERVER_KILLED;
    server->deadline = 0;
}

void mg_server_describe(int status, char *text, size_t room)
{
    if (WIFSIGNALED(status))
        snprintf(text, room, "was ended by signal %d (%s%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(text, room, "ended with code %d", WEXITSTATUS(status));
}

// Should the supervisor be killed, the server process is told to end as by SIGTERM. If that was
// before it could ask for it, its parent is another one by now.
static bool die_with(pid_t supervisor)
{
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == supervisor;
}

int mg_server_serve(const struct mg_gateway_options *options, int fd, pid_t supervisor)
{
    struct mg_control control = {fd};
    struct mg_gateway_options own = *options;
    own.control = &control;
    return die_with(supervisor) ? mg_gateway_serve(&own) : 1;
}

void mg_server_renew(char *const *command, int fd, pid_t supervisor)
{
    char text[64];
    int flags = fcntl(fd, F_GETFD);
    snprintf(text, sizeof text, "%d %ld", fd, (long)supervisor);
    if (setenv(variable, text, 1) == 0 && fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) == 0)
        execv("/proc/self/exe", command);
    unsetenv(variable);
    fcntl(fd, F_SETFD, flags);
}

int mg_server_renewed(pid_t *supervisor)
{
    const char *text = getenv(variable);
    char *end = NULL;
    if (!text)
        return -1;
    int fd = (int)strtol(text, &end, base);
    *supervisor = (pid_t)strtol(end, NULL, base);
    unsetenv(variable);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_NAME, program_invocation_short_name); // which would be "exe"
    return fd;
}
