// A backend on a raw socket of its own thread, which does exactly what a test says: per request it
// writes given bytes, whether or not they are HTTP, then keeps, closes, resets or ignores the
// connection. It counts what it sees and records every byte it was sent.
#ifndef FAKE_BACKEND_H
#define FAKE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

enum fake_then { FAKE_KEEP, FAKE_CLOSE, FAKE_RESET };

struct fake_step {
    const char *bytes; // the answer
    size_t len;
    int delay_ms; // before it
    int then;     // enum fake_then, after it
    bool early;   // answers when the head has come, before the request's body
};

struct fake_backend;

// Step i answers the i-th request of a connection (`each`) or of all; the last step those after.
struct fake_backend *fake_new(const struct fake_step *steps, unsigned count, bool each, bool ipv6);
void fake_stop(struct fake_backend *fake); // nobody listens there any more
void fake_free(struct fake_backend *fake);
void fake_hurry(struct fake_backend *fake); // gives the answers that it is to give later, now

int fake_port(struct fake_backend *fake);
unsigned fake_connections(struct fake_backend *fake);  // accepted so far
unsigned fake_requests(struct fake_backend *fake);     // whole requests so far
unsigned fake_most_at_once(struct fake_backend *fake); // requests being answered at a time
unsigned fake_resets(struct fake_backend *fake);       // connections that ended with a reset

// Waits until `count` connections are open, `ms` at most.
bool fake_wait_open(struct fake_backend *fake, unsigned count, int ms);
bool fake_wait_requests(struct fake_backend *fake, unsigned count, int ms);

// All bytes received, in the order they came, across connections.
size_t fake_recorded(struct fake_backend *fake); // how many there are of them
size_t fake_received(struct fake_backend *fake, char *room, size_t len);

#endif
