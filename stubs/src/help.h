/* --help. */
#ifndef SFX_HELP_H
#define SFX_HELP_H

#include "session.h"

enum sfx_error sfx_help_installer(const struct sfx_session *session);
enum sfx_error sfx_help_tool(const struct sfx_session *session);

#endif
