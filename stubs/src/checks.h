/* The checks of the preflight: their names, and what each found. */
#ifndef SFX_CHECKS_H
#define SFX_CHECKS_H

#include "artifact.h"
#include "modes.h"
#include "place.h"

enum sfx_check_name {
    SFX_CHECK_SYSTEM,
    SFX_CHECK_C_LIBRARY,
    SFX_CHECK_PROCESSOR,
    SFX_CHECK_PREFIX_LENGTH,
    SFX_CHECK_LONGEST_PATH,
    SFX_CHECK_PATHS_IN_DATA,
    SFX_CHECK_QUOTING,
    SFX_CHECK_SEARCH_PATHS,
    SFX_CHECK_PLACE,
    SFX_CHECK_PERMISSION,
    SFX_CHECK_EXECUTABLE,
    SFX_CHECK_SPACE,
    SFX_CHECK_INODES,
    SFX_CHECK_QUOTA,
    SFX_CHECK_FILE_SIZE,
    SFX_CHECK_NAMES,
    SFX_CHECK_CASE,
    SFX_CHECK_LINKS,
    SFX_CHECK_MODES,
    SFX_CHECK_SELINUX,
    SFX_CHECK_FAPOLICYD,
    SFX_CHECK_COUNT,
};
const char *sfx_check_text(enum sfx_check_name name);
bool sfx_check_is_skippable(enum sfx_check_name name);
/* NAMES, commas between them, as bits 1 << enum sfx_check_name, added to SKIPPED; SFX_ERROR_USAGE for what is no check, or
 * none that may be skipped. */
enum sfx_error sfx_check_skip(const char *names, uint32_t *skipped, struct sfx_fault *fault);

enum sfx_outcome { SFX_CHECK_OK, SFX_CHECK_WARNING, SFX_CHECK_FAILED, SFX_CHECK_SKIPPED };
struct sfx_check {
    enum sfx_check_name name;
    enum sfx_outcome outcome;
    enum sfx_error error;                /* FAILED: which */
    char *text;                          /* a sentence; malloced */
};
#define SFX_MAX_CHECKS 64u
struct sfx_checks {
    struct sfx_check list[SFX_MAX_CHECKS];
    size_t count;
};
void sfx_check_add(struct sfx_checks *checks, enum sfx_check_name name, enum sfx_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with the outcome FAILED. */
void sfx_check_fail(struct sfx_checks *checks, enum sfx_check_name name, enum sfx_error error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What goes where. */
struct sfx_target {
    const struct sfx_index *index;
    uint64_t own_size;                   /* bytes of `.sfxpack` but for what the index holds */
    const struct sfx_place *place;
    enum sfx_modes modes;
    uint64_t hole_size;                  /* bytes of the files that need no room */
};
/* They look, and write nothing. */
void sfx_check_machine(const struct sfx_artifact *artifact, struct sfx_checks *checks);
void sfx_check_prefix(const struct sfx_index *index, const char *prefix, struct sfx_checks *checks);
void sfx_check_place(const struct sfx_target *target, struct sfx_checks *checks);

#endif
