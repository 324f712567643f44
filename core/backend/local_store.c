#include "backend/local_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/list.h"
#include "base/now.h"
#include "base/siphash.h"
#include "json/scan.h"

enum {
    shard_count = 16,
    buckets_first = 64,
    value_part = 4,      // a value may take this part of a shard
    value_least = 24,    // bytes kept for a value, so that a counter stays where it is
    entry_overhead = 32, // of the allocator and of the buckets, counted with each entry
};

struct entry {
    struct mg_list age;
    struct entry *next; // in its bucket
    uint64_t hash, version;
    uint64_t ends; // ms; 0: never
    uint32_t name_len, len, cap;
    char bytes[]; // the name, which is space, NUL and key; then `cap` bytes for the value
};

struct shard {
    pthread_mutex_t lock; // of all that follows
    struct entry **buckets;
    size_t bucket_count; // a power of two
    size_t entries, bytes;
    uint64_t version;    // the newest
    struct mg_list ages; // the least recently used first
};

struct local_store {
    struct mg_store store;
    uint64_t secret[2];
    uint64_t (*now)(void);
    size_t bytes_most; // of a shard
    struct shard shards[shard_count];
};

// What is asked for, found.
struct place {
    struct shard *shard;
    uint64_t hash, now, ttl;
    struct mg_str name;
    struct entry *entry; // NULL: it is not there
    size_t bytes_most;
};

static uint64_t monotonic_ms(void)
{
    return mg_now_ms(CLOCK_MONOTONIC);
}

static struct mg_str value_of(const struct entry *entry)
{
    return (struct mg_str){entry->bytes + entry->name_len, entry->len};
}

static size_t cost(size_t name_len, size_t cap)
{
    return sizeof(struct entry) + name_len + cap + entry_overhead;
}

static struct entry **bucket(struct shard *shard, uint64_t hash)
{
    return &shard->buckets[hash / shard_count & (shard->bucket_count - 1)];
}

