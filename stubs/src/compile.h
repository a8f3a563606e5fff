/* Bytecode, made on the target by the interpreter that was installed: what `sfxpack build --pyc compile` leaves to it. */
#ifndef SFX_COMPILE_H
#define SFX_COMPILE_H

#include "session.h"

/* Compile the Python files of the installation at PREFIX, if the artifact asks for it, and list what was made in
 * `.sfxpack/generated`. The installation is complete before; what fails here leaves it so, with SFX_ERROR_EXCEPTIONS. */
enum sfx_error sfx_compile(struct sfx_session *session, const char *prefix, struct sfx_fault *fault);

#endif
