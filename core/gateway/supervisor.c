#include "gateway/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/now.h"
#include "gateway/notify.h"
#include "gateway/server.h"
#include "gateway/sockets.h"

// gateway.lua, which the supervisor does not read, cannot change these. In ms:
enum {
    again_most = 5,        // deaths in a row after each of which the next process starts at once
    pause_first_ms = 100,  // before the one after these; then twice as long each time
    pause_most_ms = 5000,  // at most
    healthy_ms = 10000,    // who has served for so long dies for the first time again
    silent_ms = 5000,      // without a beat: its main thread hangs
    start_most_ms = 60000, // until a successor serves
    grace_ms = 10000,      // beyond what it says that ending takes
    late_ms = 500,         // a turn that is later than this was ours to be late
    workers_most = 256,    // as gateway.lua and --workers may say
};

struct supervisor {
    const struct mg_gateway_options *options;
    char *const *command;
    pid_t pid; // our own
    sigset_t mask;
    int signals;
    struct mg_server now, before; // the newest; the one that it follows, while that lives
    int sockets[MG_SOCKETS_EACH * workers_most];
    unsigned each, workers, held; // of the sockets: their shape, and how many have come
    struct mg_socket_file files[MG_SOCKETS_EACH];
    unsigned file_count, given;
    bool served, stopping; // served: one process has
    unsigned deaths;       // in a row
    uint64_t next;         // when the next process starts; 0: none is due
    uint64_t died;         // when the last one did
    int code;              // of the process that has ended
};

static uint64_t now_ms(void)
{
    return mg_now_ms(CLOCK_MONOTONIC);
}

// Sockets

static void close_sockets(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->file_count; i++)
        mg_socket_file_remove(&supervisor->files[i]);
    for (unsigned i = 0; i < supervisor->held; i++)
        close(supervisor->sockets[i]);
    for (unsigned i = 0; i < supervisor->given; i++)
        close(MG_SOCKETS_GIVEN + (int)i);
    supervisor->file_count = supervisor->held = supervisor->given = 0;
}

static void hold(struct supervisor *supervisor, const struct mg_control_message *message,
                 const int *fds)
{
    bool fits = message->first == supervisor->held &&
                message->count <= MG_SOCKETS_EACH * workers_most - supervisor->held;
    for (unsigned i = 0; i < message->count; i++) {
        if (fits)
            supervisor->sockets[supervisor->held++] = fds[i];
        else
            close(fds[i]);
    }
    supervisor->each = message->each;
    supervisor->workers = message->workers;
}

// Processes

// What it has of the supervisor's is not its.
static void leave_behind(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->held; i++)
        close(supervisor->sockets[i]);
    close(supervisor->signals);
    if (supervisor->before.state)
        close(supervisor->before.control.fd);
}

// The first that a server process hears. False: it cannot be told.
static bool brief(struct supervisor *supervisor, const struct mg_control *control)
{
    const struct mg_control_message begin = {.word = MG_CONTROL_BEGIN,
                                             .alone = !supervisor->before.state,
                                             .each = supervisor->held ? supervisor->each : 0,
                                             .workers = supervisor->workers};
    return mg_control_send(control, &begin, NULL) &&
           (!supervisor->held ||
            mg_control_send_sockets(control, supervisor->sockets, supervisor->each,
                                    supervisor->workers, false));
}

// Forking is safe here: this process has never had a second thread. Returns the descriptor of a
// server process's end in that process, and -1 in the supervisor.
static int start(struct supervisor *supervisor)
{
    int pair[2] = {-1, -1};
    pid_t pid = -1;
    supervisor->next = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 &&
        brief(supervisor, &(struct mg_control){pair[0]}))
        pid = fork();
    if (pid == 0) {
        close(pair[0]);
        leave_behind(supervisor);
        if (supervisor->served)
            mg_server_renew(supervisor->command, pair[1], supervisor->pid);
        return pair[1];
    }
    int error = errno;
    if (pair[1] >= 0)
        close(pair[1]);
    if (pid < 0) {
        if (pair[0] >= 0)
            close(pair[0]);
        mg_log(MG_LOG_ERROR, "a server process cannot be started: %s", strerror(error));
        supervisor->next = now_ms() + pause_most_ms;
        return -1;
    }
    supervisor->now = (struct mg_server){
        MG_SERVER_STARTING, pid, {pair[0]}, supervisor->served ? now_ms() + start_most_ms : 0, 0};
    return -1;
}

