#include "frame.h"

#include <zstd.h>

#define FRAME_MAGIC 0xFD2FB528u      /* RFC 8878, 3.1.1 */

void *sfx_frame_context(void)
{
    return ZSTD_createDCtx();
}

void sfx_frame_context_free(void *context)
{
    ZSTD_freeDCtx(context);
}

bool sfx_frame_is_plausible(const uint8_t *frame, size_t size, uint64_t raw_size)
{
    /* The magic first: a skippable or legacy frame has sizes of its own, which must not be taken for a frame's. */
    if (size < 4 || sfx_le32(frame) != FRAME_MAGIC)
        return false;
    /* What zstd says instead of a size that is not there, or not readable, is no size that SPEC allows. */
    return ZSTD_getFrameContentSize(frame, size) == raw_size && ZSTD_getDictID_fromFrame(frame, size) == 0
        && ZSTD_findFrameCompressedSize(frame, size) == size;
}

bool sfx_frame_decompress(void *context, const uint8_t *frame, size_t size, uint8_t *raw, size_t raw_size)
{
    /* In one go: the output is the window, so that no window is too large. */
    return sfx_frame_is_plausible(frame, size, raw_size)
        && ZSTD_decompressDCtx(context, raw, raw_size, frame, size) == raw_size;
}
