// SHA-256 (FIPS 180-4), HMAC over it (RFC 2104), comparison in constant time, and random bytes of
// the kernel. Pure but for the last; any thread.
#ifndef MG_CRYPTO_DIGEST_H
#define MG_CRYPTO_DIGEST_H

#include "base/str.h"

enum { MG_DIGEST_SIZE = 32 };

// False: the library refuses (it has no memory).
bool mg_digest_sha256(struct mg_str text, unsigned char digest[MG_DIGEST_SIZE]);
bool mg_digest_hmac(struct mg_str key, struct mg_str text, unsigned char digest[MG_DIGEST_SIZE]);

// Takes as long whatever the texts are; only their lengths show.
bool mg_digest_equal(struct mg_str a, struct mg_str b);

// False: the kernel gives none.
bool mg_digest_random(unsigned char *bytes, size_t len);

#endif
