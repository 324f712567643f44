// How errands open files, and what they say when that fails: on a pool thread.
#ifndef MG_BACKEND_FILE_OPEN_H
#define MG_BACKEND_FILE_OPEN_H

#include <sys/stat.h>

#include "backend/errand.h"

// Opens `path` below the directory `root`. -1: the errand has failed.
int mg_file_open(struct mg_errand *errand, int root, const char *path, int flags,
                 struct stat *stat);

// Fails the errand for an errno.
void mg_file_fail(struct mg_errand *errand, const char *path, int why);

// Fails it as MG_STATUS with status 404.
void mg_file_not_there(struct mg_errand *errand, const char *path);

#endif
