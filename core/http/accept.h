// What an Accept field says of a media type (RFC 9110 §12.5.1). Pure.
#ifndef MG_HTTP_ACCEPT_H
#define MG_HTTP_ACCEPT_H

#include "base/str.h"

// The weight, 0 to 1000, that the field gives this very type, such as "text/html"; -1 when it does
// not name it: ranges such as "*/*" do not count, since every program sends them.
int mg_accept_weight(struct mg_str accept, struct mg_str type);

#endif
