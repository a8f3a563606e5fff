/* `sfx relocate`: which installation, from what to where; see relocation.h. */
#include "relocation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "preflight.h"
#include "produce.h"
#include "rc.h"

#define MAX_HELD 64u                     /* a run that never ends, started again at ever other places */

/* ---- What files may hold ---- */

static bool is_held(const struct sfx_relocation *relocation, const char *prefix)
{
    for (size_t i = 0; i < relocation->held_count; i++)
        if (strcmp(relocation->held[i], prefix) == 0)
            return true;
    return false;
}

static enum sfx_error hold(struct sfx_relocation *relocation, const char *prefix, struct sfx_fault *fault)
{
    size_t at = relocation->held_count;
    if (is_held(relocation, prefix))
        return SFX_OK;
    if (at == MAX_HELD)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s/" SFX_RELOCATING " names more than %u prefixes; install again",
                        relocation->shown, MAX_HELD);
    enum sfx_error error = sfx_prefix_open(prefix, relocation->index, &relocation->from[at], fault);
    if (error)
        return error;
    relocation->held[at] = strdup(prefix);
    relocation->held_count++;
    return relocation->held[at] ? SFX_OK : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

/* Whether a run of `relocate` left something: it did not end, or was just about to. */
static bool has_leftovers(int root)
{
    static const char *const names[] = {SFX_RELOCATING, SFX_RELOCATING_NEW, SFX_RELOCATED};
    struct sfx_os_stat found;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sfx_os_stat(root, names[i], &found) == 0)
            return true;
    return false;
}

/* The journal of a run that did not end: lines `prefix=P`, the one it moved to first. What it names is only tried, so a line
 * that names no prefix does no harm. */
static enum sfx_error read_journal(struct sfx_relocation *relocation, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    char buffer[4096];
    size_t got = 0;
    int error = sfx_os_open(relocation->root, SFX_RELOCATING, SFX_OS_READ, &fd);
    if (error == ENOENT)
        return SFX_OK;
    do {
        if (!error)
            error = sfx_os_read(fd, buffer, sizeof buffer, &got);
        sfx_text_add(&text, buffer, error ? 0 : got);
    } while (!error && got > 0 && text.size < MAX_HELD * (SFX_MAX_PREFIX + 16u));
    if (error || text.failed)
        return sfx_fail_os(fault, error ? error : ENOMEM, "cannot read %s/" SFX_RELOCATING, relocation->shown);
    enum sfx_error failed = SFX_OK;
    for (char *line = text.data; failed != SFX_ERROR_PREFIX && line && *line;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (strncmp(line, "prefix=", 7) == 0 && sfx_os_root_size(line + 7) > 0 && next)
            failed = hold(relocation, line + 7, fault);
        line = next;
    }
    return failed == SFX_ERROR_PREFIX ? failed : SFX_OK;
}

/* ---- Open and close ---- */

static enum sfx_error note_needs(struct sfx_relocation *relocation, struct sfx_fault *fault)
{
    const struct sfx_index *index = relocation->index;
    size_t entries = (size_t)index->header.entry_count + 1;
    relocation->fates = calloc(entries, 1);
    relocation->leaders = calloc(entries, sizeof *relocation->leaders);
    relocation->needs = calloc(entries, 1);
    relocation->finals = calloc(entries, sizeof *relocation->finals);
    if (!relocation->fates || !relocation->leaders || !relocation->needs || !relocation->finals)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    for (uint32_t i = 0; i < index->header.entry_count; i++)
        relocation->leaders[i] = i;
    for (uint32_t i = 0; i < index->header.site_count; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        if (site.strategy != SFX_STRATEGY_DERIVED)
            continue;
        bool digest = site.encoding == SFX_DERIVED_SHA256_HEX || site.encoding == SFX_DERIVED_SHA256_RECORD;
        relocation->needs[site.target] |= SFX_NEED_FINAL | (digest ? SFX_NEED_SHA256 : 0);
    }
    return SFX_OK;
}

