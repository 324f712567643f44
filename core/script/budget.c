#include "script/budget.h"

#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    tick_signal = SIGVTALRM,
    levels_most = 64, // of the stack that are searched for the author's code
    step_count = 10,  // instructions between two looks at the clock, where there is no timer
};

// The innermost stay of this thread. The handler, which runs on the same thread, reads it.
static _Thread_local struct mg_budget_entry *volatile current;

#if defined __SANITIZE_THREAD__
// ThreadSanitizer keeps signals back until the next call that it knows, and an endless loop in Lua
// makes none.
static bool has_timer(void)
{
    return false;
}
#else
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t timer_key;
static _Thread_local enum { UNTRIED, TICKS, NO_TIMER } timer_state;

static void on_tick(int signal, siginfo_t *info, void *unused);

// A key's value that is NULL is not ended, and the kernel's first timer is 0: one more is kept.
static void end_timer(void *kept)
{
    timer_delete((timer_t)((uintptr_t)kept - 1));
}

static void prepare(void)
{
    struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(tick_signal, &action, NULL);
    pthread_key_create(&timer_key, end_timer);
}

// A timer over this thread's CPU time, which ticks for this thread and ends with it. It is made
// once and goes on by itself: a thread that has nothing to do has no ticks.
static bool start_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = tick_signal};
    struct timespec tick = {0, MG_BUDGET_TICK_MS * 1000000L};
    struct itimerspec every = {tick, tick};
    timer_t timer;
    sigset_t set;
    event._sigev_un._tid = gettid(); // glibc 2.36 has no other name for it
    pthread_once(&once, prepare);
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0)
        return false;
    sigemptyset(&set);
    sigaddset(&set, tick_signal);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    if (timer_settime(timer, 0, &every, NULL) != 0 ||
        pthread_setspecific(timer_key, (void *)((uintptr_t)timer + 1)) != 0) {
        timer_delete(timer);
        return false;
    }
    return true;
}

static bool has_timer(void)
{
    if (timer_state == UNTRIED)
        timer_state = start_timer() ? TICKS : NO_TIMER;
    return timer_state == TICKS;
}
#endif

static int64_t cpu_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Where the author's code stands: the innermost function of a file of the gateway. Those of the
// library have names that begin with "=".
static bool find_place(lua_State *L, lua_Debug *at)
{
    for (int level = 0; level < levels_most && lua_getstack(L, level, at); level++)
        if (lua_getinfo(L, "Sl", at) && at->source[0] == '@' && at->currentline > 0)
            return true;
    return false;
}

static void note_place(lua_State *L, struct mg_budget_entry *entry)
{
    lua_Debug at;
    if (!find_place(L, &at))
        return;
    snprintf(entry->file, sizeof entry->file, "%s", at.source + 1);
    entry->line = at.currentline;
}

// Others may want to know where it is, should it never come back. What they cannot see is a C
// function that neither returns nor looks at its budget, before the first tick: its line is the
// last one that was run then, or none.
static void tell_sight(lua_State *L, struct mg_budget_entry *entry)
{
    lua_Debug at;
    struct mg_sight *sight = entry->budget.sight;
    if (!sight || entry->slice_used_ms - entry->sighted_ms < MG_BUDGET_TICK_MS)
        return;
    entry->sighted_ms = entry->slice_used_ms;
    if (find_place(L, &at))
        mg_sight_note(sight, at.source + 1, at.currentline);
}

static bool is_spent(const struct mg_budget_entry *entry)
{
    uint32_t used = *(volatile uint32_t *)entry->budget.used_ms;
    return entry->budget.most_ms && used >= entry->budget.most_ms;
}

// Whether the state has really grown too far, not by garbage.
static bool is_full(lua_State *L, struct mg_budget_entry *entry)
{
    size_t most = entry->budget.most_bytes;
    if (!most || mg_budget_held(L) <= entry->began_bytes + most)
        return false;
    lua_gc(L, LUA_GCCOLLECT, 0);
    size_t held = mg_budget_held(L);
    if (held < entry->began_bytes)
        entry->began_bytes = held;
    return held > entry->began_bytes + most;
}

static bool is_slow(const struct mg_budget_entry *entry)
{
    return entry->budget.slice_ms && entry->slice_used_ms >= entry->budget.slice_ms;
}

static void l_on_count(lua_State *L, lua_Debug *unused);

// The hook belongs to the whole state, its coroutines share it. Setting one is what LuaJIT's own
// profiler does in its signal handler, too: it changes which code handles the next instruction.
static void arm(struct mg_budget_entry *entry)
{
    lua_sethook(entry->L, l_on_count, LUA_MASKCOUNT, 1);
}

