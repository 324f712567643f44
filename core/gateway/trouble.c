#include "gateway/trouble.h"

#include "base/log.h"

enum { items_most = 20, line_most = 500 };

void mg_trouble_log(const struct mg_faults *faults)
{
    struct mg_buf line = {0};
    for (unsigned i = 0; i < faults->count; i++) {
        mg_buf_clear(&line);
        mg_fault_put(&line, &faults->items[i]);
        mg_log(MG_LOG_ERROR, "%.*s", (int)line.len, line.data ? line.data : "");
    }
    mg_buf_fini(&line);
}

static void empty(struct mg_trouble *trouble)
{
    atomic_store(&trouble->count, 0);
    mg_arena_fini(&trouble->arena);
    trouble->items = NULL;
}

void mg_trouble_clear(struct mg_trouble *trouble)
{
    if (!trouble)
        return;
    pthread_mutex_lock(&trouble->lock);
    empty(trouble);
    pthread_mutex_unlock(&trouble->lock);
}

static void copy_item(struct mg_trouble_item *to, const struct mg_fault *fault, struct mg_str text,
                      struct mg_arena *arena)
{
    to->fault = (struct mg_fault){mg_arena_copy(arena, fault->file), fault->line,
                                  mg_arena_copy(arena, fault->message)};
    to->text = mg_arena_copy(arena, text);
}

void mg_trouble_set(struct mg_trouble *trouble, const struct mg_faults *faults,
                    const struct mg_folder *folder)
{
    unsigned count = faults->count < items_most ? faults->count : items_most;
    if (!trouble)
        return;
    pthread_mutex_lock(&trouble->lock);
    empty(trouble);
    trouble->items = mg_arena_zero(&trouble->arena, count + 1, sizeof *trouble->items);
    count = trouble->items ? count : 0;
    for (unsigned i = 0; i < count; i++)
        copy_item(&trouble->items[i], &faults->items[i],
                  mg_folder_text(folder, faults->items[i].file), &trouble->arena);
    atomic_store(&trouble->count, count);
    pthread_mutex_unlock(&trouble->lock);
}

struct mg_trouble_item *mg_trouble_copy(struct mg_trouble *trouble, struct mg_arena *arena,
                                        unsigned *count)
{
    struct mg_trouble_item *copies = NULL;
    if (!atomic_load(&trouble->count))
        return NULL;
    pthread_mutex_lock(&trouble->lock);
    *count = atomic_load(&trouble->count);
    if (*count)
        copies = mg_arena_zero(arena, *count, sizeof *copies);
    for (unsigned i = 0; copies && i < *count; i++)
        copy_item(&copies[i], &trouble->items[i].fault, trouble->items[i].text, arena);
    pthread_mutex_unlock(&trouble->lock);
    return copies;
}

static void put_line(struct mg_buf *line, const struct mg_trouble *trouble, unsigned count)
{
    mg_fault_put(line, &trouble->items[0].fault);
    if (line->len > line_most)
        line->len = line_most;
    if (count > 1)
        mg_buf_printf(line, " (and %u more)", count - 1);
    for (size_t i = 0; i < line->len; i++) // a field's value has no control characters
        if ((unsigned char)line->data[i] < ' ' || line->data[i] == 0x7F)
            line->data[i] = ' ';
}

struct mg_str mg_trouble_line(struct mg_trouble *trouble, struct mg_arena *arena)
{
    struct mg_buf line = {0};
    if (!atomic_load(&trouble->count))
        return (struct mg_str){0};
    pthread_mutex_lock(&trouble->lock);
    unsigned count = atomic_load(&trouble->count);
    if (count)
        put_line(&line, trouble, count);
    pthread_mutex_unlock(&trouble->lock);
    struct mg_str text = {0};
    if (line.len && line.failed == MG_OK)
        text = mg_arena_copy(arena, mg_buf_str(&line));
    mg_buf_fini(&line);
    return text;
}
