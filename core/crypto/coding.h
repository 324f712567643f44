// Bytes as text: hex and base64 (RFC 4648). Written by hand: OpenSSL's base64 has no URL alphabet,
// and is not strict about what it decodes. Pure.
#ifndef MG_CRYPTO_CODING_H
#define MG_CRYPTO_CODING_H

#include "base/str.h"

// What is written has room for: 2 * len; (len + 2) / 3 * 4; and for decoding len. Each returns how
// many bytes it wrote.
size_t mg_coding_hex(struct mg_str bytes, char *text);
// With `url` in that alphabet and without padding (RFC 4648 §5).
size_t mg_coding_base64(struct mg_str bytes, bool url, char *text);

// SIZE_MAX when the text is none: a foreign character, a length that cannot be, bits left over.
size_t mg_coding_unhex(struct mg_str text, char *bytes); // either case
// Either alphabet, padded or not.
size_t mg_coding_unbase64(struct mg_str text, char *bytes);

#endif
