/* --help. */
#ifndef SFX_HELP_H
#define SFX_HELP_H

#include "session.h"

enum sfx_error sfx_help_installer(const struct sfx_session *session);
enum sfx_error sfx_help_tool(const struct sfx_session *session);

/* What is typed and written differently on each system. */
struct sfx_words {
    const char *run;                     /* before an installer's file */
    const char *activate;                /* before the script */
    const char *programs;                /* below the prefix */
    const char *moves;
};
extern const struct sfx_words sfx_words;

#endif
