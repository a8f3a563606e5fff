/* SHEBANG sites: the first line of a script, rendered as such or in a re-exec form. */
#ifndef SFX_SHEBANG_H
#define SFX_SHEBANG_H

#include "buffer.h"
#include "relocate.h"

struct sfx_shebang {
    const struct sfx_index *index;
    const struct sfx_prefix *prefix;
    struct sfx_site site;
    uint32_t first_hit;
};

/* The neutral line, site.span bytes: the index keeps it, because a re-exec form does not hold all of it. */
struct sfx_bytes sfx_shebang_line(const struct sfx_shebang *shebang);
/* Append the line's rendering. */
void sfx_shebang_render(const struct sfx_shebang *shebang, struct sfx_buffer *out);

#endif
