/* A prefix on this machine: its names, what stands there, who may work on it. */
#ifndef SFX_PLACE_H
#define SFX_PLACE_H

#include "fault.h"
#include "index.h"

enum sfx_occupation {
    SFX_PLACE_ABSENT,
    SFX_PLACE_EMPTY,                     /* a folder with nothing in it (`lost+found` counts as nothing) */
    SFX_PLACE_INSTALLED,                 /* a folder with a manifest */
    SFX_PLACE_LEFTOVER,                  /* no installation, but a run of ours that was killed left its traces, or is at work */
    SFX_PLACE_OCCUPIED,                  /* anything else */
};

/* The journal of `sfx uninstall` (uninstall.h). */
#define SFX_UNINSTALLING SFX_STATE_DIRECTORY "/uninstalling"

struct sfx_place {
    char *prefix;                        /* absolute, normalised: what is rendered */
    char *path;                          /* the same folder; if the prefix is a link, where it leads */
    char *parent_path;                   /* of `path` */
    const char *name;                    /* of `path` */
    char *staging;                       /* names beside it, derived from `name` */
    char *old;
    char *journal;
    char *replaced;                      /* there while hooks run: what is staged is the old tree, with the user's files */
    char *lock;
    int parent;                          /* open folder, -1 while it does not exist */
    int folder;                          /* the prefix itself, open, -1 while absent */
    enum sfx_occupation occupation;
    bool left_beside;                    /* traces of a run in the parent, or the prefix itself is one (SFX_PENDING) */
    bool left_inside;                    /* the same in the prefix */
    bool spent_record;                   /* of that, a `.sfxpack` without a manifest */
    bool uninstalling;                   /* an installation that was being removed when that run ended */
    bool can_replace_beside;             /* the parent is writable and the prefix no mount point */
};

/* Look at PREFIX (absolute, normalised); changes nothing. */
enum sfx_error sfx_place_open(const char *prefix, struct sfx_place *ret_place, struct sfx_fault *fault);
/* Look again, after something may have changed. */
enum sfx_error sfx_place_look(struct sfx_place *place, struct sfx_fault *fault);
void sfx_place_close(struct sfx_place *place);
/* SFX_ERROR_PREFIX for `/`, folders of the system and home directories themselves. */
enum sfx_error sfx_place_check_allowed(const struct sfx_place *place, struct sfx_fault *fault);

/* Create the parent and what is missing above it; RET_MADE is the topmost folder made, or NULL. */
enum sfx_error sfx_place_make_parent(struct sfx_place *place, char **ret_made, struct sfx_fault *fault);
/* Remove what sfx_place_make_parent made, as far as it is empty. */
void sfx_place_unmake_parent(const struct sfx_place *place, const char *made);

#endif
