// The certificates that backends' certificates are checked against: loaded once (tens of ms), then
// shared by all workers' connections. Thread-safe after it was made.
#ifndef MG_BACKEND_TLS_STORE_H
#define MG_BACKEND_TLS_STORE_H

#include <stdbool.h>

struct mg_tls_store;

// The system's certificates, and those of `file` (PEM; may be NULL). NULL: unreadable, or no
// memory.
struct mg_tls_store *mg_tls_store_new(const char *file);
void mg_tls_store_free(struct mg_tls_store *store); // NULL allowed

// Gives it to an SSL_CTX; both may end in any order.
bool mg_tls_store_attach(struct mg_tls_store *store, void *ssl_ctx);

// Whether an SSL holds bytes that were decrypted and not read: its socket does not show them.
bool mg_tls_pending(void *ssl);

#endif
