/* Digests against published values, whole and in steps. */
#include <string.h>

#include "check.h"
#include "digest.h"

static uint64_t siphash(int rounds, uint64_t k0, uint64_t k1, size_t size, size_t step)
{
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    struct sfx_siphash hash;
    sfx_siphash_start(&hash, rounds, k0, k1);
    for (size_t i = 0; i < size; i += step)
        sfx_siphash_add(&hash, bytes + i, size - i < step ? size - i : step);
    return sfx_siphash_end(&hash);
}

static void test_digests(void)
{
    /* The paper's appendix A, and _imp.source_hash(0x0A0D0DCB, bytes(range(64))) of CPython 3.11. */
    for (size_t step = 1; step <= 16; step++) {
        check(siphash(2, 0x0706050403020100, 0x0f0e0d0c0b0a0908, 15, step) == 0xa129ca6149be45e5, "siphash-2-4", "differs");
        check(siphash(1, 0x0a0d0dcb, 0, 64, step) == 0xd848233d512fb597, "siphash-1-3", "differs");
    }
    static const uint8_t blake2b[32] = {
        0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39, 0x72, 0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b,
        0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42, 0x72, 0x62, 0xc8, 0xc0, 0x68, 0xd5, 0x23, 0x19,
    };
    static const uint8_t sha256[32] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    };
    uint8_t found[32];
    sfx_digest("abc", 3, found);
    check(memcmp(found, blake2b, 32) == 0, "blake2b", "differs");
    struct sfx_blake2b hash;
    sfx_blake2b_start(&hash);
    sfx_blake2b_add(&hash, "a", 1);
    sfx_blake2b_add(&hash, "bc", 2);
    sfx_blake2b_end(&hash, found);
    check(memcmp(found, blake2b, 32) == 0, "blake2b in steps", "differs");
    struct sfx_sha256 sha;
    sfx_sha256_start(&sha);
    sfx_sha256_add(&sha, "abc", 3);
    sfx_sha256_end(&sha, found);
    check(memcmp(found, sha256, 32) == 0, "sha-256", "differs");
}

int main(void)
{
    test_digests();
    return check_end();
}
