#include "backend/tickets.h"

#include <stdlib.h>

struct mg_ticket_job *mg_ticket_job_new(size_t size, const struct mg_ticket_ask *ask)
{
    size_t texts = ask->task.len + ask->id.len + ask->owner.len + ask->text.len + ask->fault.len;
    struct mg_ticket_job *job = calloc(1, size + texts);
    if (!job)
        return NULL;
    char *room = (char *)job + size;
    job->ask = *ask;
    job->ask.task = mg_str_pack(&room, ask->task);
    job->ask.id = mg_str_pack(&room, ask->id);
    job->ask.owner = mg_str_pack(&room, ask->owner);
    job->ask.text = mg_str_pack(&room, ask->text);
    job->ask.fault = mg_str_pack(&room, ask->fault);
    return job;
}

void mg_ticket_job_free(struct mg_ticket_job *job)
{
    mg_buf_fini(&job->body);
    free(job);
}
