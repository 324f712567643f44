// What the specs of loop/ cannot do through the FFI: callbacks, threads, and a death in a child.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"

enum { probe_most = 1024 };

static struct {
    struct mg_loop loop;
    struct probe_timer {
        struct mg_timer timer;
        int drops; // the timer that it drops when it runs, -1: none
    } timers[probe_most];
    int order[probe_most];
    int ran;
    uint64_t began, early; // timers that ran before their time
} probe;

static void on_timer(struct mg_timer *timer)
{
    struct probe_timer *ringing = MG_OWNER(timer, struct probe_timer, timer);
    probe.order[probe.ran++] = (int)(ringing - probe.timers);
    if (timer->at > mg_loop_now(&probe.loop) || timer->place)
        probe.early++;
    if (ringing->drops >= 0)
        mg_timer_drop(&probe.loop, &probe.timers[ringing->drops].timer);
}

// Sets a timer for each delay (ms from now), runs them all. Fills `order` with their numbers as
// they ran; returns how many ran, or -1 when one ran before its time.
int probe_timers(const double *delays, const int *drops, int count, int *order)
{
    probe.ran = 0;
    probe.early = 0;
    mg_loop_init(&probe.loop);
    probe.began = mg_loop_now(&probe.loop);
    for (int i = 0; i < count; i++) {
        probe.timers[i] = (struct probe_timer){.timer.run = on_timer, .drops = drops[i]};
        mg_timer_set(&probe.loop, &probe.timers[i].timer, probe.began + (uint64_t)delays[i]);
    }
    mg_loop_run(&probe.loop);
    mg_loop_fini(&probe.loop);
    memcpy(order, probe.order, sizeof *order * (size_t)probe.ran);
    return probe.early ? -1 : probe.ran;
}

// The same in a loop whose time is moved: fills `at` with the ms at which each ran. Returns -1 when
// one ran before its time, or anything did before time was moved.
int probe_held_timers(const double *delays, int count, int *order, double *at)
{
    struct mg_loop *loop = &probe.loop;
    probe.ran = 0;
    probe.early = 0;
    mg_loop_init(loop);
    mg_loop_hold(loop);
    probe.began = mg_loop_now(loop);
    for (int i = 0; i < count; i++) {
        probe.timers[i] = (struct probe_timer){.timer.run = on_timer, .drops = -1};
        mg_timer_set(loop, &probe.timers[i].timer, probe.began + (uint64_t)delays[i]);
    }
    bool stood = !mg_loop_turn(loop) && mg_loop_fresh(loop) == probe.began && probe.ran == 0;
    for (uint64_t next; (next = mg_loop_next(loop)) != UINT64_MAX;) {
        mg_loop_move(loop, next);
        for (int before = probe.ran; mg_loop_turn(loop) || before != probe.ran;)
            for (; before < probe.ran; before++)
                at[before] = (double)(mg_loop_now(loop) - probe.began);
    }
    mg_loop_fini(loop);
    memcpy(order, probe.order, sizeof *order * (size_t)probe.ran);
    return probe.early || !stood ? -1 : probe.ran;
}

// Moves one timer from far away to 1 ms, another from 1 ms to 20, drops a third. Returns the ms
// until the loop had nothing left.
int probe_moved_timers(int *order)
{
    probe.ran = 0;
    mg_loop_init(&probe.loop);
    probe.began = mg_loop_now(&probe.loop);
    static const uint64_t first[] = {1000000, 1, 1000000};
    for (int i = 0; i < 3; i++) {
        probe.timers[i] = (struct probe_timer){.timer.run = on_timer, .drops = -1};
        mg_timer_set(&probe.loop, &probe.timers[i].timer, probe.began + first[i]);
    }
    mg_timer_set(&probe.loop, &probe.timers[0].timer, probe.began + 1);
    mg_timer_set(&probe.loop, &probe.timers[1].timer, probe.began + 20);
    mg_timer_drop(&probe.loop, &probe.timers[2].timer);
    mg_loop_run(&probe.loop);
    int spent = (int)(mg_loop_now(&probe.loop) - probe.began);
    mg_loop_fini(&probe.loop);
    memcpy(order, probe.order, sizeof *order * (size_t)probe.ran);
    return spent;
}

