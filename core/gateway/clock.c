#include "gateway/clock.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/now.h"
#include "base/siphash.h"
#include "gateway/chore.h"

// The wall clock may be set: it is looked at again after so long.
enum { look_ms = 30000 };

struct entry {
    struct mg_list node;
    struct mg_clock *clock;
    struct mg_timer timer;
    uint64_t every, within; // ms
    uint64_t due;           // ms of the wall clock
    int function;
    bool wanted, runs, late; // late: it was told that a run takes longer than the time between two
    struct mg_str name;
    char text[]; // of the name
};

static void free_entry(struct entry *entry)
{
    mg_timer_drop(&entry->clock->worker->loop, &entry->timer);
    mg_list_drop(&entry->node);
    free(entry);
}

static void ended(struct mg_chore *chore, enum mg_chore_end end)
{
    struct entry *entry = chore->work.owner;
    entry->runs = false;
    if (!entry->wanted)
        free_entry(entry);
}

static void run(struct entry *entry)
{
    if (entry->runs) {
        if (!entry->late)
            mg_log(MG_LOG_WARN, "%.*s is still at work when it is due again: it runs less often",
                   (int)entry->name.len, entry->name.data);
        entry->late = true;
        return;
    }
    const struct mg_chore_work work = {.name = entry->name,
                                       .run = {.function = entry->function},
                                       .within = entry->within,
                                       .ended = ended,
                                       .owner = entry};
    entry->late = false;
    entry->runs = mg_chore_start(entry->clock->worker, &work) != NULL;
    if (!entry->runs)
        mg_log(MG_LOG_ERROR, "%.*s: out of memory", (int)entry->name.len, entry->name.data);
}

// When the clock was set back, what is due next is nearer than it was thought to be.
static void wait_for_due(struct entry *entry, uint64_t now)
{
    struct mg_loop *loop = &entry->clock->worker->loop;
    uint64_t next = (now / entry->every + 1) * entry->every;
    if (!entry->due || entry->due <= now || entry->due > next)
        entry->due = next;
    uint64_t left = entry->due - now;
    mg_timer_set(loop, &entry->timer, mg_loop_fresh(loop) + (left < look_ms ? left : look_ms));
}

static void ring(struct mg_timer *timer)
{
    struct entry *entry = MG_OWNER(timer, struct entry, timer);
    uint64_t now = mg_now_ms(CLOCK_REALTIME);
    if (now >= entry->due)
        run(entry);
    wait_for_due(entry, now);
}

static struct entry *find(struct mg_clock *clock, struct mg_str name)
{
    for (struct mg_list *node = clock->entries.next; node != &clock->entries; node = node->next) {
        struct entry *entry = MG_OWNER(node, struct entry, node);
        if (mg_str_eq(entry->name, name))
            return entry;
    }
    return NULL;
}

static struct entry *add(struct mg_clock *clock, struct mg_str name)
{
    struct entry *entry = calloc(1, sizeof *entry + name.len);
    if (!entry) {
        mg_log(MG_LOG_ERROR, "%.*s: out of memory", (int)name.len, name.data);
        return NULL;
    }
    memcpy(entry->text, name.data, name.len);
    entry->name = (struct mg_str){entry->text, name.len};
    entry->clock = clock;
    entry->timer.run = ring;
    mg_list_push(&clock->entries, &entry->node);
    return entry;
}

// Those of a name belong to one worker, the same one for each generation.
static bool is_ours(const struct mg_worker *worker, struct mg_str name)
{
    static const uint64_t key[2];
    if (!worker->common->worker_count)
        return false;
    return mg_siphash(key, name) % worker->common->worker_count == worker->index;
}

static void drop_unwanted(struct mg_clock *clock)
{
    for (struct mg_list *node = clock->entries.next; node != &clock->entries;) {
        struct entry *entry = MG_OWNER(node, struct entry, node);
        node = node->next;
        if (entry->wanted)
            continue;
        mg_timer_drop(&clock->worker->loop, &entry->timer);
        if (!entry->runs)
            free_entry(entry);
    }
}

static void want_none(struct mg_clock *clock)
{
    for (struct mg_list *node = clock->entries.next; node != &clock->entries; node = node->next)
        MG_OWNER(node, struct entry, node)->wanted = false;
}

void mg_clock_follow(struct mg_clock *clock, struct mg_worker *worker)
{
    const struct mg_script_chores *chores = &worker->generation->chores;
    if (!clock->worker)
        mg_list_init(&clock->entries);
    clock->worker = worker;
    want_none(clock);
    for (unsigned i = 0; i < chores->count; i++) {
        const struct mg_script_chore *chore = &chores->items[i];
        if (!chore->every || !is_ours(worker, chore->name))
            continue;
        struct entry *entry = find(clock, chore->name);
        if (!entry && !(entry = add(clock, chore->name)))
            continue;
        bool waits = entry->every == chore->every && entry->timer.place;
        if (entry->every != chore->every)
            entry->due = 0;
        entry->every = chore->every;
        entry->within = chore->within;
        entry->function = chore->function;
        entry->wanted = true;
        if (!waits) // or what is due now, and has not been seen to be, would be passed over
            wait_for_due(entry, mg_now_ms(CLOCK_REALTIME));
    }
    drop_unwanted(clock);
}

void mg_clock_stop(struct mg_clock *clock)
{
    if (!clock->worker)
        return;
    want_none(clock);
    drop_unwanted(clock);
}

void mg_clock_fini(struct mg_clock *clock)
{
    while (clock->worker && !mg_list_empty(&clock->entries))
        free_entry(MG_OWNER(clock->entries.next, struct entry, node));
}
