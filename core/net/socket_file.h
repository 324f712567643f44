// The file of a unix socket that is listened on: made with its mode before anybody can connect,
// taken over from a process that left it behind, removed at the end.
#ifndef MG_NET_SOCKET_FILE_H
#define MG_NET_SOCKET_FILE_H

#include "base/buf.h"

enum {
    MG_SOCKET_PATH = 108,
    MG_SOCKET_MODE = 0660
}; // bytes of a path with its NUL; the usual mode

// All-zeroes: none.
struct mg_socket_file {
    char path[MG_SOCKET_PATH];
    uint64_t device, inode; // tell it from another that stands there by now
};

// "unix:/run/moongate.sock" or "unix:/run/moongate.sock?mode=666" (octal) into its parts.
bool mg_socket_file_parse(struct mg_str address, struct mg_str *path, unsigned *mode);

// Binds and listens. A file that is there already is replaced when it is a socket that nobody
// listens on. Returns a non-blocking descriptor, or -1 with *why as of mg_listener_bind.
int mg_socket_file_bind(struct mg_str address, struct mg_socket_file *file, struct mg_buf *why);

// Whoever has bound it closes it, and removes the file if it is still the one that was bound.
void mg_socket_file_remove(struct mg_socket_file *file);

#endif
