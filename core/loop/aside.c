#include "loop/aside.h"

#include <signal.h>
#include <stdlib.h>

struct mg_asides {
    pthread_mutex_t lock;
    struct mg_mailbox *home; // NULL: closed
    unsigned most, out;      // `out` counts until the mail has come home
    unsigned uses;           // the loop and each aside; the last frees
};

// Called with the lock held, which it lets go of.
static void leave(struct mg_asides *asides)
{
    bool last = --asides->uses == 0;
    pthread_mutex_unlock(&asides->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&asides->lock);
    free(asides);
}

static void come_home(struct mg_mail *mail)
{
    struct mg_aside *aside = MG_OWNER(mail, struct mg_aside, mail);
    struct mg_asides *asides = aside->asides;
    pthread_mutex_lock(&asides->lock);
    asides->out--;
    bool open = asides->home != NULL;
    leave(asides);
    if (open)
        aside->done(aside);
    aside->drop(aside);
}

static void *work(void *data)
{
    struct mg_aside *aside = data;
    struct mg_asides *asides = aside->asides;
    aside->run(aside);
    pthread_mutex_lock(&asides->lock);
    aside->mail.deliver = come_home;
    if (asides->home && mg_mailbox_send(asides->home, &aside->mail)) {
        pthread_mutex_unlock(&asides->lock);
        return NULL;
    }
    leave(asides);
    aside->drop(aside);
    return NULL;
}

struct mg_asides *mg_asides_new(struct mg_mailbox *home, unsigned most)
{
    struct mg_asides *asides = calloc(1, sizeof *asides);
    if (!asides)
        return NULL;
    if (pthread_mutex_init(&asides->lock, NULL) != 0) {
        free(asides);
        return NULL;
    }
    asides->home = home;
    asides->most = most;
    asides->uses = 1;
    return asides;
}

void mg_asides_close(struct mg_asides *asides)
{
    if (!asides)
        return;
    pthread_mutex_lock(&asides->lock);
    asides->home = NULL;
    leave(asides);
}

// Signals belong to the main thread.
static bool start_thread(struct mg_aside *aside)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, NULL, work, aside) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(thread);
    return started;
}

bool mg_aside_start(struct mg_asides *asides, struct mg_aside *aside)
{
    aside->asides = asides;
    pthread_mutex_lock(&asides->lock);
    bool room = asides->home && asides->out < asides->most;
    asides->out += room;
    asides->uses += room;
    pthread_mutex_unlock(&asides->lock);
    if (!room || start_thread(aside))
        return room;
    pthread_mutex_lock(&asides->lock);
    asides->out--;
    leave(asides);
    return false;
}
