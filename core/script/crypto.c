// Texts in, texts out; lua/moongate/crypto.lua checks what it is given.
#include "script/crypto.h"

#include <lauxlib.h>

#include "crypto/coding.h"
#include "crypto/digest.h"
#include "script/state.h"

static int l_push_digest(lua_State *L, bool ok, const unsigned char *digest)
{
    if (!ok)
        return luaL_error(L, "out of memory");
    lua_pushlstring(L, (const char *)digest, MG_DIGEST_SIZE);
    return 1;
}

int l_crypto_sha256(lua_State *L)
{
    unsigned char digest[MG_DIGEST_SIZE];
    return l_push_digest(L, mg_digest_sha256(l_str(L, 1), digest), digest);
}

int l_crypto_hmac(lua_State *L)
{
    unsigned char digest[MG_DIGEST_SIZE];
    return l_push_digest(L, mg_digest_hmac(l_str(L, 1), l_str(L, 2), digest), digest);
}

int l_crypto_equal(lua_State *L)
{
    lua_pushboolean(L, mg_digest_equal(l_str(L, 1), l_str(L, 2)));
    return 1;
}

// (text, "hex" | "unhex" | "base64" | "base64url" | "unbase64") -> text, or nil when it is none
int l_crypto_code(lua_State *L)
{
    struct mg_str text = l_str(L, 1), way = l_str(L, 2);
    char *out = lua_newuserdata(L, 2 * text.len + 4);
    size_t len;
    if (mg_str_is(way, "hex"))
        len = mg_coding_hex(text, out);
    else if (mg_str_is(way, "unhex"))
        len = mg_coding_unhex(text, out);
    else if (mg_str_is(way, "unbase64"))
        len = mg_coding_unbase64(text, out);
    else
        len = mg_coding_base64(text, mg_str_is(way, "base64url"), out);
    if (len == SIZE_MAX)
        return 0;
    lua_pushlstring(L, out, len);
    return 1;
}

// () -> a random UUID (RFC 9562 §5.4)
int l_crypto_uuid(lua_State *L)
{
    unsigned char bytes[16];
    char hex[32], uuid[36];
    if (!mg_digest_random(bytes, sizeof bytes))
        return luaL_error(L, "the system has no random bytes");
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    mg_coding_hex((struct mg_str){(const char *)bytes, sizeof bytes}, hex);
    for (unsigned i = 0, at = 0; i < sizeof hex; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            uuid[at++] = '-';
        uuid[at++] = hex[i];
    }
    lua_pushlstring(L, uuid, sizeof uuid);
    return 1;
}

// (key, n) -> a number from 0 to n - 1: the first 8 bytes of the key's SHA-256, modulo n
int l_crypto_bucket(lua_State *L)
{
    unsigned char digest[MG_DIGEST_SIZE];
    uint64_t value = 0, n = (uint64_t)lua_tonumber(L, 2);
    if (!mg_digest_sha256(l_str(L, 1), digest))
        return luaL_error(L, "out of memory");
    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | digest[i];
    lua_pushnumber(L, n ? (lua_Number)(value % n) : 0);
    return 1;
}
