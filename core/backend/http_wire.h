// A wire: one of libcurl's easy handles, reused, with the transfer that it carries now. Private to
// http_curl.c and http_wire.c; curl/curl.h is included here and nowhere else.
#ifndef MG_BACKEND_HTTP_WIRE_H
#define MG_BACKEND_HTTP_WIRE_H

#include <curl/curl.h>

#include "backend/http_head.h"
#include "backend/http_transport.h"
#include "backend/tls_store.h"

struct mg_http_wire_owner;

struct mg_http_wire {
    const struct mg_http_wire_owner *owner;
    struct mg_list node; // in one of the lists of http_curl.c, or none while libcurl has it
    CURL *easy;
    struct mg_http_transfer *transfer; // NULL: cut, or idle
    size_t body_at;                    // how much of its body was handed over
    struct curl_slist *fields;         // nodes and text in one block
    struct curl_slist resolve;
    struct mg_buf url_text, resolve_text;
    struct mg_http_head head;
    bool added; // to the multi handle
    bool safe;
    bool streams;         // its body is
    bool paused;          // reading the answer
    bool resumed;         // it is to be paused no longer, from a later turn on
    bool starved;         // libcurl has paused sending, since nothing of the body was there
    unsigned attempts;    // how often the request went out
    enum mg_status error; // found here, not by libcurl
    const char *message;
    char words[CURL_ERROR_SIZE];
};

// What all wires of a transport share; stays where it is as long as there is one.
struct mg_http_wire_owner {
    struct mg_tls_store *tls; // NULL: trusts nobody
    curl_opensocket_callback open;
    curl_closesocket_callback close;
    // The answer has begun while it is starved: it goes on in a later turn, or libcurl would wait
    // for the body even where it has given up on sending it.
    void (*starved)(void *owner, struct mg_http_wire *wire);
    void *owner; // of these
};

struct mg_http_wire *mg_http_wire_new(const struct mg_http_wire_owner *owner); // NULL: no memory
void mg_http_wire_free(struct mg_http_wire *wire);

// Makes it ready for a transfer; false: no memory.
bool mg_http_wire_order(struct mg_http_wire *wire, struct mg_http_transfer *transfer,
                        const struct mg_http_order *order);

// Reads on if it was resumed, sends on if it was starved. Outside libcurl's callbacks.
void mg_http_wire_go_on(struct mg_http_wire *wire);

// What libcurl's result means for the transfer, and a line for people.
enum mg_status mg_http_wire_end(struct mg_http_wire *wire, CURLcode code, const char **message);

void mg_http_wire_clear(struct mg_http_wire *wire); // as it was before the order

#endif
