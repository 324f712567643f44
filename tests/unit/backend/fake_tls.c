// A TLS backend with a certificate that it made itself. Serves one connection at a time: every
// request on it is answered "hi".
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_tls {
    pthread_t thread;
    SSL_CTX *context;
    int listener, port;
    unsigned handshakes;
};

static X509 *make_certificate(EVP_PKEY *key, const char *names)
{
    X509 *made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    X509_NAME *name = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"fake", -1, -1, 0);
    X509_set_issuer_name(made, name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(made, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(made, key, EVP_sha256());
    return made;
}

static SSL_CTX *make_context(const char *names, const char *file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, names);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    FILE *out = fopen(file, "w");
    PEM_write_X509(out, certificate);
    fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}

static void serve_one(struct fake_tls *fake, int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    char room[4096];
    SSL *tls = SSL_new(fake->context);
    SSL_set_fd(tls, fd);
    if (SSL_accept(tls) == 1) {
        __atomic_add_fetch(&fake->handshakes, 1, __ATOMIC_RELAXED);
        for (int len; (len = SSL_read(tls, room, sizeof room)) > 0;)
            if (len > 4 && memcmp(room + len - 4, "\r\n\r\n", 4) == 0)
                SSL_write(tls, answer, sizeof answer - 1);
    }
    SSL_free(tls);
    close(fd);
}

static void *serve(void *arg)
{
    struct fake_tls *fake = arg;
    for (int fd; (fd = accept(fake->listener, NULL, NULL)) >= 0;)
        serve_one(fake, fd);
    return NULL;
}

// `names` as in a certificate's configuration: "DNS:users.test,IP:127.0.0.1". The certificate is
// written to `file`.
struct fake_tls *fake_tls_new(const char *names, const char *file)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct fake_tls *fake = calloc(1, sizeof *fake);
    fake->context = make_context(names, file);
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fake->listener, (struct sockaddr *)&address, len) != 0 ||
        listen(fake->listener, 64) != 0)
        abort();
    getsockname(fake->listener, (struct sockaddr *)&address, &len);
    fake->port = ntohs(address.sin_port);
    pthread_create(&fake->thread, NULL, serve, fake);
    return fake;
}

// After its clients have closed.
void fake_tls_free(struct fake_tls *fake)
{
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
    SSL_CTX_free(fake->context);
    free(fake);
}

int fake_tls_port(struct fake_tls *fake)
{
    return fake->port;
}

unsigned fake_tls_handshakes(struct fake_tls *fake)
{
    return __atomic_load_n(&fake->handshakes, __ATOMIC_RELAXED);
}
