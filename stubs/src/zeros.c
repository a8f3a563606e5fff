/* What of the files to be will be holes; see extract.h. */
#include <stdlib.h>

#include "extract.h"

#define SUSPECT 4096u                    /* times smaller: nothing but a byte over and over compresses so well */

/* The block that was looked at last: those of zeros are all alike. */
struct last {
    struct sfx_block block;
    bool zero;
};

/* Whether a block is the inside of a file that spans blocks, and may be zeros. */
static bool is_suspect(const struct sfx_index *index, uint32_t at, const struct sfx_block *block)
{
    if (block->raw_size / SUSPECT < block->size)
        return false;
    uint64_t start = index->block_start[at];
    uint32_t content = sfx_content_at(index, start);
    return index->content_start[content] <= start && index->content_start[content + 1] >= index->block_start[at + 1] &&
           index->content_start[content + 1] - index->content_start[content] > block->raw_size;
}

static bool is_zero(const struct sfx_artifact *artifact, uint32_t at, uint32_t size)
{
    struct sfx_buffers buffers = {0};
    struct sfx_fault ignored;
    bool zero = sfx_buffers_open(&buffers, &artifact->index) &&
                sfx_artifact_block(artifact, at, buffers.context, buffers.compressed, buffers.raw, &ignored) == SFX_OK &&
                buffers.raw[0] == 0 && memcmp(buffers.raw, buffers.raw + 1, size - 1) == 0;
    sfx_buffers_close(&buffers);
    return zero;
}

uint64_t sfx_extract_hole_size(const struct sfx_artifact *artifact)
{
    const struct sfx_index *index = &artifact->index;
    struct last last = {.zero = false};
    uint64_t size = 0;
    for (uint32_t i = 0; i < index->header.block_count; i++) {
        struct sfx_block block = sfx_index_block(index, i);
        if (!is_suspect(index, i, &block))
            continue;
        bool alike = block.raw_size == last.block.raw_size &&
                     memcmp(block.digest, last.block.digest, sizeof block.digest) == 0;
        if (!alike)
            last = (struct last){block, is_zero(artifact, i, block.raw_size)};
        size += last.zero ? block.raw_size : 0;
    }
    return size;
}
