/* What becomes of the checks: a fault and warnings, or a report; see preflight.h. */
#include "preflight.h"

#include <stdio.h>

#include "extract.h"
#include "os.h"
#include "record.h"

static void free_checks(struct sfx_checks *checks)
{
    for (size_t i = 0; i < checks->count; i++)
        free(checks->list[i].text);
    checks->count = 0;
}
#define CLEAN_CHECKS __attribute__((cleanup(free_checks)))

static const char *text_of(const struct sfx_check *check)
{
    return check->text ? check->text : "out of memory";
}

/* What the user knows better. */
static void skip(const struct sfx_session *session, struct sfx_checks *checks)
{
    for (size_t i = 0; i < checks->count; i++) {
        struct sfx_check *check = &checks->list[i];
        if (check->outcome != SFX_CHECK_OK && session->options.skipped >> check->name & 1u)
            check->outcome = SFX_CHECK_SKIPPED;
    }
}

static const struct sfx_check *find_failure(const struct sfx_checks *checks)
{
    for (size_t i = 0; i < checks->count; i++)
        if (checks->list[i].outcome == SFX_CHECK_FAILED)
            return &checks->list[i];
    return NULL;
}

/* The first failure is the fault; without one, warnings are said. */
static enum sfx_error act_on(struct sfx_session *session, struct sfx_checks *checks, struct sfx_fault *fault)
{
    skip(session, checks);
    const struct sfx_check *failure = find_failure(checks);
    if (failure && !sfx_check_is_skippable(failure->name))
        return sfx_fail(fault, failure->error, "%s", text_of(failure));
    if (failure)
        return sfx_fail(fault, failure->error, "%s (to go on all the same: --skip-check %s)", text_of(failure),
                        sfx_check_text(failure->name));
    for (size_t i = 0; i < checks->count; i++) {
        const struct sfx_check *check = &checks->list[i];
        if (check->outcome == SFX_CHECK_WARNING)
            sfx_warn(session, "%s", text_of(check));
        else if (check->outcome == SFX_CHECK_SKIPPED && check->error)
            sfx_warn(session, "skipped the check %s: %s", sfx_check_text(check->name), text_of(check));
        else
            sfx_log(session, "%s: %s%s", sfx_check_text(check->name), check->outcome == SFX_CHECK_SKIPPED ? "skipped: " : "",
                    text_of(check));
    }
    return SFX_OK;
}

struct sfx_target sfx_preflight_target(const struct sfx_session *session, const struct sfx_place *place)
{
    const struct sfx_locator *locator = &session->artifact.locator;
    enum sfx_modes recorded = SFX_MODES_UNSET;
    struct sfx_os_stat above = {.mode = 0};
    int folder = place->folder >= 0 ? place->folder : place->parent;
    if (place->occupation == SFX_PLACE_INSTALLED)
        recorded = sfx_record_modes(place->folder);
    SFX_CLEAN_STRING char *existing = folder < 0 && place->parent_path ? sfx_path_existing(place->parent_path) : NULL;
    if (folder >= 0)
        sfx_os_stat_fd(folder, &above);
    else if (existing)
        sfx_os_stat(SFX_OS_HERE, existing, &above);
    bool is_groups = above.mode & 02000u && !sfx_os_is_root();
    enum sfx_modes by_place = is_groups ? SFX_MODES_GROUP : SFX_MODES_KEEP;
    enum sfx_modes modes = session->options.modes ? session->options.modes : recorded ? recorded : by_place;
    return (struct sfx_target){&session->artifact.index, locator->stub_size + locator->index_size, place, modes,
                               sfx_extract_hole_size(&session->artifact)};
}

enum sfx_error sfx_preflight_machine(struct sfx_session *session, struct sfx_fault *fault)
{
    CLEAN_CHECKS struct sfx_checks checks = {.count = 0};
    sfx_check_machine(&session->artifact, &checks);
    return act_on(session, &checks, fault);
}

enum sfx_error sfx_preflight_prefix(struct sfx_session *session, const struct sfx_index *index, const char *prefix,
                                    struct sfx_fault *fault)
{
    CLEAN_CHECKS struct sfx_checks checks = {.count = 0};
    sfx_check_prefix(index, prefix, &checks);
    return act_on(session, &checks, fault);
}

