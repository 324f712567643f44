// A message as llhttp follows it, request and response alike. It is shown a head that the gate has
// judged, and of the framing both must say the same. Of the body it is shown exactly the bytes that
// belong to it, so that it never runs into the next message, and its pauses are not needed. Private
// to the parsers: the one file that sees llhttp.
#ifndef MG_HTTP_MESSAGE_H
#define MG_HTTP_MESSAGE_H

#include "http/gate.h"
#include "llhttp.h"

// What comes next.
enum mg_part {
    MG_PART_HEAD,
    MG_PART_BODY,       // `left` bytes of Content-Length
    MG_PART_REST,       // of a response: all until the connection ends
    MG_PART_CHUNK_SIZE, // the line that opens a chunk
    MG_PART_CHUNK_DATA, // `left` bytes of the chunk
    MG_PART_CHUNK_END,  // the empty line behind it
    MG_PART_TRAILERS,
    MG_PART_COMPLETE,
    MG_PART_REFUSED, // its parser's word
};

enum { MG_LINE_END_LEN = 2 }; // CR LF

// What is left of a limit, which may have come down since the message began.
static inline size_t mg_message_left_of(size_t most, size_t used)
{
    return used < most ? most - used : 0;
}

struct mg_message {
    llhttp_t llhttp;
    enum mg_part part;
    struct mg_framing framing; // what the gate says, before the end of the head is shown
    int status;                // likewise, of a response; of a request 0
    bool bodiless;             // likewise: a response to HEAD, 204, 304
    size_t extensions;         // bytes of chunk extensions so far
    uint64_t left;             // bytes of the body, or of its chunk, that are still to come
    // What llhttp said:
    bool head_seen, chunk_seen, complete_seen;
    bool keep_alive;
    bool framing_agreed;
    uint64_t chunk;
};

// Of a message that is all zeroes. It may not move from here on.
void mg_message_begin(struct mg_message *message, llhttp_type_t type);

// Shows llhttp the bytes; false: it will not have them.
static inline bool mg_message_show(struct mg_message *message, struct mg_str bytes)
{
    return llhttp_execute(&message->llhttp, bytes.data, bytes.len) == HPE_OK;
}

// The head was shown as a whole: enters the body. False: llhttp does not say the same of it.
bool mg_message_enter_body(struct mg_message *message);

// BODY, REST, CHUNK_DATA: a slice of it, as much as the input has, and what comes then. False, here
// and below: the body is not framed as announced.
bool mg_message_take_data(struct mg_message *message, struct mg_str *input, struct mg_str *data);

// CHUNK_SIZE: the line, which llhttp is shown without its extensions: they mean nothing here.
struct mg_refusal mg_message_take_size(struct mg_message *message, struct mg_str line,
                                       size_t extensions_most);
bool mg_message_take_chunk_end(struct mg_message *message);    // CHUNK_END: the empty line
bool mg_message_take_trailers_end(struct mg_message *message); // TRAILERS: the empty line

// How long the line of CHUNK_SIZE and CHUNK_END may be, with its CR LF: that of CHUNK_END is empty.
size_t mg_message_line_most(const struct mg_message *message, size_t extensions_most);

// The connection has ended. False: the message has not.
bool mg_message_finish(struct mg_message *message);

#endif
