// The functions of moongate.core behind gate.crypto. Their arguments are texts.
#ifndef MG_SCRIPT_CRYPTO_H
#define MG_SCRIPT_CRYPTO_H

#include <lua.h>

int l_crypto_sha256(lua_State *L); // (text) -> 32 bytes
int l_crypto_hmac(lua_State *L);   // (key, text) -> 32 bytes
int l_crypto_equal(lua_State *L);  // (a, b) -> boolean
int l_crypto_code(lua_State *L);   // (text, way) -> text or nil
int l_crypto_uuid(lua_State *L);   // () -> text
int l_crypto_bucket(lua_State *L); // (key, n) -> number

#endif
