/* What the installer does with a prefix. */
#ifndef SFX_INSTALL_H
#define SFX_INSTALL_H

#include "session.h"

/* Install, or find that it is installed already. */
enum sfx_error sfx_install(struct sfx_session *session, struct sfx_fault *fault);
/* --check-only: whether it could be installed; says everything it finds. */
enum sfx_error sfx_check_only(struct sfx_session *session, struct sfx_fault *fault);
/* --extract PATTERN DIR: what matches, without `.sfxpack`. */
enum sfx_error sfx_extract_some(struct sfx_session *session, struct sfx_fault *fault);
/* --tree DIR --as PREFIX: everything, also for a foreign platform. */
enum sfx_error sfx_write_tree(struct sfx_session *session, struct sfx_fault *fault);

#endif
