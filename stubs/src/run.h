/* `sfx run`: a command in the environment that is installed. */
#ifndef SFX_RUN_H
#define SFX_RUN_H

#include "session.h"

/* Returns only if it cannot be run: this process becomes the command. */
enum sfx_error sfx_run(const struct sfx_session *session, struct sfx_fault *fault);

#endif
