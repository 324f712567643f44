// A line: the commands of one worker on their way to one Redis, and their replies on the way back,
// in the same order, over one connection that is made, lost and made again. Commands enter at the
// back and leave at the front; one that nobody waits for any more keeps its place, so that its
// reply is swallowed there. None is ever sent twice.
#ifndef MG_BACKEND_REDIS_LINE_H
#define MG_BACKEND_REDIS_LINE_H

#include "backend/redis_link.h"
#include "backend/redis_wire.h"

// A command, or several of an atomic call. Owned by who put it in, zeroed but for `ask`.
struct mg_redis_asked {
    struct mg_list node;
    const struct mg_redis_ask *ask; // stays until it leaves the line, or is given up: NULL then
    size_t body_most;
    uint64_t since;   // loop time in ms when it was sent
    unsigned replies; // still to come; 0: not sent
    bool greeting;    // the line's own
    char *wrong;      // the line's own: an error among the replies before an atomic call's last
};

enum mg_redis_line_state {
    MG_REDIS_IDLE, // no connection, and none is wanted
    MG_REDIS_CONNECTING,
    MG_REDIS_GREETING, // it stands; AUTH and SELECT have been sent
    MG_REDIS_READY,
    MG_REDIS_DOWN, // the last attempt has failed, and the next comes later
    MG_REDIS_LINE_STATES
};

struct mg_redis_line {
    struct mg_str name;  // for the log
    uint64_t silence_ms; // see mg_redis_open
    size_t reply_most;
    struct mg_redis_link link; // its first members are filled by the owner, but for the functions

    // It has left the line: with its reply, whose body is the owner's now, or with an error. Inside
    // none of the functions below but mg_redis_line_close and _hurry, when it was given up.
    void (*done)(struct mg_redis_line *line, struct mg_redis_asked *asked,
                 struct mg_redis_reply *reply);

    // While it cannot connect: what a command would fail with.
    bool failing;
    enum mg_status error;
    char why[160];

    // The rest is its own.
    struct mg_redis_reader *reader; // while there is a connection
    enum mg_redis_line_state state;
    bool wanted;                 // somebody asked while it was failing
    bool told;                   // the log has that there is no connection
    bool proved;                 // a reply has come over this connection
    struct mg_list queued, sent; // the latter in the order of their replies
    uint64_t heard;              // loop time in ms when bytes last came
    uint64_t pause;              // ms until the next attempt
    struct mg_task pumping;      // sends what is queued where add could not
    struct mg_timer timer;       // of greeting, of the next attempt, of the farewell
    struct mg_timer silence;     // set while the next reply has nobody to wait for it
    bool closing, finished;
    void (*closed)(void *owner);
    void *owner;
};

void mg_redis_line_init(struct mg_redis_line *line);

// Takes the command, and connects if need be. Not while it is failing, or closing.
void mg_redis_line_add(struct mg_redis_line *line, struct mg_redis_asked *asked);
// Somebody asks while it is failing: the next attempt is worth while.
void mg_redis_line_want(struct mg_redis_line *line);
// Nobody waits for it. True: it was not sent, and has left the line.
bool mg_redis_line_give_up(struct mg_redis_line *line, struct mg_redis_asked *asked);

// All have been given up. What was sent has a second to be answered, unless it is hurried: a
// command cut in the middle would not be run. closed(owner) in a later turn.
void mg_redis_line_close(struct mg_redis_line *line, void (*closed)(void *owner), void *owner);
void mg_redis_line_hurry(struct mg_redis_line *line);

#endif
