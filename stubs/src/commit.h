/* Publishing a tree at a prefix: complete, or recognisably not there and undone by the next run.
 *
 * BESIDE: the tree is made in a staging folder beside the prefix; one rename publishes it, or exchanges it with the
 * installation it replaces. INSIDE, where the folder of the prefix has to stay: staging in PREFIX/.sfxpack.new/, a journal
 * of the top-level names, renames one by one, `.sfxpack` last. Not guaranteed: that a replacement INSIDE looks complete
 * to others while it happens.
 *
 * What stands at the prefix then is settled, and the tree it replaced removed; or it is reverted. A tree whose manifest is
 * still called `pending` (record.h) is no installation in between, and the next run reverts it. */
#ifndef SFX_COMMIT_H
#define SFX_COMMIT_H

#include "place.h"

struct sfx_commit {
    struct sfx_place *place;
    bool inside;
    bool replaces;                       /* an installation stands there */
    bool made_folder;                    /* the staging folder exists, and may go */
    bool pending;                        /* the tree's manifest has the name that makes it none yet */
    uint32_t mode;                       /* BESIDE: of the prefix */
    bool keeps_mode;                     /* rather that of the installation it replaces */
    int base;                            /* where the staging folder stands: parent, or the prefix */
    int staging;                         /* INSIDE: the open staging folder */
    int tree;                            /* where the tree is made */
    char *shown;                         /* path of `tree` */
};

/* Undo what killed runs left at the place. The lock is held. */
enum sfx_error sfx_commit_recover(struct sfx_place *place, bool inside, struct sfx_fault *fault);
/* Make the staging folder. The lock is held and the place was looked at under it. */
enum sfx_error sfx_commit_begin(struct sfx_place *place, bool inside, struct sfx_commit *ret_commit, struct sfx_fault *fault);
/* The last before publishing: the mode of the tree, and with SYNC all of it on the disk. */
enum sfx_error sfx_commit_flush(const struct sfx_commit *commit, bool sync, struct sfx_fault *fault);
/* Publish. After SFX_OK the new tree stands, and one of the next two must follow. */
enum sfx_error sfx_commit_publish(struct sfx_commit *commit, bool sync, struct sfx_fault *fault);
/* The tree stays: if its manifest is `pending` it becomes an installation. RET_RESIDUE tells that the old tree could not be
 * removed whole. */
enum sfx_error sfx_commit_settle(struct sfx_commit *commit, bool sync, bool *ret_residue, struct sfx_fault *fault);
/* The tree goes, and what was there before is there again. */
enum sfx_error sfx_commit_revert(struct sfx_commit *commit, bool sync, struct sfx_fault *fault);
/* Remove the staging folder if it is still there, and close. */
void sfx_commit_close(struct sfx_commit *commit);

/* The moves of INSIDE, by their journal (journal.c). */
enum sfx_error sfx_journal_publish(struct sfx_commit *commit, bool sync, struct sfx_fault *fault);
enum sfx_error sfx_journal_undo(const struct sfx_place *place, struct sfx_fault *fault);
/* Remove the staging folder of the open PREFIX; all has come, or gone back. */
int sfx_journal_remove(int prefix);

#define SFX_STAGING_TREE "tree"
#define SFX_STAGING_OLD "old"
#define SFX_STAGING_JOURNAL "journal"

#endif