enum sfx_error sfx_preflight_place(struct sfx_session *session, const struct sfx_target *target, struct sfx_fault *fault)
{
    CLEAN_CHECKS struct sfx_checks checks = {.count = 0};
    sfx_check_place(target, &checks);
    return act_on(session, &checks, fault);
}

/* ---- Report ---- */

static const char *outcome_text(enum sfx_outcome outcome)
{
    switch (outcome) {
    case SFX_CHECK_OK: return "ok";
    case SFX_CHECK_WARNING: return "warning";
    case SFX_CHECK_FAILED: return "failed";
    case SFX_CHECK_SKIPPED: return "skipped";
    }
    return "?";
}

static void report_table(const struct sfx_session *session, const char *prefix, const struct sfx_checks *checks, bool failed)
{
    SFX_CLEAN_STRING char *native = sfx_os_native(prefix);
    printf("%s in %s\n", session->who, native ? native : prefix);
    for (size_t i = 0; i < checks->count; i++)
        printf("  %-14s %-8s %s\n", sfx_check_text(checks->list[i].name), outcome_text(checks->list[i].outcome), text_of(&checks->list[i]));
    printf("%s\n", failed ? "cannot be installed" : "can be installed");
}

static void report_json(const char *prefix, const struct sfx_checks *checks, const struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    sfx_text_format(&text, "{\"prefix\": ");
    SFX_CLEAN_STRING char *native = sfx_os_native(prefix);
    sfx_text_json(&text, sfx_bytes_of(native ? native : prefix));
    sfx_text_format(&text, ", \"exit\": %d, \"checks\": [", sfx_exit_code(fault));
    for (size_t i = 0; i < checks->count; i++) {
        sfx_text_format(&text, "%s\n  {\"name\": \"%s\", \"outcome\": \"%s\", \"text\": ", i ? "," : "",
                        sfx_check_text(checks->list[i].name),
                        outcome_text(checks->list[i].outcome));
        sfx_text_json(&text, sfx_bytes_of(text_of(&checks->list[i])));
        sfx_text_format(&text, "}");
    }
    sfx_text_format(&text, "\n]}");
    if (text.data)
        puts(text.data);
}

#define UNFINISHED "another run is not finished there; what it left is undone first"

static void add_place(const struct sfx_session *session, const struct sfx_target *target, const struct sfx_fault *place_fault,
                      struct sfx_checks *checks)
{
    const struct sfx_place *place = target->place;
    if (place_fault->error) {
        sfx_check_fail(checks, SFX_CHECK_PLACE, place_fault->error, "%s", place_fault->message);
        return;
    }
    const char *text = place->folder < 0 ? "does not exist yet" : "is empty";
    if (place->occupation == SFX_PLACE_LEFTOVER)
        text = UNFINISHED;
    if (place->occupation == SFX_PLACE_INSTALLED)
        text = session->options.force ? "the installation there would be replaced" : "this build is installed there already";
    bool unfinished = place->occupation == SFX_PLACE_INSTALLED && (place->left_beside || place->left_inside);
    bool linked = place->folder >= 0 && strcmp(place->path, place->prefix) != 0;
    sfx_check_add(checks, SFX_CHECK_PLACE, SFX_CHECK_OK, "%s%s%s%s", unfinished ? UNFINISHED "; " : "", text, linked ? "; the prefix is a link to " : "",
                  linked ? place->path : "");
    sfx_check_place(target, checks);
}

enum sfx_error sfx_preflight_report(struct sfx_session *session, const char *prefix, const struct sfx_target *target,
                                    const struct sfx_fault *place_fault, struct sfx_fault *fault)
{
    CLEAN_CHECKS struct sfx_checks checks = {.count = 0};
    sfx_check_machine(&session->artifact, &checks);
    sfx_check_prefix(&session->artifact.index, prefix, &checks);
    add_place(session, target, place_fault, &checks);
    skip(session, &checks);
    const struct sfx_check *failure = find_failure(&checks);
    *fault = (struct sfx_fault){.error = failure ? failure->error : SFX_OK};
    if (session->options.json)
        report_json(prefix, &checks, fault);
    else
        report_table(session, prefix, &checks, failure != NULL);
    return fault->error;
}
