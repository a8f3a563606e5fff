#include "digest.h"

#include <sodium/crypto_generichash.h>
#include <sodium/crypto_hash_sha256.h>

/* sodium_init is not called: it only picks vector code, which the stub does not compile, and seeds a random
 * generator, which the stub does not need and which can block or fail early in a boot. */

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct sfx_blake2b), "sfx_blake2b too small");
_Static_assert(_Alignof(crypto_generichash_state) <= _Alignof(struct sfx_blake2b), "sfx_blake2b not aligned");
_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct sfx_sha256), "sfx_sha256 too small");
_Static_assert(_Alignof(crypto_hash_sha256_state) <= _Alignof(struct sfx_sha256), "sfx_sha256 not aligned");

static crypto_generichash_state *blake2b_state(struct sfx_blake2b *hash)
{
    return (crypto_generichash_state *)(void *)hash->state;
}

static crypto_hash_sha256_state *sha256_state(struct sfx_sha256 *hash)
{
    return (crypto_hash_sha256_state *)(void *)hash->state;
}

/* libsodium's functions return a status that these parameters cannot make anything but 0. */

void sfx_digest(const void *data, size_t size, uint8_t ret_digest[SFX_DIGEST_SIZE])
{
    (void)crypto_generichash(ret_digest, SFX_DIGEST_SIZE, data, size, NULL, 0);
}

void sfx_blake2b_start(struct sfx_blake2b *hash)
{
    (void)crypto_generichash_init(blake2b_state(hash), NULL, 0, SFX_DIGEST_SIZE);
}

void sfx_blake2b_add(struct sfx_blake2b *hash, const void *data, size_t size)
{
    (void)crypto_generichash_update(blake2b_state(hash), data, size);
}

void sfx_blake2b_end(struct sfx_blake2b *hash, uint8_t ret_digest[SFX_DIGEST_SIZE])
{
    (void)crypto_generichash_final(blake2b_state(hash), ret_digest, SFX_DIGEST_SIZE);
}

void sfx_sha256_start(struct sfx_sha256 *hash)
{
    (void)crypto_hash_sha256_init(sha256_state(hash));
}

void sfx_sha256_add(struct sfx_sha256 *hash, const void *data, size_t size)
{
    (void)crypto_hash_sha256_update(sha256_state(hash), data, size);
}

void sfx_sha256_end(struct sfx_sha256 *hash, uint8_t ret_digest[32])
{
    (void)crypto_hash_sha256_final(sha256_state(hash), ret_digest);
}

/* SipHash (Aumasson, Bernstein 2012). libsodium has only 2-4 and only in one go; CPython 3.11 and later use 1-3. */

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void siphash_rounds(uint64_t v[4], int rounds)
{
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void siphash_word(struct sfx_siphash *hash, uint64_t word)
{
    hash->v[3] ^= word;
    siphash_rounds(hash->v, hash->rounds);
    hash->v[0] ^= word;
}

void sfx_siphash_start(struct sfx_siphash *hash, int rounds, uint64_t k0, uint64_t k1)
{
    *hash = (struct sfx_siphash){
        .v = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u},
        .rounds = rounds,
    };
}

void sfx_siphash_add(struct sfx_siphash *hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t at = 0;
    while (at < size) {
        unsigned held = (unsigned)(hash->size % 8);
        if (held == 0 && size - at >= 8) {
            siphash_word(hash, sfx_le64(bytes + at));
            hash->size += 8;
            at += 8;
            continue;
        }
        hash->word |= (uint64_t)bytes[at++] << (8 * held);
        hash->size++;
        if (held == 7) {
            siphash_word(hash, hash->word);
            hash->word = 0;
        }
    }
}

uint64_t sfx_siphash_end(struct sfx_siphash *hash)
{
    siphash_word(hash, hash->word | hash->size << 56);
    hash->v[2] ^= 0xff;
    siphash_rounds(hash->v, hash->rounds + 2);
    return hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3];
}