enum sfx_error sfx_relocation_open(struct sfx_session *session, int root, const char *shown, const char *target,
                                   struct sfx_relocation *ret_relocation, struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = ret_relocation;
    memset(relocation, 0, sizeof *relocation);
    relocation->session = session;
    relocation->root = root;
    relocation->shown = shown;
    relocation->target = target;
    relocation->resumed = has_leftovers(root);
    enum sfx_error error = sfx_installed_open(root, shown, &relocation->here, fault);
    if (error)
        return error;
    relocation->index = &relocation->here.record.index;
    relocation->held = calloc(MAX_HELD, sizeof *relocation->held);
    relocation->from = calloc(MAX_HELD, sizeof(struct sfx_prefix *));
    if (!relocation->held || !relocation->from)
        error = sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    if (!error)
        error = sfx_prefix_open(target, relocation->index, &relocation->to, fault);
    if (!error)
        error = read_journal(relocation, fault);
    if (!error)
        error = hold(relocation, relocation->here.record.prefix, fault);
    if (!error)
        error = note_needs(relocation, fault);
    return error;
}

void sfx_relocation_close(struct sfx_relocation *relocation)
{
    for (size_t i = 0; i < relocation->held_count; i++) {
        free(relocation->held[i]);
        if (relocation->from[i])
            sfx_prefix_close(relocation->from[i]);
    }
    free(relocation->held);
    free(relocation->from);
    if (relocation->to)
        sfx_prefix_close(relocation->to);
    sfx_survey_close(&relocation->survey);
    free(relocation->fates);
    free(relocation->leaders);
    free(relocation->needs);
    free(relocation->finals);
    sfx_installed_close(&relocation->here);
}

enum sfx_error sfx_relocation_survey(struct sfx_relocation *relocation, const char *lock, struct sfx_fault *fault)
{
    return sfx_survey_open(relocation->root, relocation->shown, lock, relocation->index, &relocation->survey, fault);
}

/* ---- The command ---- */

/* Whether two open folders are the same; one that is not open is no other's. */
static int compare_folders(int a, int b, bool *ret_same)
{
    struct sfx_os_stat left;
    struct sfx_os_stat right;
    *ret_same = false;
    if (a < 0 || b < 0)
        return 0;
    int error = sfx_os_stat_fd(a, &left);
    if (!error)
        error = sfx_os_stat_fd(b, &right);
    *ret_same = !error && left.device == right.device && left.inode == right.inode;
    return error;
}

/* Where to: NEW, or where the installation lies. A recorded prefix that leads there is right as it is. */
static enum sfx_error choose_target(const struct sfx_session *session, int root, const char *path, char **ret_target,
                                    struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *recorded = NULL;
    uint8_t build[SFX_DIGEST_SIZE];
    if (session->options.target)
        return sfx_path_absolute(session->options.target, ret_target, fault);
    enum sfx_error error = sfx_record_identity(root, path, build, &recorded, fault);
    if (error)
        return error;
    *ret_target = strdup(sfx_installed_is_at(root, recorded) ? recorded : path);
    return *ret_target ? SFX_OK : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

/* What became of it, in a line; what was listed makes it an end with exceptions. */
static enum sfx_error say_end(const struct sfx_relocation *relocation, const char *verb, struct sfx_fault *fault)
{
    struct sfx_session *session = relocation->session;
    SFX_CLEAN_STRING char *title = sfx_product_title(relocation->index);
    if (relocation->removed > 0)
        sfx_tell(session, "removed %u file%s that Python compiled and will compile again", relocation->removed,
                relocation->removed == 1 ? "" : "s");
    sfx_say(session, "%s is %s to %s", title ? title : "", verb, relocation->target);
    if (relocation->exceptions == 0)
        return SFX_OK;
    return sfx_fail(fault, SFX_ERROR_EXCEPTIONS, "%u thing%s stay%s as %s%s", relocation->exceptions,
                    relocation->exceptions == 1 ? "" : "s", relocation->exceptions == 1 ? "s" : "",
                    relocation->exceptions == 1 ? "it is" : "they are", session->options.quiet || session->events.on ? "" : ", see above");
}

/* REFUSED, if not NULL: why there is no lock, without which only a copy can be made. */
static enum sfx_error relocate_to(struct sfx_relocation *relocation, struct sfx_place *here, const struct sfx_fault *refused,
                                  struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_place_close))) struct sfx_place place = {.parent = -1, .folder = -1};
    struct sfx_session *session = relocation->session;
    enum sfx_error error = sfx_preflight_prefix(session, relocation->index, relocation->target, fault);
    if (!error)
        error = sfx_place_open(relocation->target, &place, fault);
    if (error)
        return error;
    bool same;
    int os_error = compare_folders(place.folder, relocation->root, &same);
    if (os_error)
        return sfx_fail_os(fault, os_error, "cannot look at %s", place.path);
    if (!same) {
        bool into;
        os_error = sfx_path_leads_into(place.path, here->path, &into);
        if (os_error)
            return sfx_fail_os(fault, os_error, "cannot look at %s", place.path);
        if (into || sfx_path_is_inside(here->path, place.path))
            return sfx_fail(fault, SFX_ERROR_PREFIX, "%s and %s lie in each other; choose another folder", place.path, here->path);
        session->events.result = session->options.move ? "moved" : "copied";
        error = sfx_relocate_copy(relocation, here, &place, fault);
        return error ? error : say_end(relocation, session->events.result, fault);
    }
    if (refused) {
        *fault = *refused;
        return fault->error;
    }
    if (session->options.move)
        return sfx_fail(fault, SFX_ERROR_USAGE, "--move needs another folder than %s, where the installation lies", here->path);
    if (!relocation->resumed && sfx_os_same_path(relocation->here.record.prefix, relocation->target)) {
        session->events.result = "in-place";
        bool follows = sfx_rc_follows(relocation->root, relocation->target);
        sfx_say(session, "%s is in place%s", relocation->target, follows ? ": nothing to do" : "");
        error = follows ? SFX_OK : sfx_rc_move(session, relocation->index, relocation->root, relocation->target);
        return error ? sfx_fail(fault, error, "%s", "") : SFX_OK;
    }
    session->events.result = "relocated";
    error = sfx_relocate_here(relocation, here, fault);
    return error ? error : say_end(relocation, "relocated", fault);
}

