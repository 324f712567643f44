#include "gateway/loader.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "backend/local_tickets.h"
#include "base/log.h"
#include "gateway/trouble.h"

// All in ms. What does not load may be half written: it is only told when it is still the same
// after a while.
enum { quiet_ms = 20, doubt_ms = 60, unsettled_most_ms = 1000, editions_most = 1 + 8 };

static void look_in(struct mg_loader *loader, uint64_t ms)
{
    mg_timer_set(&loader->loop, &loader->look, mg_loop_fresh(&loader->loop) + ms);
}

static void drop_sick(struct mg_loader *loader)
{
    mg_edition_free(loader->sick);
    mg_faults_fini(&loader->faults);
    loader->sick = NULL;
    loader->faults = (struct mg_faults){0};
    loader->reported = false;
}

static void cure(struct mg_loader *loader)
{
    drop_sick(loader);
    mg_trouble_clear(loader->trouble);
}

// Generations

static void forget(struct mg_loader *loader, struct mg_edition *edition)
{
    if (--edition->generations || edition == loader->current)
        return;
    mg_edition_free(edition);
    loader->edition_count--;
    if (loader->waits)
        look_in(loader, 0);
}

static void on_back(struct mg_mail *mail)
{
    struct mg_generation *generation = MG_OWNER(mail, struct mg_generation, mail);
    struct mg_loader *loader = MG_OWNER(generation->home, struct mg_loader, mailbox);
    struct mg_edition *edition = generation->edition;
    mg_generation_free(generation);
    forget(loader, edition);
}

static void on_fresh(struct mg_mail *mail);

static struct mg_generation *make(struct mg_loader *loader, struct mg_edition *edition,
                                  struct mg_faults *faults)
{
    struct mg_generation *generation = mg_generation_new(&edition->folder, edition->config, faults);
    if (!generation)
        return NULL;
    generation->edition = edition;
    generation->home = &loader->mailbox;
    generation->come_back = on_back;
    generation->fresh.deliver = on_fresh;
    edition->generations++;
    return generation;
}

// A worker's generation holds too much: it gets one that is as new, unless a newer one is on its
// way.
static void on_fresh(struct mg_mail *mail)
{
    struct mg_generation *full = MG_OWNER(mail, struct mg_generation, fresh);
    struct mg_loader *loader = MG_OWNER(full->home, struct mg_loader, mailbox);
    struct mg_faults faults = {0};
    if (full->edition != loader->current)
        return;
    struct mg_generation *fresh = make(loader, loader->current, &faults);
    if (!fresh)
        mg_log(MG_LOG_ERROR, "a Lua state that holds too much cannot be replaced: %.*s",
               faults.count ? (int)faults.items[0].message.len : 0,
               faults.count ? faults.items[0].message.data : "");
    else if (!mg_worker_give(full->worker, fresh))
        on_back(&fresh->mail);
    mg_faults_fini(&faults);
}

static void unmake(struct mg_generation **made, unsigned count)
{
    for (unsigned i = 0; made && i < count; i++)
        mg_generation_free(made[i]);
    free(made);
}

// One for each worker, behind the first, which may be there. NULL: `faults` says why.
static struct mg_generation **make_all(struct mg_loader *loader, struct mg_edition *edition,
                                       struct mg_generation *first, struct mg_faults *faults)
{
    struct mg_generation **made = calloc(loader->worker_count, sizeof(struct mg_generation *));
    if (!made) {
        mg_faults_add(faults, MG_STR("gateway.lua"), 0, MG_STR("out of memory"));
        return NULL;
    }
    made[0] = first;
    for (unsigned i = 0; i < loader->worker_count; i++) {
        made[i] = made[i] ? made[i] : make(loader, edition, faults);
        if (!made[i]) {
            unmake(made, i);
            edition->generations = 0;
            return NULL;
        }
    }
    return made;
}

