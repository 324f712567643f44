// A server for the specs of net/: it runs on a thread of the test process, says by its path what it
// does with a request, and counts what the connections tell it.
//   /echo         the body, as it came
//   /small        the same, but no more than 16 bytes of it are taken
//   /early        404 as soon as the head is there
//   /after?MS     /echo, but MS milliseconds later
//   /gone?BYTES   answers only when the client has left, with as many bytes
//   /never        does not answer
//   /big?BYTES    a body of that many bytes, in pieces of 1,000
//   /none         204
//   /peer         the address of the client
#ifndef MG_TESTS_ECHO_H
#define MG_TESTS_ECHO_H

struct echo_options { // 0: a default that no spec runs into
    unsigned header_ms, body_idle_ms, body_rate, idle_ms, write_ms, linger_ms;
    unsigned requests, pipelined, connections, header, target;
    unsigned send_room; // bytes of the sockets' send buffers
};

struct echo_counts {
    unsigned head, complete, refused, sent, gone, broken; // calls of the handler
    unsigned open;                                        // connections of the process
    unsigned requests;                                    // not freed
};

struct echo;

struct echo *echo_start(const struct echo_options *options); // bound, not yet accepting
int echo_port(const struct echo *echo);
void echo_listen(struct echo *echo); // these three have been done when they return
void echo_deafen(struct echo *echo); // closes the listener
void echo_drain(struct echo *echo);
// Stops the loop where it is; drains from there, before anything else is looked at.
void echo_hold(struct echo *echo);
void echo_drain_held(struct echo *echo);
void echo_count(struct echo *echo, struct echo_counts *counts);
double echo_cpu(struct echo *echo); // seconds of processor time that its thread has used
void echo_stop(struct echo *echo);  // cuts what is left, waits for the thread, frees all

#endif
