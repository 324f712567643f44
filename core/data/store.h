// What workers share by name: the values behind `gate.shared`. A store is asked one thing at a
// time, by any thread; ask and answer are plain data, so that a server may be asked the same, by a
// call.
#ifndef MG_DATA_STORE_H
#define MG_DATA_STORE_H

#include "base/buf.h"

enum { MG_STORE_SPACE_MOST = 64, MG_STORE_KEY_MOST = 1024 }; // bytes of the names

enum mg_store_verb {
    MG_STORE_GET,    // done: it is there
    MG_STORE_SET,    // always done
    MG_STORE_ADD,    // done: it was not there before
    MG_STORE_INCR,   // a whole number of 64 bits, from 0 when it is not there
    MG_STORE_DELETE, // done: it was there
    MG_STORE_SWAP,   // as SET; done: nobody else has changed it since the GET that saw `version`
};

struct mg_store_ask {
    enum mg_store_verb verb;
    struct mg_str space, key; // a key of one space is not that of another; a space has no NUL
    struct mg_str value;      // SET, ADD, SWAP: JSON text
    int64_t by;               // INCR
    // How long it is kept, in ms; 0: until it is deleted, or room is needed. INCR and SWAP leave a
    // value that is there the time it has.
    uint64_t ttl;
    uint64_t version; // SWAP: 0 when there was nothing
};

struct mg_store_answer {
    struct mg_buf *value; // the asker's, emptied by it; GET and INCR write JSON text
    uint64_t version;     // GET; no two values that a key has had have the same
    bool done;
    const char *why; // with an error
};

struct mg_store {
    // MG_OK; MG_TOO_LARGE, MG_INVALID (INCR: not such a number) or MG_NO_MEMORY: nothing is
    // changed.
    enum mg_status (*ask)(struct mg_store *store, const struct mg_store_ask *ask,
                          struct mg_store_answer *answer);
};

#endif