static bool keep_tasks(struct mg_loader *loader, const struct mg_edition *edition,
                       const struct mg_generation *generation, struct mg_buf *why)
{
    return atomic_load(&loader->grounds.waiting) ||
           mg_tasks_keep(loader->grounds.tickets, generation, edition->config,
                         loader->current->config, loader->worker_count, why);
}

// After a generation that may know what is queued has gone to the workers: they see to it first.
static void begin_tasks(struct mg_loader *loader)
{
    if (loader->grounds.tickets)
        mg_local_tickets_begin(loader->grounds.tickets);
}

// Changing over

static void keep(struct mg_loader *loader, struct mg_edition *edition)
{
    mg_list_push(&loader->editions, &edition->node);
    loader->edition_count++;
    loader->current = edition;
}

static void change_over(struct mg_loader *loader, struct mg_edition *edition,
                        struct mg_generation **made)
{
    struct mg_edition *before = loader->current;
    mg_fixed_tell(&loader->fixed, edition->config, loader->current->config);
    cure(loader);
    keep(loader, edition);
    before->generations++; // ours, so that it goes here or when the last comes back
    for (unsigned i = 0; i < loader->worker_count; i++)
        if (!mg_worker_give(&loader->workers[i], made[i]))
            on_back(&made[i]->mail);
    free(made);
    begin_tasks(loader);
    forget(loader, before);
    mg_log(MG_LOG_INFO, "%s has changed: it is loaded anew", loader->dir);
}

static bool try(struct mg_loader *loader, struct mg_edition *edition, struct mg_faults *faults)
{
    struct mg_buf why = {0};
    if (mg_faults_any(faults) || !mg_edition_configure(edition, faults))
        return false;
    struct mg_generation **made = make_all(loader, edition, NULL, faults);
    if (!made)
        return false;
    bool ok = mg_edition_open(edition, &loader->grounds, loader->current, &why) &&
              keep_tasks(loader, edition, made[0], &why);
    if (ok) {
        change_over(loader, edition, made);
    } else {
        mg_faults_add(faults, MG_STR("gateway.lua"), 0, mg_buf_str(&why));
        unmake(made, loader->worker_count);
        mg_shared_close(&edition->shared);
    }
    mg_buf_fini(&why);
    return ok;
}

static void report(struct mg_loader *loader)
{
    mg_faults_sort(&loader->faults);
    mg_trouble_log(&loader->faults);
    mg_log(MG_LOG_ERROR, "%s does not load: the routes stay as they were", loader->dir);
    loader->reported = true;
    mg_trouble_set(loader->trouble, &loader->faults, &loader->sick->folder);
}

// Looking

// Follows the folders that there are now. True: some are new, and something may have happened in
// them before they were watched.
static bool follow(struct mg_loader *loader, const struct mg_folder *folder)
{
    const char *why;
    unsigned added = mg_watch_set(&loader->watch, folder->folders, folder->folder_count, &why);
    if (why && why != loader->unwatched)
        mg_log(MG_LOG_WARN,
               "%s cannot be watched (%s): changes are loaded when SIGHUP comes, not by themselves",
               loader->dir, why);
    loader->unwatched = why;
    return added > 0;
}

// An empty file that was none is one whose writer has not come further, however busy the machine.
static bool emptied(const struct mg_folder *before, const struct mg_folder *now)
{
    const struct mg_sources *old = &before->sources;
    for (unsigned i = 0, k = 0; i < now->sources.count; i++) {
        const struct mg_source *source = &now->sources.items[i];
        while (k < old->count && mg_str_cmp(old->items[k].name, source->name) < 0)
            k++; // both are in the order of their names
        if (!source->text.len && k < old->count && old->items[k].text.len &&
            mg_str_eq(old->items[k].name, source->name))
            return true;
    }
    return false;
}

// A file that was written just now may be written to again, unless it always is.
static bool unsettled(const struct mg_loader *loader, const struct mg_folder *folder)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    uint64_t now = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    bool fresh = folder->changed <= now && now - folder->changed < quiet_ms * UINT64_C(1000000);
    return (fresh || emptied(&loader->current->folder, folder)) &&
           mg_loop_now(&loader->loop) - loader->unsettled < unsettled_most_ms;
}

