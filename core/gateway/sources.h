// The Lua files of a gateway's folder, read once into memory, so that all workers load the same.
#ifndef MG_GATEWAY_SOURCES_H
#define MG_GATEWAY_SOURCES_H

#include "script/vm.h"

struct mg_folder {
    struct mg_arena arena;
    struct mg_str dir;         // without "/" at its end
    struct mg_str gateway;     // the text of gateway.lua
    struct mg_sources sources; // all other .lua files; spec/ and other gateways' folders left out
    struct mg_str *folders;    // it and those below it that were read: their paths
    unsigned folder_count;
    uint64_t changed; // when the file that was changed last was changed: ns of the system's clock
};

// Reads the folder and its sub-folders. False: `faults` says what cannot be read. Links out of the
// folder are followed as the author laid them; more than 10,000 files or 64 MiB are refused.
bool mg_folder_read(struct mg_folder *folder, const char *dir, struct mg_faults *faults);
// Whether both have the same files with the same text.
bool mg_folder_same(const struct mg_folder *one, const struct mg_folder *other);
// The text of a file, gateway.lua or another; data is NULL when it has no such file.
struct mg_str mg_folder_text(const struct mg_folder *folder, struct mg_str file);
void mg_folder_fini(struct mg_folder *folder);

#endif
