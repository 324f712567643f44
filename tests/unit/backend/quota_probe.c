// Seats at one quota: workers on threads that take, wait and give as a service's calls do, and
// seats of one loop whose wake-ups are counted one by one.
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend/quota.h"

enum {
    workers_most = 8,
    hung_ms = 20000, // without a call that ends: a wake-up was lost
    time_ms = 1000,  // on a busy machine it is not the number of calls that ends a test
};

static struct mg_quota *quota;
static _Atomic unsigned held, held_most;

// Makes `todo` calls: each takes a place or waits for one, holds it for a turn of the loop.
struct worker {
    struct mg_loop loop;
    struct mg_mailbox box;
    struct mg_quota_seat *seat;
    pthread_t thread;
    struct mg_task turn; // ends the calls that hold a place
    struct mg_timer hung;
    uint64_t until; // nothing new is begun
    unsigned todo, queued, holding, done, all;
    bool lost;
};

static void begin(struct worker *worker)
{
    unsigned now = atomic_fetch_add(&held, 1) + 1, most = atomic_load(&held_most);
    while (now > most && !atomic_compare_exchange_weak(&held_most, &most, now))
        continue;
    worker->holding++;
    mg_loop_defer(&worker->loop, &worker->turn);
}

static void leave(struct worker *worker)
{
    mg_timer_drop(&worker->loop, &worker->hung);
    mg_quota_leave(worker->seat);
    mg_mailbox_close(&worker->box);
}

static void on_free(void *owner)
{
    struct worker *worker = owner;
    while (worker->queued && mg_quota_take(worker->seat)) {
        mg_quota_wait_give(worker->seat);
        worker->queued--;
        begin(worker);
    }
}

static void start_some(struct worker *worker)
{
    while (worker->todo && worker->queued < 4) {
        if (!worker->queued && mg_quota_take(worker->seat)) {
            begin(worker);
        } else if (mg_quota_wait_take(worker->seat)) {
            worker->queued++;
        } else {
            mg_loop_defer(&worker->loop, &worker->turn); // busy: again in the next turn
            return;
        }
        worker->todo--;
    }
}

static void end_calls(struct mg_task *task)
{
    struct worker *worker = MG_OWNER(task, struct worker, turn);
    uint64_t now = mg_loop_now(&worker->loop);
    if (now > worker->until) {
        worker->all -= worker->todo;
        worker->todo = 0;
    }
    if (worker->holding)
        mg_timer_set(&worker->loop, &worker->hung, now + hung_ms);
    for (unsigned left = worker->holding; left > 0; left--) {
        worker->holding--;
        worker->done++;
        atomic_fetch_sub(&held, 1);
        mg_quota_give(worker->seat);
    }
    start_some(worker);
    if (worker->done == worker->all)
        leave(worker);
}

static void on_hung(struct mg_timer *timer)
{
    struct worker *worker = MG_OWNER(timer, struct worker, hung);
    worker->lost = true;
    mg_loop_stop(&worker->loop);
}

static void *run_worker(void *data)
{
    struct worker *worker = data;
    worker->until = mg_loop_fresh(&worker->loop) + time_ms;
    mg_timer_set(&worker->loop, &worker->hung, mg_loop_now(&worker->loop) + hung_ms);
    mg_loop_defer(&worker->loop, &worker->turn);
    mg_loop_run(&worker->loop);
    return NULL;
}

// Returns the most places that were held at any time; 0 when a worker slept while its calls waited
// (a lost wake-up). `calls`: of each worker at most; *begun and *done get how many there were.
unsigned probe_quota_workers(unsigned at_once, unsigned waiting, unsigned count, unsigned calls,
                             unsigned *begun, unsigned *done)
{
    static struct worker workers[workers_most];
    memset(workers, 0, sizeof workers);
    held = held_most = 0;
    quota = mg_quota_new(at_once, waiting);
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker = &workers[i];
        worker->todo = worker->all = calls;
        worker->turn.run = end_calls;
        worker->hung.run = on_hung;
        mg_loop_init(&worker->loop);
        mg_mailbox_open(&worker->box, &worker->loop);
        worker->seat = mg_quota_join(quota, &worker->box, on_free, worker);
    }
    for (unsigned i = 0; i < count; i++)
        pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
    bool lost = false;
    *begun = *done = 0;
    for (unsigned i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        *begun += workers[i].all;
        *done += workers[i].done;
        lost = lost || workers[i].lost;
    }
    if (lost)
        return 0; // what hangs cannot be taken down
    for (unsigned i = 0; i < count; i++)
        mg_loop_fini(&workers[i].loop);
    mg_quota_free(quota);
    return held_most;
}

