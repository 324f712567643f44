// What faultd's control port may set for all requests at once, and what it counts of them:
//   /mood/to/PATH     every request from now on is answered as if it had asked for PATH
//   /mood/then/close  as asked for, says "Connection: close" and does
//   /mood/then/quiet  as asked for, and closes without having said so
//   /mood/then/stale  as asked for, and closes when the next request has arrived
//   /mood             as asked for, again
// An answer that has begun stays as it was.
#include "faultd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *mood;

void mood_set(const char *target)
{
    free(mood);
    mood = *target == '/' ? strdup(target) : NULL;
}

static bool mood_is(const char *name)
{
    return mood && strncmp(mood, name, strlen(name)) == 0;
}

// Says in the head, which is in the first step that sends, that the connection ends.
static void say_close(struct program *program)
{
    static const char field[] = "Connection: close\r\n";
    unsigned first = 0;
    while (first < program->count && program->steps[first].kind != STEP_SEND)
        first++;
    struct bytes *bytes = first < program->count ? &program->steps[first].bytes : NULL;
    const char *line = bytes && bytes->len ? memchr(bytes->data, '\n', bytes->len) : NULL;
    if (!line)
        return;
    size_t at = (size_t)(line + 1 - bytes->data), len = sizeof field - 1;
    bytes_room(bytes, len);
    memmove(bytes->data + at + len, bytes->data + at, bytes->len - at);
    memcpy(bytes->data + at, field, len);
    bytes->len += len;
}

void mood_answer(struct program *program, struct ask *ask)
{
    if (mood_is("/to/"))
        ask->target = mood + 3;
    faultd_answer(program, ask);
    if (mood_is("/then/stale"))
        program->stale = true;
    if (!mood_is("/then/close") && !mood_is("/then/quiet"))
        return;
    if (mood_is("/then/close"))
        say_close(program);
    program_add(program, STEP_CLOSE);
}

// Ids that were asked for of late. One that lies in another's place takes it.
unsigned once_count(const char *id, size_t len)
{
    static struct {
        char id[24];
        unsigned count;
    } seen[65536];
    char key[24] = {0};
    memcpy(key, id, len < sizeof key - 1 ? len : sizeof key - 1);
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < sizeof key; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    size_t at = (hash ^ hash >> 16) & 65535;
    if (memcmp(seen[at].id, key, sizeof key) != 0) {
        memcpy(seen[at].id, key, sizeof key);
        seen[at].count = 0;
    }
    return ++seen[at].count;
}
