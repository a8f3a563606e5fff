/* What becomes of the checks: a fault and warnings, or a report; see preflight.h. */
#include "preflight.h"

#include <stdio.h>

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

/* The first failure is the fault; without one, warnings are said. */
static enum sfx_error act_on(struct sfx_session *session, const struct sfx_checks *checks, struct sfx_fault *fault)
{
    for (size_t i = 0; i < checks->count; i++)
        if (checks->list[i].outcome == SFX_CHECK_FAILED)
            return sfx_fail(fault, checks->list[i].error, "%s", text_of(&checks->list[i]));
    for (size_t i = 0; i < checks->count; i++) {
        if (checks->list[i].outcome == SFX_CHECK_WARNING)
            sfx_warn(session, "%s", text_of(&checks->list[i]));
        else
            sfx_log(session, "%s: %s", checks->list[i].name, text_of(&checks->list[i]));
    }
    return SFX_OK;
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

enum sfx_error sfx_preflight_place(struct sfx_session *session, const struct sfx_index *index, uint64_t own_size,
                                   const struct sfx_place *place, struct sfx_fault *fault)
{
    CLEAN_CHECKS struct sfx_checks checks = {.count = 0};
    sfx_check_place(index, own_size, place, &checks);
    return act_on(session, &checks, fault);
}

/* ---- Report ---- */

static const char *outcome_text(enum sfx_outcome outcome)
{
    switch (outcome) {
    case SFX_CHECK_OK: return "ok";
    case SFX_CHECK_WARNING: return "warning";
    case SFX_CHECK_FAILED: return "failed";
    }
    return "?";
}

static void report_table(const struct sfx_session *session, const char *prefix, const struct sfx_checks *checks, bool failed)
{
    printf("%s in %s\n", session->who, prefix);
    for (size_t i = 0; i < checks->count; i++)
        printf("  %-14s %-8s %s\n", checks->list[i].name, outcome_text(checks->list[i].outcome), text_of(&checks->list[i]));
    printf("%s\n", failed ? "cannot be installed" : "can be installed");
}

static void report_json(const char *prefix, const struct sfx_checks *checks, const struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    sfx_text_format(&text, "{\"prefix\": ");
    sfx_text_json(&text, sfx_bytes_of(prefix));
    sfx_text_format(&text, ", \"exit\": %d, \"checks\": [", sfx_exit_code(fault));
    for (size_t i = 0; i < checks->count; i++) {
        sfx_text_format(&text, "%s\n  {\"name\": \"%s\", \"outcome\": \"%s\", \"text\": ", i ? "," : "", checks->list[i].name,
                        outcome_text(checks->list[i].outcome));
        sfx_text_json(&text, sfx_bytes_of(text_of(&checks->list[i])));
        sfx_text_format(&text, "}");
    }
    sfx_text_format(&text, "\n]}");
    if (text.data)
        puts(text.data);
}

static void add_place(const struct sfx_session *session, const struct sfx_place *place, const struct sfx_fault *place_fault,
                      struct sfx_checks *checks)
{
    if (place_fault->error)
        sfx_check_add(checks, "place", SFX_CHECK_FAILED, place_fault->error, "%s", place_fault->message);
    else if (place->occupation == SFX_PLACE_INSTALLED && !session->options.force)
        sfx_check_add(checks, "place", SFX_CHECK_OK, SFX_OK, "this build is installed there already");
    else if (place->occupation == SFX_PLACE_INSTALLED)
        sfx_check_add(checks, "place", SFX_CHECK_OK, SFX_OK, "the installation there would be replaced");
    else
        sfx_check_add(checks, "place", SFX_CHECK_OK, SFX_OK, place->folder < 0 ? "does not exist yet" : "is empty");
    if (!place_fault->error)
        sfx_check_place(&session->artifact.index, sfx_own_size(&session->artifact), place, checks);
}

enum sfx_error sfx_preflight_report(struct sfx_session *session, const char *prefix, const struct sfx_place *place,
                                    const struct sfx_fault *place_fault, struct sfx_fault *fault)
{
    CLEAN_CHECKS struct sfx_checks checks = {.count = 0};
    sfx_check_machine(&session->artifact, &checks);
    sfx_check_prefix(&session->artifact.index, prefix, &checks);
    add_place(session, place, place_fault, &checks);
    *fault = (struct sfx_fault){.error = SFX_OK};
    for (size_t i = 0; !fault->error && i < checks.count; i++)
        if (checks.list[i].outcome == SFX_CHECK_FAILED)
            fault->error = checks.list[i].error;
    if (session->options.json)
        report_json(prefix, &checks, fault);
    else
        report_table(session, prefix, &checks, fault->error != SFX_OK);
    return fault->error;
}
