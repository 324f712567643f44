// Files below a folder, read by pool threads. A path that leaves the folder, by a symbolic link or
// otherwise, and what is neither a regular file nor a folder, fails as MG_FILE; what is not there
// as MG_STATUS with status 404. A READ whose call has a sink is streamed (file_stream.h).
#ifndef MG_BACKEND_FILE_H
#define MG_BACKEND_FILE_H

#include "backend/backend.h"
#include "base/buf.h"
#include "loop/mailbox.h"

struct mg_files_options {
    struct mg_str name; // as in gateway.lua
    const char *root;
    unsigned threads, queue; // as in mg_pool_options
};

// One folder, for all workers: the open folder and its pool.
struct mg_files;

// NULL: one line in `why` says what is wrong. From the thread that will free it.
struct mg_files *mg_files_new(const struct mg_files_options *options, struct mg_buf *why);
void mg_files_free(struct mg_files *files); // after the last backend has closed; NULL allowed

// One worker's backend, ended by mg_backend_close. NULL: no memory. `home`: of the same loop.
struct mg_backend *mg_file_new(struct mg_files *files, struct mg_loop *loop,
                               struct mg_mailbox *home);

#endif
