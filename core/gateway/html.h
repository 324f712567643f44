// Text into HTML. All that is not the page's own goes through here.
#ifndef MG_GATEWAY_HTML_H
#define MG_GATEWAY_HTML_H

#include "base/buf.h"

// Escaped for elements and for quoted attributes. What no page may hold, broken UTF-8 and control
// characters, becomes U+FFFD; so do the marks that turn the direction of writing, with which text
// could show other than it is.
void mg_html_put(struct mg_buf *page, struct mg_str text);

// The same between two pieces of markup.
void mg_html_put_in(struct mg_buf *page, const char *before, struct mg_str text, const char *after);

#endif
