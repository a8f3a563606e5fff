/* One file's bytes from the prefix they are rendered for to another, in one pass. Pure: no I/O. */
#ifndef SFX_MOVE_H
#define SFX_MOVE_H

#include "relocate.h"

struct sfx_move {
    const struct sfx_index *index;
    const struct sfx_prefix *from;
    const struct sfx_prefix *to;
    bool skips_digest;                   /* what lies between the sites is not looked at */
    const struct sfx_sources *sources;   /* of final content at TO; NULL for an entry without DERIVED sites */
    /* Whether SOURCES can tell of TARGET; else its values stay as they stand. May be called from several threads. */
    bool (*knows)(void *context, uint32_t target);
    void (*drop)(const uint8_t *data, size_t size);      /* told of SFX_STEP bytes of a mapped INSTALLED that were used; or NULL */
};

/* The file at ENTRY, given whole in INSTALLED, rendered for `to`. RET_MATCHES is false unless it is what was installed,
 * rendered for `from`: every site holds its rendering and the neutral content has the recorded size and, unless it is skipped, digest. Values that were
 * derived at `from` are not compared: what they are derived from may have moved already. The segments stay valid until the
 * next call; they point into INSTALLED, both prefixes and RENDERING. */
enum sfx_error sfx_move_file(const struct sfx_move *move, uint32_t entry, struct sfx_bytes installed,
                             struct sfx_rendering *rendering, bool *ret_matches, struct sfx_fault *fault);

#endif
