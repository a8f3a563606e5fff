/* An installation, opened to be looked at: its record, its files, whether they are as they were installed. */
#ifndef SFX_INSTALLED_H
#define SFX_INSTALLED_H

#include "finals.h"
#include "progress.h"
#include "record.h"
#include "relocate.h"

struct sfx_installed {
    struct sfx_record record;
    int root;                            /* the prefix, open; not owned */
    struct sfx_prefix *prefix;           /* the recorded one */
    struct sfx_finals *finals;
};
enum sfx_error sfx_installed_open(int root, const char *shown, struct sfx_installed *ret_installed, struct sfx_fault *fault);
void sfx_installed_close(struct sfx_installed *installed);

enum sfx_condition {
    SFX_AS_INSTALLED,
    SFX_REGENERATED,                     /* a .pyc that is not as installed, but valid for its source, which is */
    SFX_FOLLOWS,                         /* holds a value of a file that is not as installed: cannot be judged */
    SFX_MISSING,
    SFX_OTHER_KIND,                      /* a folder where a file was, and the like */
    SFX_OTHER_LINK,                      /* a link with another text */
    SFX_OTHER_CONTENT,
    SFX_OTHER_MODE,                      /* and nothing else */
    SFX_UNREADABLE,
};
const char *sfx_condition_text(enum sfx_condition condition);
/* The condition of one entry. May be called from several threads. */
enum sfx_error sfx_installed_check(const struct sfx_installed *installed, uint32_t entry, enum sfx_condition *ret_condition,
                                   struct sfx_fault *fault);
/* Whether a file that FOLLOWS is as it was installed but for the values of other files. */
bool sfx_installed_follows_only(const struct sfx_installed *installed, uint32_t entry);
/* The conditions of all entries, by JOBS threads (0: as many as processors); malloced. PROGRESS may be NULL. */
enum sfx_error sfx_installed_check_all(const struct sfx_installed *installed, unsigned jobs, struct sfx_progress *progress,
                                       uint8_t **ret_conditions, struct sfx_fault *fault);
/* Whether the .pyc at PATH, in the index or not, is valid for a source of the index that is as it was installed. */
bool sfx_installed_is_regenerated(const struct sfx_installed *installed, struct sfx_bytes path);

/* Whether PREFIX, a path, leads to the open folder ROOT. */
bool sfx_installed_is_at(int root, const char *prefix);
/* The prefix the running program lies in, PREFIX/.sfxpack/sfx: its path, malloced, and the open folder. */
enum sfx_error sfx_installed_self(char **ret_path, int *ret_root, struct sfx_fault *fault);

#endif
