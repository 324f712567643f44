#include "gateway/tasks.h"

#include <stdlib.h>

#include "backend/local_tickets.h"
#include "base/log.h"
#include "gateway/chore.h"

// A task that runs; the order that began it is kept with it, whose texts it has.
struct running {
    struct mg_list node;
    struct mg_tasks *tasks;
    struct mg_ticket_order *order;
    struct mg_chore *chore;
};

// Nobody waits for the answer: when the keeper cannot write, a later process runs it again.
static void tell(struct mg_tasks *tasks, const struct mg_ticket_ask *ask)
{
    struct mg_ticket_job *job = mg_ticket_job_new(sizeof *job, ask);
    if (job)
        tasks->tickets->ask(tasks->tickets, job);
    else
        mg_log(MG_LOG_ERROR, "out of memory: how task %.*s has ended is not recorded",
               (int)ask->id.len, ask->id.data);
}

static void fail(struct mg_tasks *tasks, struct mg_str id, struct mg_str fault)
{
    tell(tasks,
         &(struct mg_ticket_ask){.verb = MG_TICKET_END, .id = id, .failed = true, .fault = fault});
}

// One that was cut is not recorded: either it was cancelled, which is, or the process ends and the
// next one sees what is to be done.
static void ended(struct mg_chore *chore, enum mg_chore_end end)
{
    struct running *running = chore->work.owner;
    struct mg_tasks *tasks = running->tasks;
    const struct mg_run *run = &chore->exchange->run;
    struct mg_str id = running->order->id, detail = run->failure.detail;
    if (end == MG_CHORE_DONE)
        tell(tasks, &(struct mg_ticket_ask){.verb = MG_TICKET_END, .id = id, .text = run->made});
    else if (end == MG_CHORE_FAILED)
        fail(tasks, id, detail.len ? detail : run->failure.title); // which may be empty
    else if (end == MG_CHORE_LATE)
        fail(tasks, id, MG_STR("it ran out of time"));
    mg_list_drop(&running->node);
    free(running->order);
    free(running);
}

static const struct mg_script_chore *find(const struct mg_worker *worker, struct mg_str task)
{
    const struct mg_script_chores *chores = &worker->generation->chores;
    for (unsigned i = 0; i < chores->count; i++)
        if (!chores->items[i].every && mg_str_eq(chores->items[i].called, task))
            return &chores->items[i];
    return NULL;
}

static bool begin(struct mg_tasks *tasks, const struct mg_script_chore *task,
                  struct mg_ticket_order *order)
{
    struct running *running = calloc(1, sizeof *running);
    const struct mg_chore_work work = {
        .name = task->name,
        .run = {task->function, order->id, order->args, order->attempt},
        .within = task->within,
        .ended = ended,
        .owner = running};
    struct mg_chore *chore = running ? mg_chore_start(tasks->worker, &work) : NULL;
    if (!chore) {
        free(running);
        return false;
    }
    *running = (struct running){.tasks = tasks, .order = order, .chore = chore};
    mg_list_push(&tasks->running, &running->node);
    return true;
}

static void stop(struct mg_tasks *tasks, struct mg_str id)
{
    for (struct mg_list *node = tasks->running.next; node != &tasks->running; node = node->next) {
        struct running *running = MG_OWNER(node, struct running, node);
        if (mg_str_eq(running->order->id, id)) {
            mg_chore_cut(running->chore);
            return;
        }
    }
}

static void on_order(struct mg_mail *mail)
{
    struct mg_ticket_order *order = MG_OWNER(mail, struct mg_ticket_order, mail);
    struct mg_tasks *tasks = order->owner;
    const struct mg_worker *worker = tasks->worker;
    if (order->stop) {
        stop(tasks, order->id);
    } else if (worker->state != MG_WORKER_SERVING) {
        tell(tasks, &(struct mg_ticket_ask){.verb = MG_TICKET_REQUEUE, .id = order->id});
    } else {
        const struct mg_script_chore *task = find(worker, order->task);
        if (!task) // it waits for routes that know it: these may be a mistake
            tell(tasks, &(struct mg_ticket_ask){
                            .verb = MG_TICKET_REQUEUE, .id = order->id, .round = order->round});
        else if (begin(tasks, task, order))
            return;
        else
            fail(tasks, order->id, MG_STR("out of memory"));
    }
    free(order);
}

void mg_tasks_attend(struct mg_tasks *tasks, struct mg_worker *worker, struct mg_tickets *tickets)
{
    const struct mg_ticket_seat seat = {&worker->mailbox, on_order, tasks};
    tasks->worker = worker;
    tasks->tickets = tickets;
    mg_list_init(&tasks->running);
    tickets->sit(tickets, worker->index, &seat);
}

static struct mg_local_tickets_options options_of(const struct mg_config *config, unsigned workers)
{
    return (struct mg_local_tickets_options){
        .path = config->tasks.data,
        .seats = workers,
        .at_once = (unsigned)config->limits.tasks_at_once,
        .waiting = (unsigned)config->limits.tasks_waiting,
        .result_most = config->limits.task_result,
        .file_most = config->limits.tasks_file,
    };
}

static bool same(const struct mg_local_tickets_options *a, const struct mg_local_tickets_options *b)
{
    return strcmp(a->path, b->path) == 0 && a->at_once == b->at_once && a->waiting == b->waiting &&
           a->result_most == b->result_most && a->file_most == b->file_most;
}

bool mg_tasks_keep(struct mg_tickets *tickets, const struct mg_generation *generation,
                   const struct mg_config *config, const struct mg_config *before, unsigned workers,
                   struct mg_buf *why)
{
    const struct mg_local_tickets_options options = options_of(config, workers),
                                          last = options_of(before, workers), *own;
    if (!tickets)
        return true;
    if (!(own = mg_local_tickets_options(tickets)))
        return !generation->task_count || mg_local_tickets_open(tickets, &options, why);
    if (!same(&options, own) && !same(&options, &last))
        mg_log(MG_LOG_WARN,
               "gateway.lua: tasks, or a limit of them, has changed: that needs a restart");
    return true;
}
