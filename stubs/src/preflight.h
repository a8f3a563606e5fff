/* Whether this machine and this place can take the installation, found out before the first write. */
#ifndef SFX_PREFLIGHT_H
#define SFX_PREFLIGHT_H

#include "place.h"
#include "session.h"

/* Installing: the first check that fails is the fault; what is only doubtful is a warning. In this order: */
enum sfx_error sfx_preflight_machine(struct sfx_session *session, struct sfx_fault *fault);
enum sfx_error sfx_preflight_prefix(struct sfx_session *session, const struct sfx_index *index, const char *prefix,
                                    struct sfx_fault *fault);
enum sfx_error sfx_preflight_place(struct sfx_session *session, const struct sfx_index *index, uint64_t own_size,
                                   const struct sfx_place *place, struct sfx_fault *fault);
/* --check-only: every check, as a table or as JSON; PLACE_FAULT is what was found wrong with PLACE, or has no error, and then
 * PLACE is open. The result is the first check that failed, without a message. */
enum sfx_error sfx_preflight_report(struct sfx_session *session, const char *prefix, const struct sfx_place *place,
                                    const struct sfx_fault *place_fault, struct sfx_fault *fault);

/* ---- Between preflight.c and checks.c ---- */

enum sfx_outcome { SFX_CHECK_OK, SFX_CHECK_WARNING, SFX_CHECK_FAILED };
struct sfx_check {
    const char *name;
    enum sfx_outcome outcome;
    enum sfx_error error;                /* FAILED: which */
    char *text;                          /* a sentence; malloced */
};
#define SFX_MAX_CHECKS 64u
struct sfx_checks {
    struct sfx_check list[SFX_MAX_CHECKS];
    size_t count;
};
void sfx_check_add(struct sfx_checks *checks, const char *name, enum sfx_outcome outcome, enum sfx_error error,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
void sfx_check_machine(const struct sfx_artifact *artifact, struct sfx_checks *checks);
void sfx_check_prefix(const struct sfx_index *index, const char *prefix, struct sfx_checks *checks);
/* OWN_SIZE: bytes of `.sfxpack` but for what the index holds. */
void sfx_check_place(const struct sfx_index *index, uint64_t own_size, const struct sfx_place *place, struct sfx_checks *checks);
/* The same for an artifact: its stub and index. */
static inline uint64_t sfx_own_size(const struct sfx_artifact *artifact)
{
    return artifact->locator.stub_size + artifact->locator.index_size;
}

#endif