// True: it has been taken.
static bool examine(struct mg_loader *loader, struct mg_edition *edition, struct mg_faults *faults)
{
    bool forced = loader->forced;
    loader->forced = false;
    if (!forced && !mg_faults_any(faults) &&
        mg_folder_same(&edition->folder, &loader->current->folder)) {
        cure(loader);
        return false;
    }
    if (!forced && loader->sick && mg_folder_same(&edition->folder, &loader->sick->folder)) {
        if (!loader->reported)
            report(loader);
        return false;
    }
    if (try(loader, edition, faults))
        return true;
    drop_sick(loader); // what was told of it holds until the next is told
    loader->sick = edition;
    loader->faults = *faults;
    *faults = (struct mg_faults){0};
    look_in(loader, doubt_ms);
    return true;
}

static void look(struct mg_timer *timer)
{
    struct mg_loader *loader = MG_OWNER(timer, struct mg_loader, look);
    bool waited = loader->waits;
    loader->waits = loader->edition_count >= editions_most;
    if (loader->waits && !waited)
        mg_log(MG_LOG_WARN,
               "%d older versions of the routes are still in use by requests: changes "
               "wait until one is not",
               editions_most - 1);
    if (loader->waits)
        return;
    struct mg_faults faults = {0};
    struct mg_edition *edition = mg_edition_new(loader->dir, &faults);
    if (!edition) {
        look_in(loader, unsettled_most_ms);
        return;
    }
    bool grown = follow(loader, &edition->folder);
    if (!loader->unsettled)
        loader->unsettled = mg_loop_fresh(&loader->loop);
    if (unsettled(loader, &edition->folder)) {
        look_in(loader, quiet_ms);
    } else {
        bool forced = loader->forced;
        loader->unsettled = 0;
        if (examine(loader, edition, &faults))
            edition = NULL;
        if (forced && loader->reloaded)
            loader->reloaded(loader->owner);
        if (grown)
            look_in(loader, quiet_ms);
    }
    mg_edition_free(edition);
    mg_faults_fini(&faults);
}

static bool is_folder(struct mg_str folder, struct mg_str name)
{
    char path[4096];
    struct stat found;
    snprintf(path, sizeof path, "%.*s/%.*s", (int)folder.len, folder.data, (int)name.len,
             name.data);
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

// A folder that came, or one that was watched and went; or the watched folder itself went.
static bool concerns_folders(struct mg_loader *loader, struct mg_str folder, struct mg_str name)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%.*s/%.*s", (int)folder.len, folder.data, (int)name.len,
                       name.data);
    bool itself = folder.len >= name.len &&
                  mg_str_eq(mg_str_cut(folder, folder.len - name.len, folder.len), name);
    if (itself && mg_watch_forget(&loader->watch, folder))
        return true;
    return mg_watch_forget(&loader->watch, (struct mg_str){path, (size_t)len}) ||
           is_folder(folder, name);
}

static void on_changed(void *owner, struct mg_str folder, struct mg_str name, bool entries)
{
    struct mg_loader *loader = owner;
    bool lua = name.len > 4 && mg_str_is(mg_str_cut(name, name.len - 4, name.len), ".lua");
    if (name.len && name.data[0] == '.')
        return;
    if (!lua && name.len && !(entries && concerns_folders(loader, folder, name)))
        return;
    if (!loader->unsettled)
        loader->unsettled = mg_loop_fresh(&loader->loop);
    if (mg_loop_fresh(&loader->loop) - loader->unsettled < unsettled_most_ms)
        look_in(loader, quiet_ms);
}

// The thread

static void on_again(struct mg_mail *mail)
{
    struct mg_loader *loader = MG_OWNER(mail, struct mg_loader, again);
    atomic_store(&loader->asked, false);
    loader->forced = true;
    look_in(loader, 0);
}

static void on_stop(struct mg_mail *mail)
{
    struct mg_loader *loader = MG_OWNER(mail, struct mg_loader, stop);
    mg_timer_drop(&loader->loop, &loader->look);
    mg_watch_close(&loader->watch);
    mg_mailbox_close(&loader->mailbox);
}