// What they say

static void on_ready(struct supervisor *supervisor, struct mg_server *server)
{
    uint64_t now = now_ms();
    if (server->state != MG_SERVER_STARTING)
        return;
    if (supervisor->held < supervisor->each * supervisor->workers && !supervisor->stopping) {
        mg_server_kill(server, "has more sockets than the supervisor may");
        return;
    }
    server->state = MG_SERVER_SERVING;
    server->since = now;
    server->deadline = now + silent_ms;
    if (supervisor->served)
        mg_log(MG_LOG_INFO, "server process %d serves, after %llu ms", (int)server->pid,
               (unsigned long long)(now - supervisor->died));
    supervisor->served = true;
    if (!supervisor->stopping)
        mg_notify("READY=1");
    if (supervisor->before.state == MG_SERVER_HANGING) {
        supervisor->before.state = MG_SERVER_LEAVING;
        supervisor->before.deadline = now + MG_CONTROL_LEAVE_MS;
        mg_server_tell(&supervisor->before, MG_CONTROL_LEAVE);
    }
}

static void stop(struct supervisor *supervisor)
{
    if (supervisor->stopping)
        return;
    supervisor->stopping = true;
    supervisor->next = 0;
    close_sockets(supervisor); // the server process has its own, until it has taken what is there
    mg_notify("STOPPING=1");
    if (supervisor->served)
        supervisor->code = 0; // unless the process that is told to end has another
}

// A signal that has reached the server process alone ends all the same.
static void on_ending(struct supervisor *supervisor, struct mg_server *server, uint64_t ms)
{
    struct mg_server *other = server == &supervisor->now ? &supervisor->before : &supervisor->now;
    if (!supervisor->stopping && other->state && other->state != MG_SERVER_LEAVING)
        kill(other->pid, SIGTERM);
    stop(supervisor);
    if (server->state == MG_SERVER_LEAVING || server->state == MG_SERVER_KILLED)
        return;
    server->state = MG_SERVER_ENDING;
    server->deadline = now_ms() + (ms ? ms + grace_ms : start_most_ms);
}

static void hang(struct supervisor *supervisor, struct mg_server *server, const char *why)
{
    if (supervisor->stopping) {
        mg_server_kill(server, why);
        return;
    }
    if (server->state == MG_SERVER_SERVING)
        mg_log(MG_LOG_ERROR, "server process %d %s: another one takes its place", (int)server->pid,
               why);
    server->state = MG_SERVER_HANGING;
    server->deadline = 0;
}

static void hear(struct supervisor *supervisor, struct mg_server *server)
{
    struct mg_control_message message;
    int fds[MG_CONTROL_FDS];
    while (server->state && mg_control_receive(&server->control, &message, fds, false)) {
        if (message.word == MG_CONTROL_SOCKETS)
            hold(supervisor, &message, fds);
        else if (message.word == MG_CONTROL_FILE && supervisor->file_count < MG_SOCKETS_EACH)
            supervisor->files[supervisor->file_count++] = message.file;
        else if (message.word == MG_CONTROL_READY)
            on_ready(supervisor, server);
        else if (message.word == MG_CONTROL_BEAT && server->state == MG_SERVER_SERVING)
            server->deadline = now_ms() + silent_ms;
        else if (message.word == MG_CONTROL_STUCK && server->state == MG_SERVER_SERVING)
            hang(supervisor, server, "has a worker that is stuck");
        else if (message.word == MG_CONTROL_RELOADED)
            mg_notify("READY=1");
        else if (message.word == MG_CONTROL_ENDING)
            on_ending(supervisor, server, message.ms);
    }
}

