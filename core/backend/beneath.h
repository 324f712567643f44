// Opening files below a directory and nowhere else, whatever the path says and whoever renames
// folders meanwhile.
#ifndef MG_BACKEND_BENEATH_H
#define MG_BACKEND_BENEATH_H

#include "base/str.h"

// True for segments with "/" between them: none empty, "." or "..", no NUL byte, shorter than
// PATH_MAX.
bool mg_beneath_path(struct mg_str path);

// Opens `path` (found good by mg_beneath_path, or ".") below the directory `root` with `flags` of
// open(2) and never waits for a FIFO's other end. -1 and errno: EXDEV or ELOOP when the path leaves
// the root by a symbolic link.
int mg_beneath_open(int root, const char *path, int flags);

// The same where the system has no openat2(2): segment by segment. Every symbolic link is ELOOP,
// also one that stays below the root.
int mg_beneath_walk(int root, const char *path, int flags);

#endif
