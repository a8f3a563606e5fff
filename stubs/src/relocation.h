/* `sfx relocate`: an installation's files, from whatever prefix they hold to another.
 *
 * IN PLACE: new versions of all files that hold a prefix are written to `.sfxpack/relocated` first; until all are there and
 * on the disk nothing has changed. Then `.sfxpack/relocating` is written, which names every prefix that a file may hold and
 * the one they move to; each new version is renamed over its file; the state names the new prefix; the journal goes. Killed
 * at any point, the next run finds each file as it was installed, for one of the journal's prefixes, also if the folder has
 * been moved again. A COPY is published like an installation (produce.h). */
#ifndef SFX_RELOCATION_H
#define SFX_RELOCATION_H

#include "installed.h"
#include "place.h"
#include "session.h"
#include "survey.h"

#define SFX_RELOCATING SFX_STATE_DIRECTORY "/relocating"
#define SFX_RELOCATING_NEW SFX_RELOCATING ".new"
#define SFX_RELOCATED SFX_STATE_DIRECTORY "/relocated"

/* relocate [NEW] [--move] [--strict] */
enum sfx_error sfx_relocate(struct sfx_session *session, struct sfx_fault *fault);

/* ---- Between relocation.c, relocation_files.c, relocation_left.c, relocation_here.c and relocation_copy.c ---- */

enum sfx_fate {
    SFX_FATE_PLAIN,                      /* holds no prefix */
    SFX_FATE_SAME,                       /* as installed, for the new prefix already */
    SFX_FATE_MOVED,
    SFX_FATE_LINKED,                     /* another name of its file, and goes the way of that */
    SFX_FATE_LEFT,                       /* not as installed: stays as it is */
    SFX_FATE_CHANGED,                    /* the same, seen at the last moment */
    SFX_FATE_REMOVED,                    /* compiled by Python from a file that moves: it compiles that again */
};

#define SFX_NEED_FINAL 1u
#define SFX_NEED_SHA256 2u

struct sfx_relocation {
    struct sfx_session *session;
    const char *shown;                   /* where the installation lies */
    int root;
    struct sfx_installed here;
    const struct sfx_index *index;       /* its */
    char **held;                         /* prefixes that a file may hold, the likeliest first */
    struct sfx_prefix **from;            /* the same */
    size_t held_count;
    bool resumed;                        /* an earlier run did not end */
    const char *target;
    struct sfx_prefix *to;               /* the same */
    uint64_t time_step;                  /* of the new tree's file system (finals.h); 0: the old one's */
    struct sfx_survey survey;
    uint8_t *fates;                      /* of each entry, enum sfx_fate */
    uint32_t *leaders;                   /* of each LINKED entry: the name that is written for it; else see relocation_files.c */
    uint8_t *needs;                      /* of each entry: what derived values need of it */
    struct sfx_final *finals;            /* of each entry, at the new prefix */
    uint32_t removed;                    /* REMOVED, entries or not */
    uint32_t exceptions;                 /* what was listed */
    uint32_t uncopied;                   /* of these: what could not be copied */
};

/* The open installation ROOT at SHOWN, to be moved to TARGET; the journal of an earlier run is read. */
enum sfx_error sfx_relocation_open(struct sfx_session *session, int root, const char *shown, const char *target,
                                   struct sfx_relocation *ret_relocation, struct sfx_fault *fault);
void sfx_relocation_close(struct sfx_relocation *relocation);
/* Look at everything in the prefix; LOCK is the name of its lock. */
enum sfx_error sfx_relocation_survey(struct sfx_relocation *relocation, const char *lock, struct sfx_fault *fault);

/* Whether a file has the time that the index records, which a file system may round to even seconds. */
static inline bool sfx_is_time(uint64_t found, uint64_t recorded)
{
    return found == recorded || found == recorded - recorded % 2;
}

/* What one thread needs for a file. */
#define SFX_RELOCATOR_BUFFER ((size_t)1 << 20)
struct sfx_relocator {
    struct sfx_rendering *rendering;
    uint8_t *buffer;
    const uint8_t *map;                  /* of a file that the buffer does not hold */
    uint64_t map_size;
    int fd;                              /* of the file, -1: none open */
    struct sfx_os_stat found;            /* of the file */
    const struct sfx_segment *segments;  /* what it shall be, if it is MOVED or SAME */
    size_t count;
    uint64_t size;
};
static inline struct sfx_bytes sfx_relocator_map(const struct sfx_relocator *relocator)
{
    return (struct sfx_bytes){relocator->map, relocator->map ? (size_t)relocator->map_size : 0};
}
void *sfx_relocator_open(void *relocation);             /* NULL: no memory */
void sfx_relocator_close(void *relocator);
/* Read the file at PATH, a name of ENTRY (a FILE or HARD_LINK), and render it; notes its fate and what others need of it. */
enum sfx_error sfx_relocator_read(struct sfx_relocation *relocation, struct sfx_relocator *relocator, uint32_t entry,
                                  const char *path, struct sfx_fault *fault);
/* Let go of what sfx_relocator_read holds. */
void sfx_relocator_drop(struct sfx_relocator *relocator);
/* Call RUN for each of the COUNT entries, whose sites its file has, by several threads; a file after all that it needs. */
typedef enum sfx_error (*sfx_relocation_run)(struct sfx_relocation *relocation, struct sfx_relocator *relocator, uint32_t entry,
                                             void *context, struct sfx_fault *fault);
enum sfx_error sfx_relocation_each(struct sfx_relocation *relocation, sfx_relocation_run run, void *context,
                                   struct sfx_fault *fault);
/* The file of an entry: itself, or what a hard link is another name of. */
uint32_t sfx_relocation_file(const struct sfx_relocation *relocation, uint32_t entry);
/* The text of link ENTRY at the new prefix, malloced, and its fate. */
enum sfx_error sfx_relocation_link(struct sfx_relocation *relocation, uint32_t entry, char **ret_text, struct sfx_fault *fault);

/* Say what stays as it is: what was changed since, what is no part of the installation; decide what is REMOVED. */
enum sfx_error sfx_relocation_list(struct sfx_relocation *relocation, uint8_t *removed_things, struct sfx_fault *fault);

enum sfx_error sfx_relocate_here(struct sfx_relocation *relocation, struct sfx_place *place, struct sfx_fault *fault);
enum sfx_error sfx_relocate_copy(struct sfx_relocation *relocation, struct sfx_place *here, struct sfx_place *place,
                                 struct sfx_fault *fault);

#endif