// Ends

static uint64_t pause_after(unsigned deaths)
{
    uint64_t pause = pause_first_ms;
    if (deaths <= again_most)
        return 0;
    for (unsigned i = again_most + 1; i < deaths && pause < pause_most_ms; i++)
        pause *= 2;
    return pause < pause_most_ms ? pause : pause_most_ms;
}

static void plan_next(struct supervisor *supervisor, const struct mg_server *last)
{
    uint64_t now = now_ms();
    if (last->since && now - last->since >= healthy_ms)
        supervisor->deaths = 0;
    supervisor->next = now + pause_after(++supervisor->deaths);
    supervisor->died = now;
}

static void on_end(struct supervisor *supervisor, struct mg_server *server, int status)
{
    char how[128];
    struct mg_server last = *server;
    mg_server_describe(status, how, sizeof how);
    hear(supervisor, server);
    close(last.control.fd);
    last = *server;
    *server = (struct mg_server){0};
    bool foreseen = last.state == MG_SERVER_ENDING || last.state == MG_SERVER_LEAVING ||
                    last.state == MG_SERVER_KILLED;
    if (server == &supervisor->now || last.state == MG_SERVER_ENDING)
        supervisor->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (!supervisor->served || supervisor->stopping) {
        if (WIFSIGNALED(status) && !foreseen)
            mg_log(MG_LOG_ERROR, "server process %d %s", (int)last.pid, how);
        return;
    }
    if (server == &supervisor->before) {
        if (!foreseen)
            mg_log(MG_LOG_ERROR, "server process %d, which hung, %s", (int)last.pid, how);
        if (supervisor->now.state)
            mg_server_tell(&supervisor->now, MG_CONTROL_ALONE);
        return;
    }
    plan_next(supervisor, &last);
    char when[32] = "at once";
    if (supervisor->next > supervisor->died)
        snprintf(when, sizeof when, "in %d ms", (int)(supervisor->next - supervisor->died));
    mg_log(MG_LOG_ERROR, "server process %d %s: the next one starts %s", (int)last.pid, how, when);
}

// As the first process of a container we are given all orphans: any child may be one.
static void reap(struct supervisor *supervisor)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (supervisor->now.state && pid == supervisor->now.pid)
            on_end(supervisor, &supervisor->now, status);
        else if (supervisor->before.state && pid == supervisor->before.pid)
            on_end(supervisor, &supervisor->before, status);
    }
}

// Signals

static void pass_on(struct supervisor *supervisor, int signal)
{
    struct mg_server *both[] = {&supervisor->now, &supervisor->before};
    for (unsigned i = 0; i < 2; i++)
        if (both[i]->state && both[i]->state != MG_SERVER_LEAVING &&
            both[i]->state != MG_SERVER_KILLED) {
            if (signal != SIGHUP && !both[i]->deadline)
                both[i]->deadline = now_ms() + start_most_ms;
            kill(both[i]->pid, signal);
        }
}

static void hear_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) // see reap
            continue;
        if (info.ssi_signo == SIGHUP)
            mg_notify_reloading();
        else
            stop(supervisor);
        pass_on(supervisor, (int)info.ssi_signo);
    }
}

// The loop

static bool is_over(const struct supervisor *supervisor)
{
    bool any = supervisor->now.state || supervisor->before.state;
    return !any && (supervisor->stopping || !supervisor->served);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return !a ? b : !b || a < b ? a : b;
}

static void look_at(struct supervisor *supervisor, struct mg_server *server, uint64_t now)
{
    if (!server->state || !server->deadline || now < server->deadline)
        return;
    if (server->state == MG_SERVER_SERVING)
        hang(supervisor, server, "does not answer");
    else
        mg_server_kill(server, server->state == MG_SERVER_STARTING ? "does not come to serve"
                                                                   : "has had its time to end");
}

