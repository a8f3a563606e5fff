/* BLAKE2b-256, SHA-256 and SipHash. libsodium is seen by digest.c alone. */
#ifndef SFX_DIGEST_H
#define SFX_DIGEST_H

#include <stdalign.h>

#include "layout.h"

/* Large and aligned enough for libsodium's states; digest.c asserts it. */
struct sfx_blake2b {
    alignas(64) uint8_t state[384];
};
struct sfx_sha256 {
    alignas(8) uint8_t state[104];
};

/* BLAKE2b, 32 bytes of output, no key: the digest of the format. */
void sfx_digest(const void *data, size_t size, uint8_t ret_digest[SFX_DIGEST_SIZE]);
void sfx_blake2b_start(struct sfx_blake2b *hash);
void sfx_blake2b_add(struct sfx_blake2b *hash, const void *data, size_t size);
void sfx_blake2b_end(struct sfx_blake2b *hash, uint8_t ret_digest[SFX_DIGEST_SIZE]);

void sfx_sha256_start(struct sfx_sha256 *hash);
void sfx_sha256_add(struct sfx_sha256 *hash, const void *data, size_t size);
void sfx_sha256_end(struct sfx_sha256 *hash, uint8_t ret_digest[32]);

/* SipHash-ROUNDS-(ROUNDS + 2): 1 gives SipHash-1-3, 2 gives SipHash-2-4. */
struct sfx_siphash {
    uint64_t v[4];
    uint64_t size;
    uint64_t word;       /* bytes not yet a whole word, in its low end */
    int rounds;
};
void sfx_siphash_start(struct sfx_siphash *hash, int rounds, uint64_t k0, uint64_t k1);
void sfx_siphash_add(struct sfx_siphash *hash, const void *data, size_t size);
uint64_t sfx_siphash_end(struct sfx_siphash *hash);

#endif
