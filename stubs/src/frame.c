#include "frame.h"

#include <zstd.h>

#define FRAME_MAGIC 0xFD2FB528u              /* RFC 8878, 3.1.1 */
#define MAX_WINDOW ((uint64_t)1 << 27)       /* as every decoder takes by default (ZSTD_WINDOWLOG_LIMIT_DEFAULT) */

void *sfx_frame_context(void)
{
    return ZSTD_createDCtx();
}

void sfx_frame_context_free(void *context)
{
    ZSTD_freeDCtx(context);
}

/* Window_Size of RFC 8878, 3.1.1.1.2. FRAME holds a whole header. */
static uint64_t window_size(const uint8_t *frame, uint64_t content_size)
{
    bool is_single_segment = (frame[4] & 0x20) != 0;
    if (is_single_segment)
        return content_size;
    uint64_t base = (uint64_t)1 << (10 + (frame[5] >> 3));
    return base + base / 8 * (frame[5] & 7);
}

bool sfx_frame_is_plausible(const uint8_t *frame, size_t size, uint64_t raw_size)
{
    /* The magic first: a skippable or legacy frame has sizes of its own, which must not be taken for a frame's. */
    if (size < 6 || sfx_le32(frame) != FRAME_MAGIC)
        return false;
    unsigned long long content_size = ZSTD_getFrameContentSize(frame, size);
    if (content_size == ZSTD_CONTENTSIZE_ERROR)
        return false;
    if (content_size != ZSTD_CONTENTSIZE_UNKNOWN && content_size != raw_size)
        return false;
    return ZSTD_getDictID_fromFrame(frame, size) == 0 && window_size(frame, content_size) <= MAX_WINDOW + 1
        && ZSTD_findFrameCompressedSize(frame, size) == size;
}

bool sfx_frame_decompress(void *context, const uint8_t *frame, size_t size, uint8_t *raw, size_t raw_size)
{
    return sfx_frame_is_plausible(frame, size, raw_size)
        && ZSTD_decompressDCtx(context, raw, raw_size, frame, size) == raw_size;
}
