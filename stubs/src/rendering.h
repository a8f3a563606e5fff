/* What a rendering consists of, while it is being made: segments, and an arena for bytes that are nowhere else. */
#ifndef SFX_RENDERING_H
#define SFX_RENDERING_H

#include "relocate.h"

void sfx_rendering_reset(struct sfx_rendering *rendering);
/* Bytes that stay where they are; follows the segment before. After a lack of memory nothing more is added. */
void sfx_rendering_add(struct sfx_rendering *rendering, const uint8_t *data, size_t size);
/* SIZE new bytes in the arena, as a segment of their own; NULL: no memory. */
uint8_t *sfx_rendering_reserve(struct sfx_rendering *rendering, size_t size);
bool sfx_rendering_has_failed(const struct sfx_rendering *rendering);

#endif
