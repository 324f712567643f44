#include "backend/tickets.h"

#include <stdlib.h>

static struct mg_str put(char **room, struct mg_str text)
{
    struct mg_str copy = {*room, text.len};
    if (text.len)
        memcpy(*room, text.data, text.len);
    *room += text.len;
    return copy;
}

struct mg_ticket_job *mg_ticket_job_new(size_t size, const struct mg_ticket_ask *ask)
{
    size_t texts = ask->task.len + ask->id.len + ask->owner.len + ask->text.len + ask->fault.len;
    struct mg_ticket_job *job = calloc(1, size + texts);
    if (!job)
        return NULL;
    char *room = (char *)job + size;
    job->ask = *ask;
    job->ask.task = put(&room, ask->task);
    job->ask.id = put(&room, ask->id);
    job->ask.owner = put(&room, ask->owner);
    job->ask.text = put(&room, ask->text);
    job->ask.fault = put(&room, ask->fault);
    return job;
}

void mg_ticket_job_free(struct mg_ticket_job *job)
{
    mg_buf_fini(&job->body);
    free(job);
}
