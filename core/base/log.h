// Log lines to stderr. Any thread may log: a line goes into one bounded ring under a short lock and
// a writer thread writes it out, so a full pipe blocks nobody; lines that find the ring full are
// dropped and counted, and the count is logged when there is room again.
#ifndef MG_BASE_LOG_H
#define MG_BASE_LOG_H

#include "base/str.h"

enum mg_log_level { MG_LOG_ERROR, MG_LOG_WARN, MG_LOG_INFO, MG_LOG_DEBUG };

// Starts the writer thread. Before it, and after mg_log_fini, lines are written by the caller.
void mg_log_init(enum mg_log_level most);
void mg_log_fini(void); // writes what is left (at most 1 s when nobody reads), joins the thread

// One line: time, level, the text. Bytes below 0x20 and 0x7f are written as \xNN, so that what a
// client sent cannot forge a line; lines are cut at 2 KiB.
void mg_log(enum mg_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The texts go to `take` in place of stderr; while no other thread logs.
void mg_log_to(void (*take)(void *owner, enum mg_log_level level, struct mg_str text), void *owner);

#endif
