/* What a rendering consists of, while it is being made: segments, and an arena for bytes that are nowhere else. */
#ifndef SFX_RENDERING_H
#define SFX_RENDERING_H

#include "relocate.h"

void sfx_rendering_reset(struct sfx_rendering *rendering);
/* Bytes that stay where they are; follows the segment before. After a lack of memory nothing more is added. */
void sfx_rendering_add(struct sfx_rendering *rendering, const uint8_t *data, size_t size);
/* SIZE new bytes in the arena, as a segment of their own; NULL: no memory. */
uint8_t *sfx_rendering_reserve(struct sfx_rendering *rendering, size_t size);
/* SIZE new bytes in the arena, in no segment yet. */
uint8_t *sfx_rendering_room(struct sfx_rendering *rendering, size_t size);
bool sfx_rendering_has_failed(const struct sfx_rendering *rendering);

/* What rendering the sites of one file needs (relocate.c). */
struct sfx_job {
    const struct sfx_index *index;
    const struct sfx_prefix *prefix;
    const struct sfx_sources *sources;
    struct sfx_rendering *rendering;
    uint32_t key;                        /* first four neutral bytes, for SipHash */
    struct sfx_fault *fault;
};
/* Add the rendering of one site, whose neutral bytes are SPAN; what it adds may point into SPAN. */
enum sfx_error sfx_render_site(const struct sfx_job *job, uint32_t at, const struct sfx_site *site, const uint8_t *span);

#endif
