/* Who may use an installation: how the modes on disk follow from those of the index (SPEC, "Modes"). Pure. */
#ifndef SFX_MODES_H
#define SFX_MODES_H

#include <stdint.h>

enum sfx_modes {
    SFX_MODES_UNSET,                     /* nothing said: as KEEP */
    SFX_MODES_KEEP,
    SFX_MODES_PRIVATE,
    SFX_MODES_GROUP,
    SFX_MODES_SHARED,
};

/* The mode on disk of what has MODE in the index. */
uint32_t sfx_mode(enum sfx_modes modes, uint32_t mode);
/* As users write it; UNSET is `keep`. */
const char *sfx_modes_name(enum sfx_modes modes);
/* The way back; UNSET for any other text. */
enum sfx_modes sfx_modes_find(const char *name);

#endif
