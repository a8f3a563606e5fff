/* A raw index written for a test: one file with its sites, and a second one of a lower level that it may derive from. */
#ifndef SFX_TEST_SAMPLE_H
#define SFX_TEST_SAMPLE_H

#include "index.h"

#define SAMPLE_SITES 6
#define SAMPLE_HITS 6

struct sample_site {
    enum sfx_strategy strategy;
    uint64_t offset;
    uint32_t span;
    uint8_t encoding;        /* or what is derived */
    uint8_t flags;
    uint8_t detail;
    uint16_t hit_count;
    uint32_t hits[SAMPLE_HITS];
};

struct sample {
    const char *name;
    struct sfx_bytes neutral;
    struct sample_site sites[SAMPLE_SITES];      /* up to the first whose strategy is 0 */
    uint16_t platform;                           /* 0: Linux */
};

#define SAMPLE_SOURCE 0u     /* entry of the file of level 0, 3 bytes, time 1600000000 */
#define SAMPLE_FILE 1u       /* entry of the file of level 1 that has the sites */
#define SAMPLE_TIME 1600000000u

/* Opens the index of SAMPLE; aborts if it is not sound. */
void sample_open(const struct sample *sample, struct sfx_index *ret_index);

#endif
