// Threads that use one store at once, and a clock that the spec moves.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/local_store.h"

static uint64_t clock_ms;

static uint64_t probe_now(void)
{
    return clock_ms;
}

void probe_store_clock(double ms)
{
    clock_ms = (uint64_t)ms;
}

struct mg_store *probe_store_open(double bytes)
{
    clock_ms = 1000;
    return mg_local_store_new(
        &(struct mg_local_store_options){.bytes = (size_t)bytes, .now = probe_now});
}

int probe_store_ask(struct mg_store *store, const struct mg_store_ask *ask,
                    struct mg_store_answer *answer)
{
    mg_buf_clear(answer->value);
    return (int)store->ask(store, ask, answer);
}

struct user {
    struct mg_store *store;
    unsigned turns, number;
};

static void *increment(void *owner)
{
    struct user *user = owner;
    struct mg_buf value = {0};
    struct mg_store_answer answer = {.value = &value};
    struct mg_store_ask ask = {
        .verb = MG_STORE_INCR, .space = MG_STR("hits"), .key = MG_STR("n"), .by = 1};
    for (unsigned i = 0; i < user->turns; i++) {
        mg_buf_clear(&value);
        user->store->ask(user->store, &ask, &answer);
    }
    mg_buf_fini(&value);
    return NULL;
}

// One more, as an update in Lua does it: read, make, swap, again when somebody else was faster.
static void *update(void *owner)
{
    struct user *user = owner;
    struct mg_buf value = {0};
    struct mg_store_answer answer = {.value = &value};
    for (unsigned i = 0; i < user->turns; i++) {
        for (;;) {
            char text[32];
            struct mg_store_ask ask = {
                .verb = MG_STORE_GET, .space = MG_STR("hits"), .key = MG_STR("n")};
            mg_buf_clear(&value);
            user->store->ask(user->store, &ask, &answer);
            mg_buf_put_char(&value, '\0');
            snprintf(text, sizeof text, "%lld", answer.done ? atoll(value.data) + 1 : 1);
            ask.verb = MG_STORE_SWAP;
            ask.value = mg_str_of(text);
            ask.version = answer.version;
            mg_buf_clear(&value);
            user->store->ask(user->store, &ask, &answer);
            if (answer.done)
                break;
        }
    }
    mg_buf_fini(&value);
    return NULL;
}

// All verbs on few keys in little room, so that entries come, change size and go under the threads.
static void *churn(void *owner)
{
    struct user *user = owner;
    char digits[2000];
    memset(digits, '7', sizeof digits);
    struct mg_buf value = {0};
    struct mg_store_answer answer = {.value = &value};
    unsigned seed = user->number;
    for (unsigned i = 0; i < user->turns; i++) {
        char key[16];
        unsigned dice = (unsigned)rand_r(&seed);
        snprintf(key, sizeof key, "%u", dice / 8 % 500);
        struct mg_store_ask ask = {.verb = (enum mg_store_verb)(dice % 6),
                                   .space = MG_STR("churn"),
                                   .key = mg_str_of(key),
                                   .by = 1,
                                   .ttl = dice % 3,
                                   .value = {digits, 1 + dice / 4000 % sizeof digits}};
        mg_buf_clear(&value);
        user->store->ask(user->store, &ask, &answer);
    }
    mg_buf_fini(&value);
    return NULL;
}

// `kind`: as in the list of functions.
void probe_store_crowd(struct mg_store *store, unsigned kind, unsigned threads, unsigned turns)
{
    void *(*const work[])(void *) = {increment, update, churn};
    pthread_t ids[16];
    struct user users[16];
    for (unsigned i = 0; i < threads; i++) {
        users[i] = (struct user){store, turns, i};
        pthread_create(&ids[i], NULL, work[kind], &users[i]);
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
}