// Half of a change over half of another one would leave a hook that is set and never called. A tick
// that comes meanwhile has its hook afterwards.
static void disarm(struct mg_budget_entry *entry)
{
    uint32_t used = entry->slice_used_ms;
    entry->settling = true;
    atomic_signal_fence(memory_order_seq_cst);
    if (has_timer())
        lua_sethook(entry->L, NULL, 0, 0);
    else
        lua_sethook(entry->L, l_on_count, LUA_MASKCOUNT, step_count);
    atomic_signal_fence(memory_order_seq_cst);
    entry->settling = false;
    if (entry->slice_used_ms != used)
        arm(entry);
}

static void charge(struct mg_budget_entry *entry, uint32_t ms)
{
    entry->slice_used_ms += ms;
    *(volatile uint32_t *)entry->budget.used_ms += ms;
}

static void look_at_clock(struct mg_budget_entry *entry)
{
    int64_t ms = (cpu_clock() - entry->clock) / 1000000;
    charge(entry, (uint32_t)ms);
    entry->clock += ms * 1000000;
}

static void l_end_if_over(lua_State *L, struct mg_budget_entry *entry)
{
    if (entry->end == MG_BUDGET_KEPT) {
        bool spent = is_spent(entry);
        if (!spent && !is_full(L, entry))
            return;
        entry->end = spent ? MG_BUDGET_TIME : MG_BUDGET_MEMORY;
        note_place(L, entry);
        arm(entry);
    }
    lua_pushliteral(L, "the budget is used up");
    lua_error(L);
}

// Before the next instruction: somebody has armed it. It stays armed when it raises, so that
// neither pcall nor a handler nor a loop around them goes on.
static void l_on_count(lua_State *L, lua_Debug *unused)
{
    struct mg_budget_entry *entry = current;
    if (!entry) {
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    if (!has_timer())
        look_at_clock(entry);
    l_end_if_over(L, entry);
    tell_sight(L, entry);
    if (is_slow(entry) && !entry->file[0])
        note_place(L, entry);
    disarm(entry);
}

#if !defined __SANITIZE_THREAD__
// What runs is charged all of the tick, whenever it began: on the average that is what it has used.
static void on_tick(int signal, siginfo_t *info, void *unused)
{
    struct mg_budget_entry *entry = current;
    if (!entry)
        return;
    charge(entry, MG_BUDGET_TICK_MS * (1 + (uint32_t)info->si_overrun));
    if (!entry->settling)
        arm(entry);
}
#endif

// Without an entry it is for the hook of whoever called into Lua to say: an engine's raises when
// its job is to end.
static void l_ask_hook(lua_State *L)
{
    lua_Hook hook = lua_gethook(L);
    if (hook)
        hook(L, NULL);
}

void l_budget_check(lua_State *L)
{
    struct mg_budget_entry *entry = current;
    if (!entry) {
        l_ask_hook(L);
        return;
    }
    if (!has_timer())
        look_at_clock(entry);
    if (is_spent(entry))
        l_end_if_over(L, entry);
    tell_sight(L, entry);
}

void mg_budget_give(size_t bytes)
{
    if (current)
        current->began_bytes += bytes;
}

size_t mg_budget_held(lua_State *L)
{
    return (size_t)lua_gc(L, LUA_GCCOUNT, 0) << 10;
}

void mg_budget_enter(struct mg_budget_entry *entry, lua_State *L, const struct mg_budget *budget)
{
    entry->L = L;
    entry->budget = *budget;
    entry->slice_used_ms = entry->sighted_ms = 0;
    entry->settling = false;
    entry->end = MG_BUDGET_KEPT;
    entry->file[0] = '\0';
    entry->began_bytes = mg_budget_held(L);
    entry->outer = current;
    if (!has_timer()) {
        entry->clock = cpu_clock();
        lua_sethook(L, l_on_count, LUA_MASKCOUNT, step_count);
    }
    atomic_signal_fence(memory_order_seq_cst);
    current = entry;
}

enum mg_budget_end mg_budget_leave(struct mg_budget_entry *entry)
{
    entry->settling = true; // for good
    atomic_signal_fence(memory_order_seq_cst);
    if (entry->slice_used_ms || !has_timer())
        lua_sethook(entry->L, NULL, 0, 0);
    current = entry->outer;
    if (entry->end == MG_BUDGET_KEPT && is_full(entry->L, entry)) { // and no tick has seen it
        entry->end = MG_BUDGET_MEMORY;
        note_place(entry->L, entry);
    }
    return entry->end;
}
