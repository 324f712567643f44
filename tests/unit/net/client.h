// Raw clients for the specs of net/, and what else they need of the system.
#ifndef MG_TESTS_CLIENT_H
#define MG_TESTS_CLIENT_H

enum { CLIENT_CLOSED = 0, CLIENT_SILENT = -1, CLIENT_RESET = -2 };

// To 127.0.0.1. `room`: bytes of the receive buffer, 0 for the system's own. -1: refused.
int client_connect(int port, int room);
long client_send(int fd, const char *data, long len);   // all of it, or CLIENT_RESET
long client_read(int fd, char *data, long len, int ms); // bytes, or one of the above
void client_end(int fd);                                // closes the sending side
void client_close(int fd);
void client_reset(int fd); // closes with a reset

double client_now(void); // seconds
void client_nap(int ms);

// Leaves the process with `left` free descriptors, until it is given back.
void client_starve(int left);
void client_feed(void);
int client_descriptors(void); // how many are open

#endif
