/* What an installation says of itself: PREFIX/.sfxpack/ (SPEC, "The installed prefix"). */
#ifndef SFX_RECORD_H
#define SFX_RECORD_H

#include "artifact.h"
#include "modes.h"
#include "text.h"

#define SFX_MANIFEST_PATH SFX_STATE_DIRECTORY "/manifest"
/* The manifest's name until the tree is an installation: hooks still run. */
#define SFX_PENDING_PATH SFX_STATE_DIRECTORY "/pending"

struct sfx_recording {
    int tree;                            /* open; it has a `.sfxpack` */
    const char *shown;                   /* its path */
    const struct sfx_artifact *artifact;
    const char *prefix;
    enum sfx_modes modes;
    const char *log;                     /* or NULL */
};
/* Write manifest, stub, notices, report, state, the product's licence and the log into TREE/.sfxpack. */
enum sfx_error sfx_record_write(const struct sfx_recording *recording, struct sfx_fault *fault);

/* The state of the open prefix ROOT, but for PREFIX, into TREE/.sfxpack, which may be the same; replaces what is there. Of
 * another tree that its folder stays is not taken over. */
enum sfx_error sfx_record_move(int root, int tree, const char *shown, const char *prefix, bool sync, struct sfx_fault *fault);
/* Note in TREE's state that its folder was there before: it stays when the installation goes. */
int sfx_record_keep_folder(int tree);
/* Whether that is noted in the open prefix ROOT. */
bool sfx_record_keeps_folder(int root);
/* PATH below the open prefix ROOT holds TEXT, whole, or what it held before; on the disk if SYNC. */
int sfx_record_replace(int root, const char *path, const struct sfx_text *text, uint32_t mode, bool sync);
/* Remove `.sfxpack` of the open prefix ROOT, in which nothing else is left of the installation; killed anywhere, the next run
 * sees that it was being removed (place.h). */
int sfx_record_remove(int root, bool sync);
/* TEXT, paths of what was made after installing, a line each, into the open prefix ROOT; replaces what is there. */
enum sfx_error sfx_record_generated(int root, const char *shown, struct sfx_bytes text, struct sfx_fault *fault);
/* Add TEXT to the log of the open prefix ROOT, if it keeps one. */
void sfx_record_add_log(int root, struct sfx_bytes text);

/* The record of an installation, read and checked. */
struct sfx_record {
    struct sfx_index index;
    uint8_t build[SFX_DIGEST_SIZE];
    char *prefix;                        /* the prefix the tree is rendered for */
    enum sfx_modes modes;
};
/* SFX_ERROR_PREFIX where the hooks of an installer have not ended, or not yet: only that, or the next one, may do anything there. */
enum sfx_error sfx_record_check_ended(int root, const char *shown, struct sfx_fault *fault);
/* ROOT is the open prefix, SHOWN its path. */
enum sfx_error sfx_record_open(int root, const char *shown, struct sfx_record *ret_record, struct sfx_fault *fault);
void sfx_record_close(struct sfx_record *record);
/* Only what is needed to tell which build stands there: its name, and the prefix it is rendered for (malloced). */
enum sfx_error sfx_record_identity(int root, const char *shown, uint8_t ret_build[SFX_DIGEST_SIZE], char **ret_prefix,
                                   struct sfx_fault *fault);
/* UNSET: none recorded. */
enum sfx_modes sfx_record_modes(int root);

#endif
