/* What the POSIX modules behind os.h share. */
#ifndef SFX_OS_POSIX_H
#define SFX_OS_POSIX_H

#include <errno.h>
#include <signal.h>
#include <sys/types.h>

#include "os.h"

/* What this process was given and has changed (sfx_os_prepare). */
mode_t sfx_posix_umask(void);
sigset_t sfx_posix_defaults(void);

/* What CALL, negative when it fails, gives once no signal comes between. File systems of a network or of a program (FUSE)
 * report one from every call. */
#define SFX_AGAIN(call) ({ __typeof__(call) result_; do { result_ = (call); } while (result_ < 0 && errno == EINTR); result_; })
/* The same as an errno, or 0. */
#define SFX_STATUS(call) (SFX_AGAIN(call) < 0 ? errno : 0)

#endif
