/* --modify-rc: lines that activate the installation, in the start-up file of the user's shell. All that is ever written
 * outside of a prefix, only when asked for, and taken out by `sfx uninstall`.
 *
 * `.sfxpack/outside` records it: a line `rc=PATH` (`new=PATH`: the file was made for it), then the very bytes that were added.
 * They are found again byte by byte; what was edited is the user's and stays. The file is changed under a lock beside it; what a
 * record says that belongs to another user, not root, is not done: it could name any file. */
#ifndef SFX_RC_H
#define SFX_RC_H

#include "session.h"

#define SFX_OUTSIDE SFX_STATE_DIRECTORY "/outside"

/* Before anything is installed: whether it can be done for this artifact and this shell. */
enum sfx_error sfx_rc_check(const struct sfx_session *session, const struct sfx_index *index, struct sfx_fault *fault);
/* Add the lines, for the installation of INDEX at PREFIX. What fails leaves the installation as it is, and is said, with
 * SFX_ERROR_EXCEPTIONS; so of the others. */
enum sfx_error sfx_rc_add(struct sfx_session *session, const struct sfx_index *index, const char *prefix,
                          struct sfx_fault *fault);
/* Whether the lines of the installation ROOT, if there are any, are recorded as those for PREFIX, and no run left its lock there. */
bool sfx_rc_follows(int root, const char *prefix);
/* The lines of the installation ROOT, if there are any, become those for PREFIX. */
enum sfx_error sfx_rc_move(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix);
/* The record of the installation ROOT into TREE, which replaces it. */
int sfx_rc_take_over(int root, int tree);
/* Take the lines of the installation ROOT, at PREFIX, out. */
enum sfx_error sfx_rc_remove(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix);

#endif