static void *work(void *owner)
{
    struct mg_loader *loader = owner;
    look_in(loader, 0); // what has changed since it was loaded
    mg_loop_run(&loader->loop);
    return NULL;
}

bool mg_loader_load(struct mg_loader *loader, const char *dir, struct mg_faults *faults)
{
    loader->dir = dir;
    mg_list_init(&loader->editions);
    struct mg_edition *edition = mg_edition_new(dir, faults);
    if (!edition) {
        mg_faults_add(faults, MG_STR("gateway.lua"), 0, MG_STR("out of memory"));
        return false;
    }
    keep(loader, edition);
    if (!mg_faults_any(faults) && mg_edition_configure(edition, faults))
        loader->first = make(loader, edition, faults);
    return loader->first != NULL;
}

bool mg_loader_open(struct mg_loader *loader, struct mg_worker *workers, unsigned count,
                    struct mg_buf *why)
{
    struct mg_edition *edition = loader->current;
    struct mg_faults faults = {0};
    loader->workers = workers;
    loader->worker_count = count;
    mg_fixed_note(&loader->fixed, edition->config);
    bool ok = mg_loop_init(&loader->loop) == MG_OK &&
              mg_mailbox_open(&loader->mailbox, &loader->loop) == MG_OK;
    loader->opened = ok;
    if (!ok || !mg_grounds_open(&loader->grounds, edition->config))
        return mg_buf_put(why, MG_STR("no threads, descriptors or memory")) && false;
    if (loader->keeps_tasks && !(loader->grounds.tickets = mg_local_tickets_new()))
        return mg_buf_put(why, MG_STR("out of memory")) && false;
    if (!mg_edition_open(edition, &loader->grounds, NULL, why))
        return false;
    struct mg_generation **made = make_all(loader, edition, loader->first, &faults);
    loader->first = NULL;
    for (unsigned i = 0; made && i < count; i++)
        workers[i].generation = made[i];
    if (made && !keep_tasks(loader, edition, made[0], why)) {
        free(made);
        return false;
    }
    if (made)
        begin_tasks(loader);
    else
        mg_buf_put(why, faults.count ? faults.items[0].message : MG_STR("out of memory"));
    free(made);
    mg_faults_fini(&faults);
    return made != NULL;
}

bool mg_loader_start(struct mg_loader *loader)
{
    loader->watch =
        (struct mg_watch){.loop = &loader->loop, .changed = on_changed, .owner = loader};
    mg_watch_init(&loader->watch);
    loader->look.run = look;
    loader->again.deliver = on_again;
    loader->stop.deliver = on_stop;
    follow(loader, &loader->current->folder); // who saves a file once it serves is heard
    loader->running = pthread_create(&loader->thread, NULL, work, loader) == 0;
    if (loader->running)
        pthread_setname_np(loader->thread, "loader");
    else
        mg_watch_close(&loader->watch);
    return loader->running;
}

void mg_loader_again(struct mg_loader *loader)
{
    if (!atomic_exchange(&loader->asked, true))
        mg_mailbox_send(&loader->mailbox, &loader->again);
}

void mg_loader_stop(struct mg_loader *loader)
{
    if (!loader->running)
        return;
    mg_mailbox_send(&loader->mailbox, &loader->stop);
    pthread_join(loader->thread, NULL);
    loader->running = false;
}

bool mg_loader_fini(struct mg_loader *loader)
{
    mg_generation_free(loader->first);
    if (loader->opened) {
        mg_mailbox_close(&loader->mailbox);
        mg_loop_fini(&loader->loop);
        mg_mailbox_fini(&loader->mailbox);
    }
    cure(loader);
    while (!mg_list_empty(&loader->editions))
        mg_edition_free(MG_OWNER(loader->editions.next, struct mg_edition, node));
    mg_fixed_fini(&loader->fixed);
    return mg_grounds_close(&loader->grounds);
}
