/* Everything that lies in an installation, entries of its index or not. */
#ifndef SFX_SURVEY_H
#define SFX_SURVEY_H

#include "index.h"
#include "os.h"

#define SFX_NO_THING UINT32_MAX
struct sfx_thing {
    uint64_t path;                       /* offset in the survey's names */
    uint32_t entry;                      /* SFX_NO_ENTRY: no part of what was installed */
    uint32_t folder;                     /* the thing it lies in, SFX_NO_THING: the prefix */
    bool mounted;                        /* a folder: what it holds belongs elsewhere and is not looked at */
    struct sfx_os_stat found;
};

struct sfx_survey {
    char *names;                         /* paths below the prefix, each NUL-terminated */
    struct sfx_thing *things;            /* a folder before what it holds */
    size_t count;
    uint32_t *thing;                     /* of each entry of the index, or SFX_NO_ENTRY: it is missing */
    /* while it is made */
    size_t names_size;
    size_t names_room;
    size_t room;
};

/* Of the open folder ROOT, SHOWN in messages. Left out are `.sfxpack`, what a run leaves in a prefix (LOCK is the lock's name),
 * `lost+found`, and what lies in a folder that something is mounted on. */
enum sfx_error sfx_survey_open(int root, const char *shown, const char *lock, const struct sfx_index *index,
                               struct sfx_survey *ret_survey, struct sfx_fault *fault);
void sfx_survey_close(struct sfx_survey *survey);
/* Whether what was FOUND is still as it was THEN. Not by inodes: those of FAT change while nothing does. */
static inline bool sfx_is_unchanged(const struct sfx_os_stat *then, const struct sfx_os_stat *found)
{
    return found->kind == then->kind &&
           (found->kind == SFX_OS_FOLDER || (found->size == then->size && found->mtime == then->mtime));
}
static inline const char *sfx_survey_path(const struct sfx_survey *survey, const struct sfx_thing *thing)
{
    return survey->names + thing->path;
}

#endif
