// The time of a clock in ms, for who has no loop to ask.
#ifndef MG_BASE_NOW_H
#define MG_BASE_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t mg_now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
