// faultd is the backend that tests point a gateway at: what is asked of it decides how it
// misbehaves, and it remembers what it was sent. This header is what its files share: faultd.c
// owns sockets and time, faultd_record.c the record; faultd_answers.c turns a request into steps,
// faultd_moods.c has a word in that. A test tool: it ends when there is no memory.
#ifndef FAULTD_H
#define FAULTD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    char *data;
    size_t len, cap;
};

void bytes_room(struct bytes *bytes, size_t more); // data + len may then be written
void bytes_put(struct bytes *bytes, const void *data, size_t len);
void bytes_text(struct bytes *bytes, const char *text);
void bytes_printf(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void bytes_json(struct bytes *bytes, const char *data, size_t len); // quoted; 0x7f.. as \u00XX
void bytes_drop(struct bytes *bytes, size_t len);                   // from the front
void bytes_free(struct bytes *bytes);

double faultd_now(void); // ms, monotonic

// A connection's place in the record.
struct seat {
    uint64_t epoch;  // of the record it is in: a reset begins a new one
    int past, entry; // its connection and last request there; -1: not kept
};

void record_open(struct seat *seat);
void record_request(struct seat *seat, const char *raw, size_t len);
void record_done(struct seat *seat, bool whole); // the request's answer has ended
void record_close(struct seat *seat, const char *how);
void record_reset(void);
void record_put(struct bytes *out, bool brief); // as JSON
void record_brief(struct bytes *out);           // as lines

// A request as it came. All point into the connection's input.
struct ask {
    const char *head; // request line and header section, with the empty line
    size_t head_len;
    const char *method, *target; // NUL-terminated copies
    struct bytes body;           // decoded when it was chunked
};

// True when a whole request is at the front of the input; *total is its length.
bool ask_take(const struct bytes *in, struct ask *ask, size_t *total);

// The value of a field of that name ("name:", in lower case), or NULL.
const char *ask_field(const char *head, size_t len, const char *name);

// An answer is a short program, run step by step as the socket and the clock allow.
enum step_kind {
    STEP_SEND,  // bytes
    STEP_FILL,  // `count` bytes: a JSON string of x
    STEP_DRIP,  // bytes, one every `ms`
    STEP_WAIT,  // `ms`
    STEP_HOLD,  // until it is let go
    STEP_HANG,  // until the other side leaves
    STEP_CLOSE, // FIN, after what was sent
    STEP_RESET, // RST, after what was sent
};

struct step {
    enum step_kind kind;
    struct bytes bytes;
    uint64_t count;
    uint64_t ms;
};

enum { STEPS_MOST = 8 };

struct program {
    struct step steps[STEPS_MOST];
    unsigned count;
    bool stale; // close when the next request on this connection arrives, unanswered
};

struct step *program_add(struct program *program, enum step_kind kind);

// Fills an empty program; faultd_answers.c says which target does what.
void faultd_answer(struct program *program, const struct ask *ask);

// The same, but for what /mood of the control port has said; faultd_moods.c says what that may be.
void mood_answer(struct program *program, struct ask *ask);
void mood_set(const char *target);               // without "/mood"
unsigned once_count(const char *id, size_t len); // how often this was asked for, this time included

#endif
