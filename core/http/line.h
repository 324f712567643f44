// One line of a message, collected over as many feeds as it takes. All of a message that is not
// body is lines, so what the parser says never depends on where the network cut the bytes.
// Lines end in CR LF; nothing is let through that another reader might take for a line end or a
// string end: a bare CR, a bare LF, a control byte other than tab (RFC 9112 §2.2). Pure.
#ifndef MG_HTTP_LINE_H
#define MG_HTTP_LINE_H

#include "base/buf.h"

struct mg_line {
    struct mg_buf part; // the line so far, when it came in pieces
    bool cr;            // its last byte so far is CR
    bool taken;         // `part` was handed out and is stale
};

enum mg_line_end {
    MG_LINE_MORE,      // all input was taken, the line goes on
    MG_LINE_WHOLE,     // *text is the line
    MG_LINE_LONG,      // it does not end within `most` bytes; *text is what there is of it
    MG_LINE_BAD,       // it holds a byte that no line may hold
    MG_LINE_NO_MEMORY, // a piece could not be kept
};

// Takes bytes from the front of *input up to the end of the line. `most` counts the line with its
// CR LF. *text is without CR LF, which are the two bytes behind it; it is borrowed from the input
// or from `line` until the next call.
enum mg_line_end mg_line_take(struct mg_line *line, struct mg_str *input, size_t most,
                              struct mg_str *text);

// Bytes of an unfinished line are held.
bool mg_line_begun(const struct mg_line *line);

void mg_line_fini(struct mg_line *line); // frees the bytes and leaves an empty line

#endif
