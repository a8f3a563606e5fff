/* Whether this machine and this place can take the installation, found out before the first write. */
#ifndef SFX_PREFLIGHT_H
#define SFX_PREFLIGHT_H

#include "checks.h"
#include "session.h"

/* Installing: the first check that fails and is not skipped is the fault; what is only doubtful is a warning. In this order: */
enum sfx_error sfx_preflight_machine(struct sfx_session *session, struct sfx_fault *fault);
enum sfx_error sfx_preflight_prefix(struct sfx_session *session, const struct sfx_index *index, const char *prefix,
                                    struct sfx_fault *fault);
enum sfx_error sfx_preflight_place(struct sfx_session *session, const struct sfx_target *target, struct sfx_fault *fault);
/* --check-only: every check, as a table or as JSON; PLACE_FAULT is what was found wrong with the place of TARGET, or has no
 * error, and then the place is open. The result is the first check that failed, without a message. */
enum sfx_error sfx_preflight_report(struct sfx_session *session, const char *prefix, const struct sfx_target *target,
                                    const struct sfx_fault *place_fault, struct sfx_fault *fault);

/* Where the artifact goes if PLACE is good for it. */
struct sfx_target sfx_preflight_target(const struct sfx_session *session, const struct sfx_place *place);

#endif
