/* SHEBANG sites: the first line of a script, rendered as such or in a re-exec form, and recovered from it. */
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

/* Append the rendering of the neutral LINE, site.span bytes; false: it is no line that SPEC allows. */
bool sfx_shebang_render(const struct sfx_shebang *shebang, const uint8_t *line, struct sfx_buffer *out);
/* The neutral line whose rendering INSTALLED begins with; RET_SIZE is that rendering's size. False: there is none.
 *
 * A re-exec form does not hold all of the line: how many blanks stood where, and with ENV the directory of the
 * interpreter, are guessed (one blank each, `bin`). The caller learns by the content's digest whether that was right. */
bool sfx_shebang_recover(const struct sfx_shebang *shebang, struct sfx_bytes installed, struct sfx_buffer *neutral,
                         size_t *ret_size);

#endif
