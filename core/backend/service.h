// One HTTP service of gateway.lua as the whole process sees it: where it is, how much of it may be
// used at once, how busy it is. Made by the gateway before the workers, freed after them.
#ifndef MG_BACKEND_SERVICE_H
#define MG_BACKEND_SERVICE_H

#include <stdatomic.h>

#include "backend/quota.h"
#include "backend/resolver.h"
#include "backend/url.h"
#include "base/apart.h"

// What carries a service's calls.
enum mg_http_path {
    MG_HTTP_PATH_FITTING, // plain where it can be
    MG_HTTP_PATH_PLAIN,   // our own HTTP/1.1 (http_plain.h)
    MG_HTTP_PATH_LIBCURL,
};

// Zeroes stand for the defaults, but for `waiting`.
struct mg_http_config {
    struct mg_str name;        // as in gateway.lua
    const struct mg_str *urls; // base URLs, "http://host:port/prefix"; least busy first
    unsigned url_count;        // at least 1
    uint64_t connect_ms;       // until a connection stands, its name included; 1,000
    unsigned at_once;          // calls under way in the process; 1,024
    unsigned waiting;          // calls queued in the process; 0: one that finds no place is refused
    uint64_t patience_ms;      // expected wait beyond which a call is refused as busy; 100
    uint64_t unheard_ms;       // how long an unsafe call goes on that nobody waits for; 30,000
    size_t head_most;          // bytes of an answer's header section; 64 KiB
    enum mg_http_path path;
    bool share; // equal GETs in flight are made once (http_flight.h)
};

// One of its URLs.
struct mg_service_place {
    struct mg_url url; // its path without "/" at the end
    // Only where there are several to choose from:
    _Alignas(MG_APART) _Atomic unsigned busy; // calls under way there
    _Atomic uint64_t shunned_until;           // us; 0: it was reached
};

struct mg_service {
    struct mg_http_config config; // with its defaults; name and urls are copies
    struct mg_quota *quota;
    struct mg_service_place *places;
    unsigned place_count;
    char *text;                               // of name and urls
    _Alignas(MG_APART) _Atomic unsigned turn; // where the search for the least busy begins
    _Atomic unsigned waiting;                 // calls queued
};

// NULL, and *why (a line for people, such as "url 1: it has no host"), when the configuration
// cannot be, or there is no memory. Names are given to the resolver, which looks them up at once.
struct mg_service *mg_service_new(const struct mg_http_config *config, struct mg_resolver *resolver,
                                  const char **why);
void mg_service_free(struct mg_service *service); // NULL allowed

// What carries a call to an http URL, or a `secure` one, that follows redirects or not: PLAIN or
// LIBCURL. Puts a line for people into *why unless that is NULL.
enum mg_http_path mg_service_path(const struct mg_http_config *config, bool secure, bool redirects,
                                  const char **why);

// False when a call that queued now would have to wait too long: beyond the service's patience, or
// beyond the `left` ms until its deadline. mean_us: how long a call holds its place.
bool mg_service_patient(const struct mg_service *service, uint64_t mean_us, uint64_t left);

// A call's stay at one of the places. All-zeroes: nowhere.
struct mg_service_stay {
    struct mg_service_place *place;
    uint64_t since; // us
};

// Enters the least busy place; one that could not be reached lately only when all are like that,
// since a place that fails at once looks idle.
void mg_service_enter(struct mg_service *service, struct mg_service_stay *stay);
// `reached`: false when nobody was there to take the call. *mean_us: the running mean of how long
// the calls of one worker hold their places.
void mg_service_leave(struct mg_service *service, struct mg_service_stay *stay, bool reached,
                      uint64_t *mean_us);

#endif
