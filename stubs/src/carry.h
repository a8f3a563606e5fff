/* What a user added to or changed in an installation that is replaced goes over into the new one. */
#ifndef SFX_CARRY_H
#define SFX_CARRY_H

#include "commit.h"
#include "session.h"

/* Hard links (else copies) in the new tree for foreign and edited things of the installation at PLACE. What would
 * overwrite something of the new tree gets `.sfxpack-old` behind its name. Each is logged, the count is said. */
enum sfx_error sfx_carry(struct sfx_session *session, const struct sfx_place *place, const struct sfx_commit *commit,
                         struct sfx_fault *fault);
/* The same once more, right before the new tree takes its place: for what came after that, or was changed at SINCE (seconds) or
 * later; only the latter is read. */
enum sfx_error sfx_carry_late(struct sfx_session *session, const struct sfx_place *place, const struct sfx_commit *commit,
                              uint64_t since, bool *ret_kept, struct sfx_fault *fault);

#endif