static int again, turns;

static void on_again(struct mg_timer *timer)
{
    if (--again > 0)
        mg_timer_set(&probe.loop, timer, 0);
}

static void on_turn(uv_prepare_t *prepare)
{
    turns++;
    if (!again)
        uv_close((uv_handle_t *)prepare, NULL);
}

// A timer that sets itself to the past `times` times; returns the turns of the loop meanwhile.
int probe_timer_in_the_past(int times)
{
    struct mg_timer timer = {.run = on_again};
    uv_prepare_t prepare;
    again = times;
    turns = 0;
    mg_loop_init(&probe.loop);
    uv_prepare_init(&probe.loop.uv, &prepare);
    uv_prepare_start(&prepare, on_turn);
    mg_timer_set(&probe.loop, &timer, 0);
    mg_loop_run(&probe.loop);
    mg_loop_fini(&probe.loop);
    return turns;
}

static struct probe_task {
    struct mg_task task;
    int drops, defers; // other tasks, -1: none
    int turn;          // in which it ran
} tasks[8];

static void on_task(struct mg_task *task)
{
    struct probe_task *running = MG_OWNER(task, struct probe_task, task);
    probe.order[probe.ran++] = (int)(running - tasks);
    running->turn = turns;
    if (running->drops >= 0)
        mg_task_drop(&tasks[running->drops].task);
    if (running->defers >= 0)
        mg_loop_defer(&probe.loop, &tasks[running->defers].task);
}

static void count_turn(uv_prepare_t *prepare)
{
    turns++;
    if (turns == 10)
        uv_close((uv_handle_t *)prepare, NULL);
}

// Defers tasks 0 to 3 (0 twice): 1 drops 2, 3 defers 4. Fills `order` with those that ran, and
// `in_turn` with the turn of each; returns how many ran inside mg_loop_defer.
int probe_tasks(int *order, int *in_turn, int *ran)
{
    uv_prepare_t prepare;
    probe.ran = 0;
    turns = 0;
    mg_loop_init(&probe.loop);
    uv_prepare_init(&probe.loop.uv, &prepare);
    uv_prepare_start(&prepare, count_turn);
    for (int i = 0; i < 5; i++)
        tasks[i] = (struct probe_task){{.run = on_task}, -1, -1, 0};
    tasks[1].drops = 2;
    tasks[3].defers = 4;
    mg_loop_defer(&probe.loop, &tasks[0].task);
    for (int i = 0; i < 4; i++)
        mg_loop_defer(&probe.loop, &tasks[i].task);
    int inside = probe.ran;
    uv_unref((uv_handle_t *)&prepare); // the deferred tasks alone keep the loop running
    mg_loop_run(&probe.loop);
    uv_close((uv_handle_t *)&prepare, NULL);
    mg_loop_fini(&probe.loop);
    *ran = probe.ran;
    for (int i = 0; i < probe.ran; i++) {
        order[i] = probe.order[i];
        in_turn[i] = tasks[order[i]].turn;
    }
    return inside;
}

// A child whose loop ends with an open handle. Returns the signal that ended it; `said` gets what
// it wrote to stderr.
int probe_fini_with_open_handle(char *said, size_t size)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        static uv_tcp_t forgotten;
        dup2(ends[1], STDERR_FILENO);
        mg_loop_init(&probe.loop);
        uv_tcp_init(&probe.loop.uv, &forgotten);
        mg_loop_fini(&probe.loop);
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    for (ssize_t got; len < size - 1 && (got = read(ends[0], said + len, size - 1 - len)) > 0;)
        len += (size_t)got;
    said[len] = '\0';
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

// Whether timers and tasks still set when their loop ends are idle then.
bool probe_fini_forgets(void)
{
    struct mg_timer timer = {.run = on_again};
    struct mg_task task = {.run = NULL};
    mg_loop_init(&probe.loop);
    mg_timer_set(&probe.loop, &timer, mg_loop_now(&probe.loop) + 1000);
    mg_loop_defer(&probe.loop, &task);
    mg_loop_fini(&probe.loop);
    return timer.place == 0 && !mg_list_in(&task.node);
}
