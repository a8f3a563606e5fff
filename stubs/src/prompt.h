/* Which prefix: the option, the default, or a question. */
#ifndef SFX_PROMPT_H
#define SFX_PROMPT_H

#include "session.h"

/* Absolute and normalised, malloced. Asks where --prefix and --yes are missing and a terminal is there. */
enum sfx_error sfx_choose_prefix(struct sfx_session *session, char **ret_prefix, struct sfx_fault *fault);
/* The same without a question: what --prefix says, else the default. */
enum sfx_error sfx_default_prefix(const struct sfx_session *session, char **ret_prefix, struct sfx_fault *fault);

#endif
