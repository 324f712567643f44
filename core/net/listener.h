// Listening sockets. Binding and accepting are apart, so that sockets can come from outside (a
// supervisor, systemd) and outlive who accepts from them.
#ifndef MG_NET_LISTENER_H
#define MG_NET_LISTENER_H

#include "base/buf.h"
#include "loop/loop.h"
#include "net/conn.h"

// Binds and listens: "127.0.0.1:8080", "[::1]:8080", port 0 for any free one. With `shared`,
// SO_REUSEPORT lets each worker have a socket of its own. Returns a non-blocking descriptor, or -1
// with *why saying what cannot be, such as "127.0.0.1:80: permission denied".
int mg_listener_bind(struct mg_str address, bool shared, struct mg_buf *why);

// The address a socket is bound to, such as "127.0.0.1:38121" or "unix:/run/moongate.sock". False:
// it is no such socket.
bool mg_listener_address(int fd, struct mg_buf *address);

// Whether only this machine can reach it: a loopback address, or no socket of the internet at all.
bool mg_listener_local(int fd);

struct mg_listener;

// Accepts from `fd` (which stays the caller's: it is duplicated) until closed. When descriptors run
// out, or the net has all the connections it may have, it stops polling and goes on when one closes
// or 100 ms later; one log line a second, no spinning.
struct mg_listener *mg_listener_new(struct mg_net *net, int fd);
// Both at once, but for the memory, which goes in a later turn. The first takes the connections
// that the kernel has accepted by now: closing would reset them.
void mg_listener_finish(struct mg_listener *listener);
void mg_listener_close(struct mg_listener *listener);

// A connection has closed: listeners of the net that pause go on.
void mg_listener_resume(struct mg_net *net);

#endif
