#include "base/siphash.h"

#include <endian.h>

struct lanes {
    uint64_t a, b, c, d;
};

static uint64_t turn(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(struct lanes *v, unsigned rounds)
{
    for (; rounds; rounds--) {
        v->a += v->b;
        v->c += v->d;
        v->b = turn(v->b, 13) ^ v->a;
        v->d = turn(v->d, 16) ^ v->c;
        v->a = turn(v->a, 32) + v->d;
        v->c += v->b;
        v->d = turn(v->d, 21) ^ v->a;
        v->b = turn(v->b, 17) ^ v->c;
        v->c = turn(v->c, 32);
    }
}

static void take(struct lanes *v, uint64_t word)
{
    v->d ^= word;
    mix(v, 2);
    v->a ^= word;
}

uint64_t mg_siphash(const uint64_t secret[2], struct mg_str text)
{
    // The four constants and the 0xff are the algorithm's own.
    struct lanes v = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
                      secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
    size_t whole = text.len & ~(size_t)7;
    uint64_t word = 0;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, text.data + i, 8);
        take(&v, le64toh(word));
    }
    word = (uint64_t)text.len << 56;
    for (size_t i = whole; i < text.len; i++)
        word |= (uint64_t)(unsigned char)text.data[i] << (8 * (i - whole));
    take(&v, word);
    v.c ^= 0xff;
    mix(&v, 4);
    return v.a ^ v.b ^ v.c ^ v.d;
}
