// Watches folders for changes of what lies directly in them, all through the loop's one inotify.
#ifndef MG_LOOP_WATCH_H
#define MG_LOOP_WATCH_H

#include "base/str.h"
#include "loop/loop.h"

// The owner fills in the first three.
struct mg_watch {
    struct mg_loop *loop;
    // Something has happened to `name` in `folder`; `entries`: it came, went or was renamed. Both
    // are borrowed. The folder's own end is told as an entry of the folder's own last name.
    void (*changed)(void *owner, struct mg_str folder, struct mg_str name, bool entries);
    void *owner;
    // Its own:
    struct mg_list folders; // of those it watches
};

void mg_watch_init(struct mg_watch *watch);
// Watches exactly these folders from here on. Returns how many of them it had not watched before;
// *why is what keeps it from watching some (a constant), or NULL.
unsigned mg_watch_set(struct mg_watch *watch, const struct mg_str *paths, unsigned count,
                      const char **why);
// Forgets a folder and those below it, since the path may be another's now. False: none such.
bool mg_watch_forget(struct mg_watch *watch, struct mg_str path);
void mg_watch_close(struct mg_watch *watch); // the loop must turn once more

#endif
