#include "loop/mailbox.h"

static struct mg_mail *take_all(struct mg_mailbox *box, bool close)
{
    pthread_mutex_lock(&box->lock);
    struct mg_mail *first = box->first;
    box->first = NULL;
    box->last = &box->first;
    box->open = box->open && !close;
    pthread_mutex_unlock(&box->lock);
    return first;
}

// Does not look at the box: a delivery may close it.
static void deliver_all(struct mg_mail *mail)
{
    while (mail) {
        struct mg_mail *next = mail->next;
        mail->deliver(mail);
        mail = next;
    }
}

static void on_wake(uv_async_t *wake)
{
    deliver_all(take_all(wake->data, false));
}

enum mg_status mg_mailbox_open(struct mg_mailbox *box, struct mg_loop *loop)
{
    *box = (struct mg_mailbox){.lock = PTHREAD_MUTEX_INITIALIZER, .last = &box->first};
    if (uv_async_init(&loop->uv, &box->wake, on_wake) != 0)
        return MG_NO_MEMORY;
    box->wake.data = box;
    box->open = true;
    return MG_OK;
}

// The wake-up happens under the lock: after it the box may be gone, closed by its owner.
bool mg_mailbox_send(struct mg_mailbox *box, struct mg_mail *mail)
{
    mail->next = NULL;
    pthread_mutex_lock(&box->lock);
    bool open = box->open;
    if (open) {
        bool empty = !box->first;
        *box->last = mail;
        box->last = &mail->next;
        if (empty)
            uv_async_send(&box->wake);
    }
    pthread_mutex_unlock(&box->lock);
    return open;
}

void mg_mailbox_nudge(struct mg_mailbox *box)
{
    uv_async_send(&box->wake);
}

void mg_mailbox_close(struct mg_mailbox *box)
{
    if (!box->open)
        return;
    struct mg_mail *left = take_all(box, true);
    uv_close((uv_handle_t *)&box->wake, NULL);
    deliver_all(left);
}

void mg_mailbox_fini(struct mg_mailbox *box)
{
    pthread_mutex_destroy(&box->lock);
}
