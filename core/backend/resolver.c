// One lock guards the names and the seats; it is never held across a look-up. A thread takes the
// name that has been due longest, looks it up, files the answer and mails the seats that wait.
#include "backend/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/now.h"

enum { threads_most = 8, longest_patience = 30000, forget_after = 60000, farewell = 1000 }; // ms

struct name {
    struct mg_list node;
    struct mg_addresses *found; // the last answer, kept while newer look-ups fail
    bool kept;                  // of the configuration: never forgotten
    bool looking;               // a thread is at it
    bool tried;                 // at least one look-up has ended
    unsigned failures;          // in a row
    uint64_t due, asked;        // ms
    char text[];
};

struct mg_resolver {
    pthread_mutex_t lock;
    pthread_cond_t news;  // something is due, or the end
    pthread_cond_t quiet; // a look-up has ended after the end was called for
    struct mg_resolver_options options;
    struct mg_list names, seats;
    unsigned guests; // names that are not kept
    bool ending;
    unsigned uses; // the owner and each detached thread; the last frees
    pthread_t threads[threads_most];
    bool busy[threads_most]; // inside a look-up
    unsigned thread_count;
};

struct mg_resolver_seat {
    struct mg_mail mail; // its one mail, on the way while `mailed`
    struct mg_list node;
    struct mg_resolver *resolver;
    struct mg_mailbox *home;
    struct mg_list waits;
    bool wants, mailed; // guarded by the lock
    bool left;
};

struct mg_addresses *mg_addresses_share(const struct mg_addresses *addresses)
{
    struct mg_addresses *shared = (struct mg_addresses *)addresses; // all but its count is const
    atomic_fetch_add_explicit(&shared->uses, 1, memory_order_relaxed);
    return shared;
}

void mg_addresses_drop(struct mg_addresses *addresses)
{
    if (addresses && atomic_fetch_sub(&addresses->uses, 1) == 1)
        free(addresses);
}

static struct mg_addresses *addresses_new(const struct mg_address *items, unsigned count)
{
    struct mg_addresses *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    atomic_init(&made->uses, 1);
    made->count = count;
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        made->items[i] = items[i];
        if (i)
            made->text[len++] = ',';
        mg_address_text(&items[i], made->text + len);
        len += strlen(made->text + len);
    }
    return made;
}

// getaddrinfo's order is kept (RFC 6724): the first is the best.
static unsigned ask_libc(void *owner, const char *name, struct mg_address items[])
{
    struct addrinfo *list = NULL, hints = {.ai_socktype = SOCK_STREAM};
    unsigned count = 0;
    if (getaddrinfo(name, NULL, &hints, &list) != 0)
        return 0;
    for (struct addrinfo *at = list; at && count < MG_ADDRESSES_MOST; at = at->ai_next) {
        struct mg_address *item = &items[count];
        *item = (struct mg_address){.family = at->ai_family};
        if (at->ai_family == AF_INET)
            memcpy(item->bytes, &((struct sockaddr_in *)(void *)at->ai_addr)->sin_addr, 4);
        else if (at->ai_family == AF_INET6)
            memcpy(item->bytes, &((struct sockaddr_in6 *)(void *)at->ai_addr)->sin6_addr, 16);
        else
            continue;
        count++;
    }
    freeaddrinfo(list);
    return count;
}

// The rest of this file up to the seats runs under the lock, but for the look-up itself.

static struct name *find(struct mg_resolver *resolver, struct mg_str text)
{
    for (struct mg_list *at = resolver->names.next; at != &resolver->names; at = at->next) {
        struct name *name = MG_OWNER(at, struct name, node);
        if (mg_str_eq_nocase(mg_str_of(name->text), text))
            return name;
    }
    return NULL;
}