// One thread gives its place back at the very moment at which another is refused.
static struct {
    struct mg_quota_seat *holder;
    _Atomic unsigned ready, given; // rounds
    _Atomic bool over;
} race;

static void await(_Atomic unsigned *round, unsigned number)
{
    for (unsigned tries = 0; atomic_load(round) < number; tries++)
        if (tries > 1000)
            sched_yield();
}

static void *give_each_round(void *data)
{
    for (unsigned round = 1;; round++) {
        await(&race.ready, round);
        if (race.over)
            return NULL;
        mg_quota_give(race.holder);
        atomic_store(&race.given, round);
    }
}

static void on_race(void *owner)
{
}

// Returns in how many rounds, of so many at most, the refused seat had neither a place nor mail on
// its way.
unsigned probe_quota_race(unsigned rounds)
{
    struct mg_loop loop;
    struct mg_mailbox box;
    pthread_t giver;
    unsigned lost = 0, round = 0;
    quota = mg_quota_new(1, 8);
    mg_loop_init(&loop);
    mg_mailbox_open(&box, &loop);
    struct mg_quota_seat *seat = mg_quota_join(quota, &box, on_race, NULL);
    race.holder = mg_quota_join(quota, &box, on_race, NULL);
    race.ready = race.given = 0;
    race.over = false;
    pthread_create(&giver, NULL, give_each_round, NULL);
    const uint64_t until = uv_hrtime() + time_ms * UINT64_C(1000000);
    while (round++ < rounds && uv_hrtime() < until) {
        mg_quota_take(race.holder);
        atomic_store(&race.ready, round);
        for (volatile unsigned pause = round % 251; pause > 0; pause--)
            continue; // each round meets the giver a little later
        bool taken = mg_quota_take(seat) || !mg_quota_wait_take(seat);
        await(&race.given, round);
        lost += !taken && !box.first;
        if (!taken)
            mg_quota_wait_give(seat);
        else
            mg_quota_give(seat);
        if (box.first)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
    }
    race.over = true;
    atomic_store(&race.ready, round);
    pthread_join(giver, NULL);
    mg_quota_leave(seat);
    mg_quota_leave(race.holder);
    mg_mailbox_close(&box);
    mg_loop_run(&loop);
    mg_loop_fini(&loop);
    mg_quota_free(quota);
    return lost;
}

static struct {
    struct mg_loop loop;
    struct mg_mailbox box;
    unsigned count;
    struct guest {
        struct mg_quota_seat *seat;
        unsigned queued, woken;
    } guests[workers_most];
} room;

static void on_woken(void *owner)
{
    struct guest *guest = owner;
    guest->woken++;
    while (guest->queued && mg_quota_take(guest->seat)) {
        mg_quota_wait_give(guest->seat);
        guest->queued--;
    }
}

void probe_quota_open(unsigned at_once, unsigned waiting, unsigned seats)
{
    memset(&room, 0, sizeof room);
    quota = mg_quota_new(at_once, waiting);
    mg_loop_init(&room.loop);
    mg_mailbox_open(&room.box, &room.loop);
    for (struct guest *guest = room.guests; room.count < seats; guest++, room.count++)
        guest->seat = mg_quota_join(quota, &room.box, on_woken, guest);
}

bool probe_quota_take(unsigned seat)
{
    return mg_quota_take(room.guests[seat].seat);
}

void probe_quota_give(unsigned seat)
{
    mg_quota_give(room.guests[seat].seat);
}

bool probe_quota_wait(unsigned seat) // a call that was refused enters the queue
{
    bool waits = mg_quota_wait_take(room.guests[seat].seat);
    room.guests[seat].queued += waits;
    return waits;
}

void probe_quota_lose_patience(unsigned seat) // a call leaves the queue
{
    room.guests[seat].queued--;
    mg_quota_wait_give(room.guests[seat].seat);
}

void probe_quota_leave(unsigned seat)
{
    mg_quota_leave(room.guests[seat].seat);
    room.guests[seat].seat = NULL;
}

// Lets the mail arrive that is on its way. How often the seat was woken, and how many wait there.
unsigned probe_quota_woken(unsigned seat, unsigned *queued)
{
    for (int i = 0; i < 10; i++)
        uv_run(&room.loop.uv, UV_RUN_NOWAIT);
    *queued = room.guests[seat].queued;
    return room.guests[seat].woken;
}

bool probe_quota_mailed(void) // whether mail is on its way to any seat
{
    return room.box.first != NULL;
}

void probe_quota_end(void)
{
    for (unsigned i = 0; i < room.count; i++)
        mg_quota_leave(room.guests[i].seat);
    mg_mailbox_close(&room.box);
    mg_loop_run(&room.loop);
    mg_loop_fini(&room.loop);
    mg_quota_free(quota);
}
