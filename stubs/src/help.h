/* --help. */
#ifndef SFX_HELP_H
#define SFX_HELP_H

#include "session.h"

enum sfx_error sfx_help_installer(const struct sfx_session *session);
enum sfx_error sfx_help_tool(const struct sfx_session *session);

/* What is typed and written differently on each system. */
struct sfx_words {
    const char *run;                     /* before an installer's file */
    const char *here;                    /* before the name of a program in the working folder */
    const char *activate;                /* before the script */
    const char *programs;                /* below the prefix */
    const char *moves;
    const char *terminal;
    const char *profile;                 /* lines of --help, as the next two; empty: the system has no such thing */
    const char *mode;
    const char *deployment;
    const char *help;                    /* what else asks for --help */
    const char *tool_examples;
};
extern const struct sfx_words sfx_words;
/* Examples for the installer NAME. */
void sfx_help_examples(const char *name);

#endif