/* Whether all is right without a look at the files; then no lock is needed, nor the right to write. */
static bool is_in_place(struct sfx_session *session, int root, const char *path)
{
    SFX_CLEAN_STRING char *recorded = NULL;
    uint8_t build[SFX_DIGEST_SIZE];
    struct sfx_fault ignored;
    if (session->options.target || has_leftovers(root) ||
        sfx_record_identity(root, path, build, &recorded, &ignored) != SFX_OK || !sfx_installed_is_at(root, recorded) ||
        !sfx_rc_follows(root, recorded))
        return false;
    session->events.result = "in-place";
    sfx_say(session, "%s is in place: nothing to do", recorded);
    return true;
}

/* The lock of the installation is held, or REFUSED. */
static enum sfx_error relocate_locked(struct sfx_session *session, int root, struct sfx_place *here,
                                      const struct sfx_fault *refused, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_relocation_close))) struct sfx_relocation relocation = {.root = -1};
    SFX_CLEAN_STRING char *target = NULL;
    enum sfx_error error = choose_target(session, root, here->path, &target, fault);
    if (!error)
        error = sfx_relocation_open(session, root, here->path, target, &relocation, fault);
    if (error)
        return error;
    struct sfx_bytes name = sfx_index_string(relocation.index, relocation.index->product.name);
    snprintf(session->who, sizeof session->who, "%.*s", SFX_TEXT(name));
    sfx_event_prefix(&session->events, target);
    return relocate_to(&relocation, here, refused, fault);
}

enum sfx_error sfx_relocate(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    __attribute__((cleanup(sfx_place_close))) struct sfx_place here = {.parent = -1, .folder = -1};
    __attribute__((cleanup(sfx_lock_release))) struct sfx_lock lock = {NULL};
    SFX_CLEAN_STRING char *path = NULL;
    enum sfx_error error = sfx_installed_self(&path, &root, fault);
    if (!error) {
        sfx_event_start(&session->events, "relocate", path, NULL, NULL);
        sfx_event_phase(&session->events, "check");
        error = sfx_record_check_ended(root, path, fault);
    }
    if (!error)
        error = sfx_place_open(path, &here, fault);
    if (!error && here.uninstalling)
        error = sfx_fail(fault, SFX_ERROR_PREFIX, "%s is half removed; run `sfx uninstall` again, or install it again", path);
    if (!error && (here.left_beside || here.left_inside))
        error = sfx_produce_recover(session, &here, fault);
    bool may_not = error == SFX_ERROR_IO || error == SFX_OK;
    if (may_not && is_in_place(session, root, path))
        return SFX_OK;
    bool inside = !here.can_replace_beside;
    if (!error)
        error = sfx_produce_lock(session, &here, inside, &lock, fault);
    /* Who may not write there may still copy what others installed. */
    bool only_reads = error == SFX_ERROR_IO && here.folder >= 0 && session->options.target && !session->options.move;
    if (error && !only_reads)
        return error;
    struct sfx_fault refused = *fault;
    return relocate_locked(session, root, &here, only_reads ? &refused : NULL, fault);
}
