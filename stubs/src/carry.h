/* What a user added to or changed in an installation that is replaced goes over into the new one. */
#ifndef SFX_CARRY_H
#define SFX_CARRY_H

#include "commit.h"
#include "session.h"

/* Hard links (else copies) in the new tree for foreign and edited things of the installation at PLACE. What would
 * overwrite something of the new tree gets `.sfxpack-old` behind its name. Each is logged, the count is said. */
enum sfx_error sfx_carry(struct sfx_session *session, const struct sfx_place *place, const struct sfx_commit *commit,
                         struct sfx_fault *fault);

#endif
