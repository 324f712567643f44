// What goes over the wire to Redis and back (RESP2): commands into bytes, replies into JSON. No
// sockets. Each reply is turned into JSON while it is read; no tree of it is built.
#ifndef MG_BACKEND_REDIS_WIRE_H
#define MG_BACKEND_REDIS_WIRE_H

#include "base/buf.h"
#include "data/call.h"

// Appends one command. Its words are counted, so none can end it or begin another.
bool mg_redis_wire_put(struct mg_buf *out, const struct mg_redis_command *command);

// One reply. A text or status alone is TEXT, as its bytes came; all else JSON: integers with all
// their digits, nil as null, lists as arrays, of HGETALL as an object; texts inside of lists with
// U+FFFD for what is not UTF-8.
struct mg_redis_reply {
    struct mg_buf body; // whoever got the reply frees it
    enum mg_body_form form;
    enum mg_status error; // MG_OK; MG_REDIS: an error stands in it; TOO_LARGE, NO_MEMORY, MALFORMED
    char message[256];    // then
};

struct mg_redis_reader;

// `most`: bytes that wait to become a value, as those of one long text do. NULL: no memory.
struct mg_redis_reader *mg_redis_reader_new(size_t most);
void mg_redis_reader_free(struct mg_redis_reader *reader); // NULL allowed

// Copies what was received. False: the reader is broken.
bool mg_redis_reader_feed(struct mg_redis_reader *reader, struct mg_str bytes);
bool mg_redis_reader_empty(const struct mg_redis_reader *reader); // no byte waits in it

enum mg_redis_next {
    MG_REDIS_REPLY,
    MG_REDIS_MORE,   // what has come does not make a whole reply
    MG_REDIS_BROKEN, // and for good: what came is no RESP2, is too large, or there is no memory
};

// The next reply. `ask` is what it is to, and says its form; NULL: nothing but its error is wanted,
// also if that becomes so in the middle of it. `body_most`: bytes of its body. Until REPLY, `reply`
// is left alone.
enum mg_redis_next mg_redis_reader_next(struct mg_redis_reader *reader,
                                        const struct mg_redis_ask *ask, size_t body_most,
                                        struct mg_redis_reply *reply);

// After BROKEN: why, in one line.
enum mg_status mg_redis_reader_why(const struct mg_redis_reader *reader, const char **message);

#endif
