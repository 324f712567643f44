// What the parsers say after each feed; of requests and of responses alike.
#ifndef MG_HTTP_PARSE_H
#define MG_HTTP_PARSE_H

enum mg_parse {
    MG_PARSE_MORE,     // all bytes taken, none of the others
    MG_PARSE_HEAD,     // the head is complete and checked; the body follows
    MG_PARSE_DATA,     // bytes of the body were handed over, borrowed from the input
    MG_PARSE_COMPLETE, // the message is complete, trailers included
    MG_PARSE_REFUSED,  // it is not one that is taken; parse no further, close
};

#endif
