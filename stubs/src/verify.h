/* --verify of a file, and `sfx verify` of an installation. */
#ifndef SFX_VERIFY_H
#define SFX_VERIFY_H

#include "session.h"

enum sfx_error sfx_verify_artifact(struct sfx_session *session, struct sfx_fault *fault);
enum sfx_error sfx_verify_installation(struct sfx_session *session, struct sfx_fault *fault);

#endif