static void drop(struct shard *shard, struct entry *entry)
{
    struct entry **at = bucket(shard, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    mg_list_drop(&entry->age);
    shard->entries--;
    shard->bytes -= cost(entry->name_len, entry->cap);
    free(entry);
}

// Without memory for more buckets, chains get longer.
static void grow(struct shard *shard)
{
    struct entry **before = shard->buckets;
    size_t count = shard->bucket_count;
    struct entry **buckets = calloc(count * 2, sizeof(struct entry *));
    if (!buckets)
        return;
    shard->buckets = buckets;
    shard->bucket_count = count * 2;
    for (size_t i = 0; i < count; i++) {
        for (struct entry *entry = before[i], *next; entry; entry = next) {
            next = entry->next;
            struct entry **at = bucket(shard, entry->hash);
            entry->next = *at;
            *at = entry;
        }
    }
    free(before);
}

static void add(struct shard *shard, struct entry *entry, size_t bytes_most)
{
    size_t bytes = cost(entry->name_len, entry->cap);
    while (shard->bytes + bytes > bytes_most)
        drop(shard, MG_OWNER(shard->ages.next, struct entry, age));
    if (shard->entries >= shard->bucket_count)
        grow(shard);
    struct entry **at = bucket(shard, entry->hash);
    entry->next = *at;
    *at = entry;
    mg_list_push(&shard->ages, &entry->age);
    shard->entries++;
    shard->bytes += bytes;
}

// The entry with room for a value: the one that is there if it fits, else a new one in its place.
static struct entry *room(struct place *place, size_t len)
{
    struct entry *old = place->entry;
    if (old && len <= old->cap && (old->cap <= 2 * len || old->cap == value_least))
        return old;
    size_t cap = len > value_least ? len : value_least;
    struct entry *entry = malloc(sizeof *entry + place->name.len + cap);
    if (!entry)
        return NULL;
    *entry = (struct entry){.hash = place->hash,
                            .ends = old          ? old->ends
                                    : place->ttl ? place->now + place->ttl
                                                 : 0,
                            .name_len = (uint32_t)place->name.len,
                            .cap = (uint32_t)cap};
    memcpy(entry->bytes, place->name.data, place->name.len);
    if (old)
        drop(place->shard, old);
    add(place->shard, entry, place->bytes_most);
    return place->entry = entry;
}

static enum mg_status write(struct place *place, struct mg_str value,
                            struct mg_store_answer *answer)
{
    if (cost(place->name.len, value.len) > place->bytes_most / value_part) {
        answer->why = "the value is larger than a 64th of limits.shared";
        return MG_TOO_LARGE;
    }
    struct entry *entry = room(place, value.len);
    if (!entry) {
        answer->why = "out of memory";
        return MG_NO_MEMORY;
    }
    memcpy(entry->bytes + entry->name_len, value.data, value.len);
    entry->len = (uint32_t)value.len;
    entry->version = ++place->shard->version;
    answer->done = true;
    return MG_OK;
}

static enum mg_status set(struct place *place, struct mg_str value, struct mg_store_answer *answer)
{
    enum mg_status status = write(place, value, answer);
    if (status == MG_OK)
        place->entry->ends = place->ttl ? place->now + place->ttl : 0;
    return status;
}

static enum mg_status incr(struct place *place, int64_t by, struct mg_store_answer *answer)
{
    int64_t number = 0;
    struct mg_str value = place->entry ? value_of(place->entry) : MG_STR("0");
    if (mg_json_type(value) != MG_JSON_NUMBER || !mg_json_int(value, &number)) {
        answer->why = "what is there is no whole number of 64 bits";
        return MG_INVALID;
    }
    if (__builtin_add_overflow(number, by, &number)) {
        answer->why = "the sum would be beyond 64 bits";
        return MG_INVALID;
    }
    if (!mg_buf_printf(answer->value, "%lld", (long long)number))
        return answer->value->failed;
    return write(place, mg_buf_str(answer->value), answer);
}

static enum mg_status perform(struct place *place, const struct mg_store_ask *ask,
                              struct mg_store_answer *answer)
{
    struct entry *entry = place->entry;
    switch (ask->verb) {
    case MG_STORE_GET:
        answer->done = entry && mg_buf_put(answer->value, value_of(entry));
        answer->version = entry ? entry->version : 0;
        return answer->value->failed;
    case MG_STORE_SET:
        return set(place, ask->value, answer);
    case MG_STORE_ADD:
        return entry ? MG_OK : set(place, ask->value, answer);
    case MG_STORE_INCR:
        return incr(place, ask->by, answer);
    case MG_STORE_DELETE:
        answer->done = entry != NULL;
        if (entry)
            drop(place->shard, entry);
        return MG_OK;
    case MG_STORE_SWAP:
        return ask->version == (entry ? entry->version : 0) ? write(place, ask->value, answer)
                                                            : MG_OK;
    }
    return MG_INVALID;
}

// What is there and has time left; it is now the last to give way.
static struct entry *find(struct place *place)
{
    struct entry *entry = *bucket(place->shard, place->hash);
    while (entry && !(entry->hash == place->hash &&
                      mg_str_eq((struct mg_str){entry->bytes, entry->name_len}, place->name)))
        entry = entry->next;
    if (!entry)
        return NULL;
    if (entry->ends && entry->ends <= place->now) {
        drop(place->shard, entry);
        return NULL;
    }
    mg_list_drop(&entry->age);
    mg_list_push(&place->shard->ages, &entry->age);
    return entry;
}

static enum mg_status local_ask(struct mg_store *store, const struct mg_store_ask *ask,
                                struct mg_store_answer *answer)
{
    struct local_store *local = MG_OWNER(store, struct local_store, store);
    char name[MG_STORE_SPACE_MOST + 1 + MG_STORE_KEY_MOST];
    answer->done = false;
    answer->version = 0;
    answer->why = NULL;
    if (ask->space.len > MG_STORE_SPACE_MOST || ask->key.len > MG_STORE_KEY_MOST) {
        answer->why = "the key is longer than 1024 bytes";
        return MG_TOO_LARGE;
    }
    memcpy(name, ask->space.data, ask->space.len);
    name[ask->space.len] = '\0';
    if (ask->key.len)
        memcpy(name + ask->space.len + 1, ask->key.data, ask->key.len);
    struct place place = {.name = {name, ask->space.len + 1 + ask->key.len},
                          .now = local->now(),
                          .ttl = ask->ttl,
                          .bytes_most = local->bytes_most};
    place.hash = mg_siphash(local->secret, place.name);
    place.shard = &local->shards[place.hash % shard_count];
    pthread_mutex_lock(&place.shard->lock);
    place.entry = find(&place);
    enum mg_status status = perform(&place, ask, answer);
    pthread_mutex_unlock(&place.shard->lock);
    return status;
}

struct mg_store *mg_local_store_new(const struct mg_local_store_options *options)
{
    struct local_store *local = calloc(1, sizeof *local);
    if (!local)
        return NULL;
    local->store.ask = local_ask;
    local->now = options->now ? options->now : monotonic_ms;
    local->bytes_most = options->bytes / shard_count;
    bool ok = getrandom(local->secret, sizeof local->secret, 0) == sizeof local->secret;
    for (unsigned i = 0; i < shard_count; i++) {
        struct shard *shard = &local->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        mg_list_init(&shard->ages);
        shard->bucket_count = buckets_first;
        shard->buckets = calloc(buckets_first, sizeof(struct entry *));
        ok = ok && shard->buckets;
    }
    if (ok)
        return &local->store;
    mg_local_store_free(&local->store);
    return NULL;
}

void mg_local_store_free(struct mg_store *store)
{
    if (!store)
        return;
    struct local_store *local = MG_OWNER(store, struct local_store, store);
    for (unsigned i = 0; i < shard_count; i++) {
        struct shard *shard = &local->shards[i];
        for (struct mg_list *node; (node = mg_list_pop(&shard->ages));)
            free(MG_OWNER(node, struct entry, age));
        free(shard->buckets);
        pthread_mutex_destroy(&shard->lock);
    }
    free(local);
}

struct mg_local_store_size mg_local_store_size(struct mg_store *store)
{
    struct local_store *local = MG_OWNER(store, struct local_store, store);
    struct mg_local_store_size size = {0};
    for (unsigned i = 0; i < shard_count; i++) {
        struct shard *shard = &local->shards[i];
        pthread_mutex_lock(&shard->lock);
        size.entries += shard->entries;
        size.bytes += shard->bytes;
        pthread_mutex_unlock(&shard->lock);
    }
    return size;
}
