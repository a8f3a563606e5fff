/* A tree at a place: staging, extraction, publication; everything or nothing. */
#ifndef SFX_PRODUCE_H
#define SFX_PRODUCE_H

#include "commit.h"
#include "lock.h"
#include "modes.h"
#include "session.h"

struct sfx_production {
    struct sfx_session *session;
    struct sfx_place *place;
    const char *prefix;                  /* rendered for it */
    bool inside;                         /* how it is published (commit.h) */
    const uint8_t *wanted;               /* entries to write, NULL: all */
    const uint8_t *kept;                 /* entries of those that stay, NULL: all */
    bool record;                         /* `.sfxpack` is filled */
    bool log;                            /* with the log, too */
    const char *verb;                    /* for the progress */
    /* What makes the tree in `commit->tree`, `.sfxpack` and all; NULL: the artifact's, by the fields above. */
    enum sfx_error (*fill)(void *context, const struct sfx_commit *commit, struct sfx_fault *fault);
    /* Called before the tree is made, and when it stands at the prefix and may still be taken back; NULL: nothing. */
    enum sfx_error (*before)(void *context, const struct sfx_commit *commit, struct sfx_fault *fault);
    enum sfx_error (*after)(void *context, const struct sfx_commit *commit, struct sfx_fault *fault);
    /* Called when it stands there for good, with the lock still held; what fails leaves it there. NULL: nothing. */
    enum sfx_error (*finish)(void *context, struct sfx_fault *fault);
    void *context;                       /* of these four */
    enum sfx_modes modes;
    uint32_t mode;                       /* of the prefix, if it is made; 0: by MODES */
};

/* Undo what killed runs left at PLACE, under its lock, and look again. */
enum sfx_error sfx_produce_recover(struct sfx_session *session, struct sfx_place *place, struct sfx_fault *fault);
/* The lock NAME in the open folder DIRECTORY, SHOWN in messages; waits for a run that holds it. NAME outlives the lock. */
enum sfx_error sfx_produce_lock_in(struct sfx_session *session, int directory, const char *shown, const char *name,
                                   struct sfx_lock *ret_lock, struct sfx_fault *fault);
/* The lock of PLACE, in the prefix itself or beside it; waits for a run that is at work there. */
enum sfx_error sfx_produce_lock(struct sfx_session *session, const struct sfx_place *place, bool inside, struct sfx_lock *ret_lock,
                                struct sfx_fault *fault);
/* Lock, make, publish, unlock. PLACE was looked at; if another run has changed it by the time the lock is held, nothing is done but
 * to look again: RET_CHANGED is true, or, if it is NULL, that is an error. */
enum sfx_error sfx_produce(const struct sfx_production *production, bool *ret_changed, struct sfx_fault *fault);

#endif
