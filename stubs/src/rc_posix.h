/* A start-up file with our lines in it: what is recorded, what the lines are, how the file is changed; between the modules of rc.h. */
#ifndef SFX_RC_POSIX_H
#define SFX_RC_POSIX_H

#include "lock.h"
#include "rc.h"

/* ---- rc_posix_record.c ---- */

struct sfx_outside {
    char *path;                          /* of the start-up file; NULL: nothing is recorded */
    bool made;                           /* it was made for the lines */
    struct sfx_text added;               /* the bytes that were added */
};
void sfx_outside_close(struct sfx_outside *outside);
#define SFX_CLEAN_OUTSIDE __attribute__((cleanup(sfx_outside_close)))
/* EPERM: it is another user's. */
int sfx_outside_read(int root, struct sfx_outside *ret_outside);
int sfx_outside_write(int root, const struct sfx_outside *outside);
/* What was added but for the newline before it, if the file did not end with one. */
struct sfx_bytes sfx_outside_block(const struct sfx_outside *outside);

/* ---- rc_posix_lines.c ---- */

const char *sfx_rc_shell(void);          /* the name of the user's; "" if it is not known */
/* The file that it reads, malloced; NULL: there is no home directory. */
char *sfx_rc_choose(void);
bool sfx_rc_is_fish(const char *path);
/* The lines for the installation of INDEX at PREFIX, in the language of the file. */
void sfx_rc_block(struct sfx_text *text, const struct sfx_index *index, const char *prefix, bool fish);

/* ---- rc_posix_file.c ---- */

struct sfx_rc_holding {
    char *folder;
    char *name;
    struct sfx_lock lock;
};
void sfx_rc_let_go(struct sfx_rc_holding *holding);
#define SFX_LET_GO __attribute__((cleanup(sfx_rc_let_go)))
/* Whether a run changes the file at PATH, or did when it was killed. */
bool sfx_rc_is_locked(const char *path);
/* The lock of the file at PATH, as long as it is read and replaced. Who may not write there can change nothing, and needs none. */
enum sfx_error sfx_rc_take_lock(struct sfx_session *session, const char *path, struct sfx_rc_holding *holding);
/* Links are followed. A file that is absent is empty; what is no regular file is refused. */
int sfx_rc_read(const char *path, struct sfx_text *text, bool *ret_exists);
/* OLD, a part of TEXT, or its end if NULL, becomes NEW; in the file. */
int sfx_rc_splice(const char *path, const struct sfx_text *text, const char *old, size_t size, struct sfx_bytes new);

#endif