static struct name *add(struct mg_resolver *resolver, struct mg_str text, bool kept)
{
    struct name *name = calloc(1, sizeof *name + text.len + 1);
    if (!name)
        return NULL;
    for (size_t i = 0; i < text.len; i++)
        name->text[i] = mg_lower(text.data[i]);
    name->kept = kept;
    name->asked = name->due = mg_now_ms(CLOCK_MONOTONIC);
    resolver->guests += !kept;
    mg_list_push(&resolver->names, &name->node);
    pthread_cond_signal(&resolver->news);
    return name;
}

static void forget(struct mg_resolver *resolver, struct name *name)
{
    resolver->guests -= !name->kept;
    mg_list_drop(&name->node);
    mg_addresses_drop(name->found);
    free(name);
}

// Forgets the guests that nobody asked for lately.
static void sweep(struct mg_resolver *resolver, uint64_t now)
{
    for (struct mg_list *at = resolver->names.next, *next; at != &resolver->names; at = next) {
        struct name *name = MG_OWNER(at, struct name, node);
        next = at->next;
        if (!name->kept && !name->looking && now - name->asked > forget_after)
            forget(resolver, name);
    }
}

static struct name *next_due(struct mg_resolver *resolver)
{
    struct name *first = NULL;
    for (struct mg_list *at = resolver->names.next; at != &resolver->names; at = at->next) {
        struct name *name = MG_OWNER(at, struct name, node);
        if (!name->looking && (!first || name->due < first->due))
            first = name;
    }
    return first;
}

static void tell_seats(struct mg_resolver *resolver)
{
    for (struct mg_list *at = resolver->seats.next; at != &resolver->seats; at = at->next) {
        struct mg_resolver_seat *seat = MG_OWNER(at, struct mg_resolver_seat, node);
        if (!seat->wants || seat->mailed)
            continue;
        seat->wants = false;
        seat->mailed = mg_mailbox_send(seat->home, &seat->mail);
    }
}

static uint64_t pause_after(struct mg_resolver *resolver, unsigned failures)
{
    uint64_t pause = resolver->options.patience_ms;
    while (--failures && pause < longest_patience)
        pause *= 2;
    return pause < longest_patience ? pause : longest_patience;
}

static void file_answer(struct mg_resolver *resolver, struct name *name, struct mg_addresses *found)
{
    uint64_t now = mg_now_ms(CLOCK_MONOTONIC);
    if (found) {
        if (name->failures)
            mg_log(MG_LOG_INFO, "name %s: found again", name->text);
        mg_addresses_drop(name->found);
        name->found = found;
        name->failures = 0;
        name->due = now + resolver->options.refresh_ms;
    } else {
        if (!name->failures++)
            mg_log(MG_LOG_WARN, "name %s: not found%s", name->text,
                   name->found ? ", its last addresses stay in use" : "");
        name->due = now + pause_after(resolver, name->failures);
    }
    name->tried = true;
    name->looking = false;
    tell_seats(resolver);
}

static void look_up(struct mg_resolver *resolver, unsigned place, struct name *name)
{
    struct mg_address items[MG_ADDRESSES_MOST];
    name->looking = resolver->busy[place] = true;
    pthread_mutex_unlock(&resolver->lock);
    unsigned count = resolver->options.look_up(resolver->options.owner, name->text, items);
    struct mg_addresses *found = count ? addresses_new(items, count) : NULL;
    pthread_mutex_lock(&resolver->lock);
    resolver->busy[place] = false;
    if (resolver->ending)
        pthread_cond_signal(&resolver->quiet);
    file_answer(resolver, name, found);
}

// False when `due` (ms; 0: never) has come before the condition was signalled.
static bool wait_until(struct mg_resolver *resolver, pthread_cond_t *condition, uint64_t due)
{
    struct timespec until = {.tv_sec = (time_t)(due / 1000),
                             .tv_nsec = (long)(due % 1000) * 1000000};
    if (due)
        return pthread_cond_timedwait(condition, &resolver->lock, &until) == 0;
    return pthread_cond_wait(condition, &resolver->lock) == 0;
}

