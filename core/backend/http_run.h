// What http.c keeps: of the worker, of a service, of a call under way. For nobody else.
#ifndef MG_BACKEND_HTTP_RUN_H
#define MG_BACKEND_HTTP_RUN_H

#include "backend/http.h"
#include "backend/http_answer.h"
#include "backend/http_paths.h"
#include "base/spares.h"

struct mg_http {
    struct mg_loop *loop;
    struct mg_mailbox *home;
    struct mg_http_paths *paths;
    struct mg_resolver_seat *names;
    struct mg_spares runs; // those that have ended, for the next calls
};

struct backend {
    struct mg_backend base;
    struct mg_http *http;
    struct mg_service *service;
    struct mg_quota_seat *seat;
    uint64_t mean_us;     // running mean of how long a call holds its place
    struct mg_list queue; // runs in the order they came
    struct mg_list runs;  // all others
    struct mg_task closing;
    void (*closed)(void *owner);
    void *owner;
};

enum state {
    NEW,     // was just made
    QUEUED,  // waits for a place
    NAMING,  // waits for the addresses of its host
    GOING,   // the transport has it
    UNHEARD, // the same, but its call has landed
};

struct run {
    struct mg_http_transfer transfer;
    struct mg_http_transport *transport; // that has it now
    struct mg_list node;                 // in the backend's queue or runs
    struct backend *backend;
    struct mg_call *call; // NULL: landed
    enum state state;
    struct mg_timer timer;
    uint64_t named_by; // loop time by which the addresses of its host must be known
    struct mg_name_wait wait;
    struct mg_http_answer answer;
    struct mg_service_stay stay; // nowhere until it has its place
    bool unreached;              // nobody was there to take it
    enum mg_method method;
    bool has_body;
    struct mg_url site;  // where it goes; borrows from the service, the call's arena, or `url`
    struct mg_buf url;   // where it was redirected to
    struct mg_buf next;  // where the answer that comes now redirects to; empty: nowhere
    unsigned redirected; // how often
    struct mg_buf body;  // the transfer's body, once the call has landed
};

#endif
