/* What the POSIX modules behind os.h share. */
#ifndef SFX_OS_POSIX_H
#define SFX_OS_POSIX_H

#include <signal.h>
#include <sys/types.h>

#include "os.h"

/* What this process was given and has changed (sfx_os_prepare). */
mode_t sfx_posix_umask(void);
sigset_t sfx_posix_defaults(void);

#endif
