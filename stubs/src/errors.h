/* Numbers of errno that not every C library has, and the text of each. */
#ifndef SFX_ERRORS_H
#define SFX_ERRORS_H

#include <errno.h>
#include <stdbool.h>

#ifndef EDQUOT
#define EDQUOT 1122
#endif
#ifndef ESTALE
#define ESTALE 1116
#endif

static inline bool sfx_is_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

/* Of an errno; as the system says it. */
const char *sfx_os_error_text(int error);

#endif
