// The thread that loads: it watches the gateway's folder, loads what has changed, gives each worker
// a generation of it, and frees what they have done with. What does not load leaves the old routes
// serving and is reported once.
#ifndef MG_GATEWAY_LOADER_H
#define MG_GATEWAY_LOADER_H

#include "gateway/fixed.h"
#include "gateway/worker.h"
#include "loop/watch.h"

struct mg_loader {
    const char *dir;
    struct mg_grounds grounds;
    struct mg_edition *current; // the main thread reads it after mg_loader_stop
    struct mg_worker *workers;
    unsigned worker_count;
    struct mg_trouble *trouble;    // where to say what does not load; NULL: nobody asks
    void (*reloaded)(void *owner); // on its thread: what was asked for is done; NULL: nobody asks
    void *owner;
    struct mg_fixed fixed;
    // Its own:
    struct mg_generation *first; // what it was tried with, until the workers are known
    bool opened;
    struct mg_list editions; // all that are left, the current one too
    unsigned edition_count;
    struct mg_mailbox mailbox;
    struct mg_loop loop;
    pthread_t thread;
    bool running;
    struct mg_watch watch;
    const char *unwatched;   // why not all of the folder is watched, as it was told; or NULL
    struct mg_timer look;    // when to look at the folder
    uint64_t unsettled;      // loop time since when it has been changing; 0: it is not
    struct mg_edition *sick; // read, and does not load
    struct mg_faults faults; // why
    bool reported;           // that was
    bool keeps_tasks;        // set before it opens: whoever loads is to run them
    bool forced;             // load it whether or not it has changed
    bool waits;              // for an edition to end, since there are too many
    struct mg_mail again, stop;
    _Atomic bool asked; // `again` is under way
};

// Loads the folder for the first time. False: `faults` says why it does not load.
bool mg_loader_load(struct mg_loader *loader, const char *dir, struct mg_faults *faults);
// Opens its backends and loads a generation for each worker, which is then in worker->generation.
// False: *why is a line.
bool mg_loader_open(struct mg_loader *loader, struct mg_worker *workers, unsigned count,
                    struct mg_buf *why);

bool mg_loader_start(struct mg_loader *loader); // the workers are running; false: no thread
void mg_loader_again(struct mg_loader *loader); // any thread: loads anew, whatever has changed
void mg_loader_stop(struct mg_loader *loader);  // waits for its end; the workers are still there
// When the workers have ended; all-zeroes allowed. False: a thread is left at work.
bool mg_loader_fini(struct mg_loader *loader);

#endif
