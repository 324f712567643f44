#include "backend/tls_store.h"

#include <openssl/ssl.h>
#include <stdlib.h>

struct mg_tls_store {
    X509_STORE *certificates;
};

// The bundle only: the folder of hashed names would be searched anew for every connection.
static bool load_system(X509_STORE *certificates)
{
    const char *named = getenv(X509_get_default_cert_file_env());
    return X509_STORE_load_file(certificates, named ? named : X509_get_default_cert_file()) == 1 ||
           X509_STORE_load_file(certificates, "/etc/ssl/certs/ca-certificates.crt") == 1;
}

struct mg_tls_store *mg_tls_store_new(const char *file)
{
    struct mg_tls_store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->certificates = X509_STORE_new();
    bool ok = store->certificates && (load_system(store->certificates) || file);
    if (ok && file)
        ok = X509_STORE_load_file(store->certificates, file) == 1;
    if (ok)
        return store;
    mg_tls_store_free(store);
    return NULL;
}

void mg_tls_store_free(struct mg_tls_store *store)
{
    if (!store)
        return;
    X509_STORE_free(store->certificates);
    free(store);
}

bool mg_tls_store_attach(struct mg_tls_store *store, void *ssl_ctx)
{
    if (!X509_STORE_up_ref(store->certificates))
        return false;
    SSL_CTX_set_cert_store(ssl_ctx, store->certificates); // takes the count over
    return true;
}

bool mg_tls_pending(void *ssl)
{
    return ssl && SSL_pending(ssl) > 0;
}
