/* What a worker holds, and how many of them fit; see extract.h. */
#include <stdlib.h>

#include "extract.h"
#include "frame.h"
#include "os.h"

#define MEMORY_LIMIT (256u << 20)
#define MEMORY_BESIDES (24u << 20)       /* program, stacks, finals, the file system's small things */
#define MEMORY_OF_WORKER (2u << 20)      /* decompression context, rendered bytes */

/* Enough for each block, compressed and not. */
static void largest_block(const struct sfx_index *index, size_t *ret_size, size_t *ret_raw_size)
{
    *ret_size = *ret_raw_size = 1;
    for (uint32_t i = 0; i < index->header.block_count; i++) {
        struct sfx_block block = sfx_index_block(index, i);
        *ret_size = block.size > *ret_size ? block.size : *ret_size;
        *ret_raw_size = block.raw_size > *ret_raw_size ? block.raw_size : *ret_raw_size;
    }
}

bool sfx_buffers_open(struct sfx_buffers *buffers, const struct sfx_index *index)
{
    size_t size;
    size_t raw_size;
    largest_block(index, &size, &raw_size);
    buffers->context = sfx_frame_context();
    buffers->compressed = malloc(size);
    buffers->raw = malloc(raw_size);
    return buffers->context && buffers->compressed && buffers->raw;
}

void sfx_buffers_close(struct sfx_buffers *buffers)
{
    if (buffers->context)
        sfx_frame_context_free(buffers->context);
    free(buffers->compressed);
    free(buffers->raw);
    memset(buffers, 0, sizeof *buffers);
}

unsigned sfx_extract_workers(const struct sfx_artifact *artifact, unsigned jobs)
{
    const struct sfx_index *index = &artifact->index;
    size_t size;
    size_t raw_size;
    largest_block(index, &size, &raw_size);
    uint64_t records = 4ull * index->header.entry_count + 20ull * index->header.content_count + 12ull * index->header.site_count;
    uint64_t held = MEMORY_BESIDES + index->raw_size + records + (artifact->frame ? artifact->locator.index_size : 0);
    uint64_t each = size + raw_size + MEMORY_OF_WORKER;
    uint64_t fit = held < MEMORY_LIMIT ? (MEMORY_LIMIT - held) / each : 0;
    unsigned wanted = jobs ? jobs : sfx_os_cpu_count();
    if (fit < wanted)
        wanted = (unsigned)fit;
    return wanted ? wanted : 1;
}

uint32_t sfx_content_at(const struct sfx_index *index, uint64_t at)
{
    uint32_t low = 0;
    uint32_t high = index->header.content_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->content_start[middle + 1] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