static void destroy(struct mg_resolver *resolver)
{
    while (!mg_list_empty(&resolver->names))
        forget(resolver, MG_OWNER(resolver->names.next, struct name, node));
    pthread_cond_destroy(&resolver->news);
    pthread_cond_destroy(&resolver->quiet);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

// Gives up one use with the lock held; the last ends it all.
static void let_go(struct mg_resolver *resolver)
{
    bool last = --resolver->uses == 0;
    pthread_mutex_unlock(&resolver->lock);
    if (last)
        destroy(resolver);
}

struct desk {
    struct mg_resolver *resolver;
    unsigned place;
};

static void *work(void *arg)
{
    struct desk desk = *(struct desk *)arg;
    struct mg_resolver *resolver = desk.resolver;
    free(arg);
    pthread_mutex_lock(&resolver->lock);
    while (!resolver->ending) {
        uint64_t now = mg_now_ms(CLOCK_MONOTONIC);
        sweep(resolver, now);
        struct name *name = next_due(resolver);
        if (name && name->due <= now)
            look_up(resolver, desk.place, name);
        else
            wait_until(resolver, &resolver->news, name ? name->due : 0);
    }
    let_go(resolver);
    return NULL;
}

static bool start_thread(struct mg_resolver *resolver)
{
    struct desk *desk = malloc(sizeof *desk);
    if (!desk)
        return false;
    *desk = (struct desk){resolver, resolver->thread_count};
    pthread_mutex_lock(&resolver->lock); // so that the thread does not run before it is counted
    bool ok = pthread_create(&resolver->threads[resolver->thread_count], NULL, work, desk) == 0;
    if (ok) {
        pthread_setname_np(resolver->threads[resolver->thread_count++], "moongate-names");
        resolver->uses++;
    } else {
        free(desk);
    }
    pthread_mutex_unlock(&resolver->lock);
    return ok;
}

static void set_defaults(struct mg_resolver_options *options)
{
    options->threads = options->threads ? options->threads : 2;
    options->threads = options->threads < threads_most ? options->threads : threads_most;
    options->names = options->names ? options->names : 64;
    options->in_flight = options->in_flight ? options->in_flight : 8;
    options->refresh_ms = options->refresh_ms ? options->refresh_ms : 30000;
    options->patience_ms = options->patience_ms ? options->patience_ms : 1000;
    options->look_up = options->look_up ? options->look_up : ask_libc;
}

struct mg_resolver *mg_resolver_new(const struct mg_resolver_options *options)
{
    struct mg_resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return NULL;
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&resolver->news, &clock);
    pthread_cond_init(&resolver->quiet, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&resolver->lock, NULL);
    resolver->options = *options;
    set_defaults(&resolver->options);
    resolver->uses = 1;
    mg_list_init(&resolver->names);
    mg_list_init(&resolver->seats);
    for (unsigned i = 0; i < resolver->options.threads; i++) {
        if (!start_thread(resolver)) {
            mg_resolver_free(resolver);
            return NULL;
        }
    }
    return resolver;
}

static bool any_busy(struct mg_resolver *resolver)
{
    for (unsigned i = 0; i < resolver->thread_count; i++)
        if (resolver->busy[i])
            return true;
    return false;
}

void mg_resolver_free(struct mg_resolver *resolver)
{
    if (!resolver)
        return;
    pthread_t idle[threads_most];
    unsigned idle_count = 0;
    pthread_mutex_lock(&resolver->lock);
    resolver->ending = true;
    uint64_t until = mg_now_ms(CLOCK_MONOTONIC) + farewell;
    while (any_busy(resolver) && wait_until(resolver, &resolver->quiet, until))
        continue;
    for (unsigned i = 0; i < resolver->thread_count; i++) {
        if (resolver->busy[i])
            pthread_detach(resolver->threads[i]);
        else
            idle[idle_count++] = resolver->threads[i];
    }
    pthread_cond_broadcast(&resolver->news);
    pthread_mutex_unlock(&resolver->lock);
    for (unsigned i = 0; i < idle_count; i++)
        pthread_join(idle[i], NULL);
    pthread_mutex_lock(&resolver->lock);
    let_go(resolver);
}

