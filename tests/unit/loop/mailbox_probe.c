#include <stdlib.h>
#include <string.h>

#include "loop/mailbox.h"

struct parcel {
    struct mg_mail mail;
    unsigned sender, number;
};

enum { senders_most = 16 };

static struct {
    struct mg_loop loop;
    struct mg_mailbox box;
    unsigned senders, each;
    unsigned next[senders_most]; // number expected of each sender
    unsigned delivered, disordered;
} post;

struct sender {
    pthread_t thread;
    unsigned number;
};

static void deliver(struct mg_mail *mail)
{
    struct parcel *parcel = MG_OWNER(mail, struct parcel, mail);
    post.disordered += parcel->number != post.next[parcel->sender]++;
    free(parcel);
    if (++post.delivered == post.senders * post.each)
        mg_mailbox_close(&post.box);
}

static void *send_all(void *data)
{
    const struct sender *sender = data;
    for (unsigned i = 0; i < post.each; i++) {
        struct parcel *parcel = malloc(sizeof *parcel);
        *parcel = (struct parcel){{.deliver = deliver}, sender->number, i};
        if (!mg_mailbox_send(&post.box, &parcel->mail))
            abort();
    }
    return NULL;
}

// `each` mails from each of `senders` threads to one box. Returns how many arrived, `disordered`
// how many before one that their sender sent earlier.
unsigned probe_mailbox(unsigned senders, unsigned each, unsigned *disordered)
{
    struct sender threads[senders_most];
    memset(&post, 0, sizeof post);
    post.senders = senders;
    post.each = each;
    mg_loop_init(&post.loop);
    mg_mailbox_open(&post.box, &post.loop);
    for (unsigned i = 0; i < senders; i++) {
        threads[i].number = i;
        pthread_create(&threads[i].thread, NULL, send_all, &threads[i]);
    }
    mg_loop_run(&post.loop);
    for (unsigned i = 0; i < senders; i++)
        pthread_join(threads[i].thread, NULL);
    mg_loop_fini(&post.loop);
    *disordered = post.disordered;
    return post.delivered;
}

static unsigned arrived;

static void count(struct mg_mail *mail)
{
    arrived++;
}

// Two mails wait when the box is closed, one comes later. Returns how many were delivered;
// `refused` says whether the late one stayed its sender's.
unsigned probe_closed_mailbox(bool *refused)
{
    struct mg_mail mails[3] = {{.deliver = count}, {.deliver = count}, {.deliver = count}};
    arrived = 0;
    mg_loop_init(&post.loop);
    mg_mailbox_open(&post.box, &post.loop);
    mg_mailbox_send(&post.box, &mails[0]);
    mg_mailbox_send(&post.box, &mails[1]);
    mg_mailbox_close(&post.box);
    *refused = !mg_mailbox_send(&post.box, &mails[2]);
    mg_loop_run(&post.loop);
    mg_loop_fini(&post.loop);
    return arrived;
}

// A mailbox that was never opened refuses mail, and has nothing to close.
bool probe_unopened_mailbox(void)
{
    struct mg_mail mail = {.deliver = count};
    struct mg_mailbox box = {0};
    bool refused = !mg_mailbox_send(&box, &mail);
    mg_mailbox_close(&box);
    mg_mailbox_fini(&box);
    return refused;
}
