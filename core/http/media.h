// Media types of files by the end of their names. Pure. The table is our own and not the system's
// /etc/mime.types, so that a gateway says the same wherever it runs, a container without that file
// included.
#ifndef MG_HTTP_MEDIA_H
#define MG_HTTP_MEDIA_H

#include "base/str.h"

// The value of Content-Type for a file of this name or path: "text/html; charset=utf-8".
// Texts are taken for UTF-8. "application/octet-stream" for what the table does not know.
struct mg_str mg_media_type(struct mg_str path);

#endif
