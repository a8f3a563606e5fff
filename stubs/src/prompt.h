/* Which prefix: the option, the default, or a question. */
#ifndef SFX_PROMPT_H
#define SFX_PROMPT_H

#include "session.h"

/* Absolute and normalised, malloced. Asks where --prefix and --yes are missing and a terminal is there. */
enum sfx_error sfx_choose_prefix(struct sfx_session *session, char **ret_prefix, struct sfx_fault *fault);
/* The same without a question: what --prefix says, else the default. */
enum sfx_error sfx_default_prefix(const struct sfx_session *session, char **ret_prefix, struct sfx_fault *fault);
/* Whether there is somebody to ask: none of --prefix, --yes and --json, and a terminal. */
bool sfx_can_ask(const struct sfx_session *session);
/* A line from the terminal without the blanks around it, in LINE. SFX_ERROR_INTERRUPTED for a signal and at its end, SFX_ERROR_LONG. */
enum sfx_error sfx_read_answer(char *line, size_t room, char **ret_start, struct sfx_fault *fault);

#endif
