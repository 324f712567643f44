#include "crypto/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sys/random.h>

bool mg_digest_sha256(struct mg_str text, unsigned char digest[MG_DIGEST_SIZE])
{
    return EVP_Digest(text.len ? text.data : "", text.len, digest, NULL, EVP_sha256(), NULL) == 1;
}

bool mg_digest_hmac(struct mg_str key, struct mg_str text, unsigned char digest[MG_DIGEST_SIZE])
{
    size_t len = 0;
    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.len ? key.data : "", key.len,
                     (const unsigned char *)(text.len ? text.data : ""), text.len, digest,
                     MG_DIGEST_SIZE, &len) &&
           len == MG_DIGEST_SIZE;
}

bool mg_digest_equal(struct mg_str a, struct mg_str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

bool mg_digest_random(unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(bytes, len, 0);
        if (got < 0 && errno != EINTR)
            return false;
        if (got > 0) {
            bytes += got;
            len -= (size_t)got;
        }
    }
    return true;
}
