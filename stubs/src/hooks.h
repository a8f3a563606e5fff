/* Scripts of the vendor's (SPEC, "Hooks"; docs/vendors.md). */
#ifndef SFX_HOOKS_H
#define SFX_HOOKS_H

#include "session.h"

struct sfx_hook_run {
    struct sfx_session *session;
    const struct sfx_index *index;       /* which holds the script */
    enum sfx_hook_kind kind;
    const char *prefix;
    const char *action;                  /* install, force or uninstall */
    int folder;                          /* open; the script lies in its `.sfxpack` while it runs */
    const char *shown;                   /* its path */
};
/* Run the script, if there is one and it is not to be skipped. What it writes goes on to who called, and into the log.
 * SFX_ERROR_HOOK: it failed, and the caller undoes what it was part of. */
enum sfx_error sfx_hook(const struct sfx_hook_run *run, struct sfx_fault *fault);
/* Whether it would be run. */
bool sfx_hook_runs(const struct sfx_session *session, const struct sfx_index *index, enum sfx_hook_kind kind);
/* `pre-install`: what the builder's option is called. */
const char *sfx_hook_label(enum sfx_hook_kind kind);

#endif
