// SipHash-2-4 (Aumasson and Bernstein, 2012): a hash under a secret key, for tables whose keys come
// from clients. Who does not know the secret cannot choose keys that fall into one bucket. It
// stands here because OpenSSL's, the one library at hand that has it, allocates for every text.
#ifndef MG_BASE_SIPHASH_H
#define MG_BASE_SIPHASH_H

#include "base/str.h"

uint64_t mg_siphash(const uint64_t secret[2], struct mg_str text);

#endif