// One that hangs gives way to its successor; if it is itself the successor of one that is still
// there, that is over first. Returns as `start`.
static int go_on(struct supervisor *supervisor)
{
    uint64_t now = now_ms();
    look_at(supervisor, &supervisor->now, now);
    look_at(supervisor, &supervisor->before, now);
    if (supervisor->now.state == MG_SERVER_HANGING && !supervisor->before.state) {
        supervisor->before = supervisor->now;
        supervisor->now = (struct mg_server){0};
        plan_next(supervisor, &supervisor->before);
    } else if (supervisor->now.state == MG_SERVER_HANGING &&
               supervisor->before.state == MG_SERVER_LEAVING) {
        mg_server_kill(&supervisor->before, "is followed by another that hangs");
    }
    bool due = supervisor->next && now_ms() >= supervisor->next;
    return due && !supervisor->now.state && !supervisor->stopping ? start(supervisor) : -1;
}

// When this process was stopped, or had no processor, what it waited for had none either, and has
// the time that is missing.
static void forgive(struct mg_server *server, uint64_t late)
{
    if (server->deadline)
        server->deadline += late;
}

static void wait_for_news(struct supervisor *supervisor)
{
    uint64_t now = now_ms(), until = now + start_most_ms;
    until = earliest(until, supervisor->now.state ? supervisor->now.deadline : 0);
    until = earliest(until, supervisor->before.state ? supervisor->before.deadline : 0);
    until = earliest(until, supervisor->next);
    struct pollfd fds[] = {
        {supervisor->signals, POLLIN, 0},
        {supervisor->now.state ? supervisor->now.control.fd : -1, POLLIN, 0},
        {supervisor->before.state ? supervisor->before.control.fd : -1, POLLIN, 0},
    };
    poll(fds, sizeof fds / sizeof *fds, until > now ? (int)(until - now) : 0);
    uint64_t woke = now_ms();
    if (woke > until + late_ms) {
        forgive(&supervisor->now, woke - now);
        forgive(&supervisor->before, woke - now);
    }
}

// Returns as `start`: -1 when all has ended.
static int watch_over(struct supervisor *supervisor)
{
    int own = start(supervisor);
    while (own < 0 && !is_over(supervisor)) {
        wait_for_news(supervisor);
        hear_signals(supervisor);
        hear(supervisor, &supervisor->now);
        hear(supervisor, &supervisor->before);
        reap(supervisor);
        own = go_on(supervisor);
    }
    return own;
}

// Softly, so that what needs fewer can still lower it.
static void raise_descriptors(void)
{
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static void prepare(struct supervisor *supervisor)
{
    sigemptyset(&supervisor->mask);
    sigaddset(&supervisor->mask, SIGTERM);
    sigaddset(&supervisor->mask, SIGINT);
    sigaddset(&supervisor->mask, SIGHUP);
    sigaddset(&supervisor->mask, SIGCHLD);
    sigaddset(&supervisor->mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &supervisor->mask, NULL); // server processes inherit it
    sigdelset(&supervisor->mask, SIGUSR2);
    supervisor->signals = signalfd(-1, &supervisor->mask, SFD_NONBLOCK | SFD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    supervisor->pid = getpid();
    supervisor->given = mg_sockets_given(supervisor->pid);
    for (unsigned i = 0; i < supervisor->given; i++)
        fcntl(MG_SOCKETS_GIVEN + (int)i, F_SETFD, FD_CLOEXEC);
    supervisor->code = 1; // unless a process has another
}

int mg_supervisor_serve(const struct mg_gateway_options *options, char *const *command)
{
    static struct supervisor supervisor; // of a size that no stack has to have
    pid_t parent;
    int own = mg_server_renewed(&parent);
    if (own >= 0)
        return mg_server_serve(options, own, parent);
    supervisor.options = options;
    supervisor.command = command;
    prepare(&supervisor);
    own = watch_over(&supervisor);
    if (own >= 0)
        return mg_server_serve(options, own, supervisor.pid);
    close_sockets(&supervisor);
    return supervisor.code;
}
