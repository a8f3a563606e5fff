/* Who may use an installation; see modes.h. */
#include "modes.h"

#include <string.h>

uint32_t sfx_mode(enum sfx_modes modes, uint32_t mode)
{
    uint32_t use = mode & 0500u;         /* the owner's right to read and execute */
    switch (modes) {
    case SFX_MODES_PRIVATE: return mode & 0700u;
    case SFX_MODES_GROUP: return mode | use >> 3;
    case SFX_MODES_SHARED: return (mode & 0700u) | use >> 3 | use >> 6;
    case SFX_MODES_UNSET:
    case SFX_MODES_KEEP: break;
    }
    return mode;
}

static const char *const names[] = {"keep", "keep", "private", "group", "shared"};

const char *sfx_modes_name(enum sfx_modes modes)
{
    return names[modes];
}

enum sfx_modes sfx_modes_find(const char *name)
{
    for (enum sfx_modes modes = SFX_MODES_KEEP; modes <= SFX_MODES_SHARED; modes++)
        if (strcmp(name, names[modes]) == 0)
            return modes;
    return SFX_MODES_UNSET;
}