bool mg_resolver_keep(struct mg_resolver *resolver, struct mg_str text)
{
    pthread_mutex_lock(&resolver->lock);
    struct name *name = find(resolver, text);
    if (name && !name->kept)
        resolver->guests--;
    if (!name)
        name = add(resolver, text, true);
    if (name)
        name->kept = true;
    pthread_mutex_unlock(&resolver->lock);
    return name != NULL;
}

static void deliver(struct mg_mail *mail)
{
    struct mg_resolver_seat *seat = MG_OWNER(mail, struct mg_resolver_seat, mail);
    struct mg_list ready;
    if (seat->left) {
        free(seat);
        return;
    }
    pthread_mutex_lock(&seat->resolver->lock);
    seat->mailed = false;
    pthread_mutex_unlock(&seat->resolver->lock);
    // Moved to a list of their own first: who asks again may have to wait again.
    mg_list_init(&ready);
    for (struct mg_list *node; (node = mg_list_pop(&seat->waits));)
        mg_list_push(&ready, node);
    for (struct mg_list *node; (node = mg_list_pop(&ready));) {
        struct mg_name_wait *wait = MG_OWNER(node, struct mg_name_wait, node);
        wait->again(wait);
    }
}

struct mg_resolver_seat *mg_resolver_join(struct mg_resolver *resolver, struct mg_mailbox *home)
{
    struct mg_resolver_seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return NULL;
    seat->resolver = resolver;
    seat->home = home;
    seat->mail.deliver = deliver;
    mg_list_init(&seat->waits);
    pthread_mutex_lock(&resolver->lock);
    mg_list_push(&resolver->seats, &seat->node);
    pthread_mutex_unlock(&resolver->lock);
    return seat;
}

void mg_resolver_leave(struct mg_resolver_seat *seat)
{
    if (!seat)
        return;
    struct mg_resolver *resolver = seat->resolver;
    pthread_mutex_lock(&resolver->lock);
    mg_list_drop(&seat->node);
    seat->left = true;
    bool mailed = seat->mailed;
    pthread_mutex_unlock(&resolver->lock);
    if (!mailed) // else the mail, when it arrives
        free(seat);
}

static unsigned guests_in_flight(struct mg_resolver *resolver)
{
    unsigned count = 0;
    for (struct mg_list *at = resolver->names.next; at != &resolver->names; at = at->next) {
        struct name *name = MG_OWNER(at, struct name, node);
        count += !name->kept && !name->tried;
    }
    return count;
}

static enum mg_name_state answer(struct mg_resolver_seat *seat, struct mg_str text,
                                 struct mg_addresses **found)
{
    struct mg_resolver *resolver = seat->resolver;
    struct name *name = find(resolver, text);
    if (!name && (resolver->guests >= resolver->options.names ||
                  guests_in_flight(resolver) >= resolver->options.in_flight))
        return MG_NAME_BUSY;
    if (!name)
        name = add(resolver, text, false);
    if (!name)
        return MG_NAME_BUSY;
    name->asked = mg_now_ms(CLOCK_MONOTONIC);
    if (name->found) {
        atomic_fetch_add(&name->found->uses, 1);
        *found = name->found;
        return MG_NAME_KNOWN;
    }
    if (name->tried)
        return MG_NAME_UNKNOWN;
    seat->wants = true;
    return MG_NAME_PENDING;
}

enum mg_name_state mg_resolver_ask(struct mg_resolver_seat *seat, struct mg_str name,
                                   struct mg_addresses **found)
{
    pthread_mutex_lock(&seat->resolver->lock);
    enum mg_name_state state = answer(seat, name, found);
    pthread_mutex_unlock(&seat->resolver->lock);
    return state;
}

void mg_resolver_wait(struct mg_resolver_seat *seat, struct mg_name_wait *wait)
{
    mg_list_push(&seat->waits, &wait->node);
}

void mg_name_wait_drop(struct mg_name_wait *wait)
{
    mg_list_drop(&wait->node);
}
