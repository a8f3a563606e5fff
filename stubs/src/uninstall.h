/* `sfx uninstall`: what was installed goes, what a user added or changed stays.
 *
 * `.sfxpack/uninstalling` is written first: from then on the place holds no installation any more. It names, each with a NUL
 * behind it, what goes although its content does not show that it was installed. Files go, then folders that are empty;
 * after a flush, `.sfxpack`: with the folder of the prefix, renamed to the staging name beside it, or, where that folder
 * stays, the manifest first and the journal last. Killed before, the next `sfx uninstall` goes on, or an installer; after that
 * an installer removes the rest. */
#ifndef SFX_UNINSTALL_H
#define SFX_UNINSTALL_H

#include "installed.h"
#include "place.h"
#include "session.h"
#include "survey.h"

enum sfx_error sfx_uninstall(struct sfx_session *session, struct sfx_fault *fault);
/* For an installer: finish the run of `sfx uninstall` that was killed at PLACE, and look again. */
enum sfx_error sfx_uninstall_finish(struct sfx_session *session, struct sfx_place *place, struct sfx_fault *fault);

/* ---- Between uninstall.c and uninstall_plan.c ---- */

enum sfx_lot {
    SFX_LOT_STAYS,
    SFX_LOT_GOES,                        /* a folder: if it is empty then */
    SFX_LOT_NAMED,                       /* goes, and the journal names it */
};

struct sfx_removal {
    struct sfx_session *session;
    struct sfx_place *place;
    struct sfx_installed here;
    struct sfx_survey survey;
    uint8_t *conditions;                 /* of each entry */
    uint8_t *lots;                       /* of each thing */
    uint64_t bytes;                      /* of what goes */
    uint32_t files;
    uint32_t added;                      /* files that stay: not installed with it */
    uint32_t changed;                    /* and changed since */
};

/* Look at all of the installation at PLACE and decide; PURGE: what was changed goes. */
enum sfx_error sfx_removal_open(struct sfx_session *session, struct sfx_place *place, bool purge,
                                struct sfx_removal *ret_removal, struct sfx_fault *fault);
void sfx_removal_close(struct sfx_removal *removal);
/* Say what stays. */
enum sfx_error sfx_removal_list(const struct sfx_removal *removal, struct sfx_fault *fault);

#endif
