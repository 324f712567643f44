// The loop's timers, for loop.c only; what others call stands in loop.h.
#ifndef MG_LOOP_TIMER_H
#define MG_LOOP_TIMER_H

#include "loop/loop.h"

void mg_timers_init(struct mg_loop *loop);
void mg_timers_run(struct mg_loop *loop);  // those that are due
void mg_timers_fini(struct mg_loop *loop); // every timer still set is idle then

#endif
