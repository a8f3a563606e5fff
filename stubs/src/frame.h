/* One zstd frame, as SPEC allows it. zstd is seen by frame.c alone. */
#ifndef SFX_FRAME_H
#define SFX_FRAME_H

#include "layout.h"

/* A decompression context, reusable by one thread; NULL: no memory. */
void *sfx_frame_context(void);
void sfx_frame_context_free(void *context);
/* Decompress one frame that fills FRAME exactly, and states and gives RAW_SIZE bytes, at least one; false: it is not such
 * a frame. RAW is then undefined. */
bool sfx_frame_decompress(void *context, const uint8_t *frame, size_t size, uint8_t *raw, size_t raw_size);
/* Whether FRAME can be such a frame as far as its header says; so that nothing is allocated for one that cannot. */
bool sfx_frame_is_plausible(const uint8_t *frame, size_t size, uint64_t raw_size);

#endif
