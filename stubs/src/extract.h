/* Blocks -> files: each block is read, checked, decompressed, rendered and written by one thread, in one pass. */
#ifndef SFX_EXTRACT_H
#define SFX_EXTRACT_H

#include "artifact.h"
#include "tree.h"

struct sfx_extraction {
    const struct sfx_artifact *artifact;
    const struct sfx_tree *tree;
    unsigned jobs;                       /* 0: as many as processors */
    void *context;
    void (*progress)(void *context, uint64_t done, uint64_t total);     /* bytes, decompressed; in the calling thread */
};

/* Write all files of the tree; its directories exist. Entries that derived values need are `wanted` too. */
enum sfx_error sfx_extract(const struct sfx_extraction *extraction, struct sfx_fault *fault);
/* Workers that fit the memory limit with buffers for the largest block, at least 1. */
unsigned sfx_extract_workers(const struct sfx_artifact *artifact, unsigned jobs);

/* Bytes of the files that will be holes and need no room, as far as whole blocks tell; those that may be zeros are looked at. */
uint64_t sfx_extract_hole_size(const struct sfx_artifact *artifact);

/* What a worker needs for a block. */
struct sfx_buffers {
    void *context;                       /* of sfx_frame_context */
    uint8_t *compressed;
    uint8_t *raw;
};
bool sfx_buffers_open(struct sfx_buffers *buffers, const struct sfx_index *index);
void sfx_buffers_close(struct sfx_buffers *buffers);
/* The first content with bytes at or after place AT in the joined blocks. */
uint32_t sfx_content_at(const struct sfx_index *index, uint64_t at);

#endif
