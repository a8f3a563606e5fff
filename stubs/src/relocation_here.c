/* In place; see relocation.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "holes.h"
#include "pool.h"
#include "rc.h"
#include "relocation.h"
#include "tree.h"

struct renewal {
    struct sfx_relocation *relocation;
    int staging;                         /* `.sfxpack/relocated`: new versions, named by the numbers of their entries */
    uint8_t *removed_things;
    uint32_t moved;
};

static enum sfx_error fail_at(const struct sfx_relocation *relocation, int error, const char *what, const char *name,
                              struct sfx_fault *fault)
{
    return sfx_fail_os(fault, error, "cannot %s %s/%s", what, relocation->shown, name);
}

static void path_of(const struct sfx_relocation *relocation, uint32_t entry, char path[SFX_MAX_PATH + 1])
{
    sfx_path_copy(sfx_index_string(relocation->index, sfx_index_entry(relocation->index, entry).path), path);
}

static void staged_name(uint32_t entry, char name[16])
{
    snprintf(name, 16, "%u", entry);
}

/* ---- New versions ---- */

static enum sfx_error stage(struct sfx_relocation *relocation, struct sfx_relocator *relocator, uint32_t entry, void *context,
                            struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    const struct renewal *renewal = context;
    char name[16];
    if (relocation->fates[entry] != SFX_FATE_MOVED)
        return SFX_OK;
    staged_name(entry, name);
    int error = sfx_os_create(renewal->staging, name, 0600, &fd);
    if (!error)
        error = sfx_holes_write_all(fd, relocator->segments, relocator->count, sfx_relocator_map(relocator));
    if (!error)
        error = sfx_os_copy_attributes(relocator->fd, fd);
    error = sfx_os_finish(&fd, error);
    if (error)
        return sfx_fail_os(fault, error, "nothing was changed: cannot write in %s/" SFX_RELOCATED, relocation->shown);
    return SFX_OK;
}

static enum sfx_error stage_links(const struct renewal *renewal, struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = renewal->relocation;
    enum sfx_error error = SFX_OK;
    char name[16];
    for (uint32_t i = 0; !error && i < relocation->index->header.entry_count; i++) {
        SFX_CLEAN_STRING char *text = NULL;
        struct sfx_entry entry = sfx_index_entry(relocation->index, i);
        if (entry.kind != SFX_ENTRY_KIND_LINK || entry.site_count == 0 || relocation->survey.thing[i] == SFX_NO_ENTRY)
            continue;
        error = sfx_relocation_link(relocation, i, &text, fault);
        if (error || relocation->fates[i] != SFX_FATE_MOVED)
            continue;
        staged_name(i, name);
        int os_error = sfx_os_make_link(text, renewal->staging, relocation->target, name);
        if (os_error)
            error = fail_at(relocation, os_error, "write in", SFX_RELOCATED, fault);
    }
    return error;
}

/* ---- Putting them in place ---- */

/* The prefixes that a file may hold from now on, the one it moves to first. */
static enum sfx_error write_journal(const struct sfx_relocation *relocation, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    struct sfx_os_stat earlier;
    bool sync = !relocation->session->options.no_sync;
    bool resumes = sfx_os_stat(relocation->root, SFX_RELOCATING, &earlier) != ENOENT;
    sfx_text_format(&text, "prefix=%s\n", relocation->target);
    for (size_t i = 0; i < relocation->held_count; i++)
        sfx_text_format(&text, "prefix=%s\n", relocation->held[i]);
    int error = text.failed ? ENOMEM : sfx_os_create(relocation->root, SFX_RELOCATING_NEW, 0644, &fd);
    if (!error)
        error = sfx_os_write(fd, text.data, text.size);
    if (!error && sync)
        error = sfx_os_sync_file(fd);
    if (!error)
        error = sfx_os_rename(relocation->root, SFX_RELOCATING_NEW, relocation->root, SFX_RELOCATING, SFX_OS_REPLACE);
    if (!error && sync)
        error = sfx_os_sync_system(relocation->root);
    if (error && !resumes)
        sfx_os_unlink(relocation->root, SFX_RELOCATING);     /* nothing has moved yet */
    return error ? fail_at(relocation, error, "write", SFX_RELOCATING, fault) : SFX_OK;
}

static bool is_moved(const struct sfx_relocation *relocation, uint32_t entry)
{
    return relocation->fates[entry] == SFX_FATE_SAME || relocation->fates[entry] == SFX_FATE_MOVED;
}

/* What an entry becomes another name of, or the entry. Where a run ended in the middle of a group, its names were two files:
 * they follow the first. */
static uint32_t leader_of(const struct sfx_relocation *relocation, uint32_t entry)
{
    uint32_t file = sfx_relocation_file(relocation, entry);
    uint32_t leader = entry;
    if (relocation->fates[entry] == SFX_FATE_LINKED)
        leader = relocation->leaders[entry];
    else if (relocation->resumed && is_moved(relocation, entry))
        for (uint32_t at = relocation->leaders[file];; at = relocation->leaders[at]) {
            leader = is_moved(relocation, at) ? at : leader;
            if (at == file)
                break;
        }
    return is_moved(relocation, leader) ? leader : entry;
}

/* Another name of a file becomes that again; where the system has no hard links, a copy. */
static int stage_name(const struct renewal *renewal, uint32_t leader, const char *path, const char *name)
{
    const struct sfx_relocation *relocation = renewal->relocation;
    struct sfx_os_stat here;
    struct sfx_os_stat there;
    char file[SFX_MAX_PATH + 1];
    path_of(relocation, leader, file);
    if (sfx_os_stat(relocation->root, path, &here) == 0 && sfx_os_stat(relocation->root, file, &there) == 0 &&
        here.inode == there.inode && here.device == there.device)
        return EEXIST;
    int error = sfx_os_unlink(renewal->staging, name);
    if (error && error != ENOENT)
        return error;
    error = sfx_os_hard_link(relocation->root, file, renewal->staging, name);
    if (error && !sfx_is_full(error))
        error = sfx_copy_file(relocation->root, file, renewal->staging, name);
    return error;
}

/* A file that was edited since it was looked at stays, and with it what would become another name of it. */
static int is_left(struct sfx_relocation *relocation, uint32_t entry, uint32_t leader, const char *path, bool *ret_left)
{
    struct sfx_os_stat found;
    const struct sfx_thing *thing = &relocation->survey.things[relocation->survey.thing[entry]];
    int error = sfx_os_stat(relocation->root, path, &found);
    bool gone = error == ENOENT || error == ENOTDIR;
    *ret_left = gone || (!error && !sfx_is_unchanged(&thing->found, &found)) || relocation->fates[leader] == SFX_FATE_CHANGED;
    if (*ret_left) {
        relocation->fates[entry] = SFX_FATE_CHANGED;
        relocation->exceptions++;
        sfx_tell_file(relocation->session, "left as it is", sfx_bytes_of(path), "changed just now");
    }
    return gone ? 0 : error;
}

static int put(struct renewal *renewal, uint32_t entry)
{
    struct sfx_relocation *relocation = renewal->relocation;
    char path[SFX_MAX_PATH + 1];
    char name[16];
    path_of(relocation, entry, path);
    staged_name(entry, name);
    enum sfx_fate fate = (enum sfx_fate)relocation->fates[entry];
    if (fate == SFX_FATE_REMOVED)
        return sfx_os_unlink(relocation->root, path);
    uint32_t leader = leader_of(relocation, entry);
    bool left = false;
    if (fate == SFX_FATE_MOVED || fate == SFX_FATE_LINKED) {
        int error = is_left(relocation, entry, fate == SFX_FATE_LINKED ? relocation->leaders[entry] : leader, path, &left);
        if (error || left)
            return error;
    }
    if (leader != entry) {
        int error = stage_name(renewal, leader, path, name);
        if (error)
            return error == EEXIST ? 0 : error;
    } else if (fate != SFX_FATE_MOVED) {
        return 0;
    }
    renewal->moved++;
    return sfx_os_rename(renewal->staging, name, relocation->root, path, SFX_OS_REPLACE);
}

static bool is_touched(const struct renewal *renewal, uint32_t thing)
{
    const struct sfx_relocation *relocation = renewal->relocation;
    uint32_t entry = relocation->survey.things[thing].entry;
    enum sfx_fate fate = entry == SFX_NO_ENTRY ? SFX_FATE_PLAIN : (enum sfx_fate)relocation->fates[entry];
    return renewal->removed_things[thing] || fate == SFX_FATE_MOVED || fate == SFX_FATE_REMOVED || fate == SFX_FATE_LINKED;
}

/* Renaming changes the time of a folder, and takes the right to write it. Marks the folders of what will be renamed or removed;
 * malloced. */
static uint8_t *open_folders(const struct renewal *renewal)
{
    const struct sfx_survey *survey = &renewal->relocation->survey;
    uint8_t *touched = calloc(survey->count + 1, 1);
    for (uint32_t i = 0; touched && i < survey->count; i++)
        if (survey->things[i].folder != SFX_NO_THING && is_touched(renewal, i))
            touched[survey->things[i].folder] = 1;
    for (uint32_t i = 0; touched && i < survey->count; i++)
        if (touched[i] && (survey->things[i].found.mode & 0200) == 0)
            sfx_os_set_mode_at(renewal->relocation->root, sfx_survey_path(survey, &survey->things[i]),
                               survey->things[i].found.mode | 0700u);
    return touched;
}

static void close_folders(const struct sfx_relocation *relocation, const uint8_t *touched)
{
    const struct sfx_survey *survey = &relocation->survey;
    for (size_t i = survey->count; i-- > 0;) {
        const struct sfx_thing *thing = &survey->things[i];
        if (!touched[i])
            continue;
        sfx_os_set_time_at(relocation->root, sfx_survey_path(survey, thing), thing->found.mtime);
        if ((thing->found.mode & 0200) == 0)
            sfx_os_set_mode_at(relocation->root, sfx_survey_path(survey, thing), thing->found.mode);
    }
}

static enum sfx_error put_all(struct renewal *renewal, struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = renewal->relocation;
    const struct sfx_survey *survey = &relocation->survey;
    struct sfx_os_stat root = {0};
    int error = sfx_os_stat_fd(relocation->root, &root);
    uint8_t *touched = open_folders(renewal);
    if (!touched)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    bool locked = !error && (root.mode & 0200) == 0;
    if (locked)
        sfx_os_set_mode(relocation->root, root.mode | 0700u);
    const char *path = "";
    for (uint32_t i = 0; !error && i < relocation->index->header.entry_count; i++) {
        error = put(renewal, i);
        if (error && relocation->survey.thing[i] != SFX_NO_ENTRY)
            path = sfx_survey_path(survey, &survey->things[survey->thing[i]]);
    }
    for (size_t i = 0; !error && i < survey->count; i++) {
        if (!renewal->removed_things[i])
            continue;
        path = sfx_survey_path(survey, &survey->things[i]);
        error = sfx_os_unlink(relocation->root, path);
    }
    close_folders(relocation, touched);
    free(touched);
    sfx_os_set_time_at(relocation->root, ".", root.mtime);
    if (locked)
        sfx_os_set_mode(relocation->root, root.mode);
    if (!error)
        return SFX_OK;
    return sfx_fail_os(fault, error, "some files are relocated and some are not; when this is put right, run `sfx relocate` again: "
                                     "cannot replace %s/%s", relocation->shown, path);
}

static enum sfx_error publish(struct renewal *renewal, struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = renewal->relocation;
    bool sync = !relocation->session->options.no_sync;
    if (sync)
        sfx_event_phase(&relocation->session->events, "sync");
    enum sfx_error error = write_journal(relocation, fault);
    sfx_event_phase(&relocation->session->events, "publish");
    if (!error)
        error = put_all(renewal, fault);
    int os_error = !error && sync ? sfx_os_sync_system(relocation->root) : 0;
    if (os_error)
        return fail_at(relocation, os_error, "write to the disk in", "", fault);
    if (!error)
        error = sfx_record_move(relocation->root, relocation->root, relocation->shown, relocation->target, sync, fault);
    if (error)
        return error;
    relocation->exceptions += sfx_rc_move(relocation->session, relocation->index, relocation->root, relocation->target) != SFX_OK;
    sfx_tree_remove(relocation->root, SFX_RELOCATED, NULL);
    os_error = sfx_os_unlink(relocation->root, SFX_RELOCATING);
    __attribute__((cleanup(sfx_os_closep))) int record = -1;
    if (!os_error && sync && sfx_os_open(relocation->root, SFX_STATE_DIRECTORY, SFX_OS_DIRECTORY, &record) == 0)
        sfx_os_sync_file(record);        /* else it would only be finished again */
    return os_error ? fail_at(relocation, os_error, "remove", SFX_RELOCATING, fault) : SFX_OK;
}

/* ---- All of it ---- */

static enum sfx_error begin(struct renewal *renewal, struct sfx_fault *fault)
{
    const struct sfx_relocation *relocation = renewal->relocation;
    int error = sfx_os_unlink(relocation->root, SFX_RELOCATING_NEW);
    error = error == ENOENT ? 0 : error;
    if (!error)
        error = sfx_tree_remove(relocation->root, SFX_RELOCATED, NULL);
    if (!error)
        error = sfx_os_make_directory(relocation->root, SFX_RELOCATED, 0700);
    if (!error)
        error = sfx_os_open(relocation->root, SFX_RELOCATED, SFX_OS_DIRECTORY, &renewal->staging);
    renewal->removed_things = calloc(relocation->survey.count + 1, 1);
    if (!renewal->removed_things)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    return error ? fail_at(relocation, error, "write in", SFX_STATE_DIRECTORY, fault) : SFX_OK;
}

static enum sfx_error renew(struct renewal *renewal, struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = renewal->relocation;
    sfx_event_phase(&relocation->session->events, "relocate");
    enum sfx_error error = sfx_relocation_each(relocation, stage, renewal, fault);
    if (!error)
        error = stage_links(renewal, fault);
    if (!error)
        error = sfx_relocation_list(relocation, renewal->removed_things, fault);
    if (!error)
        error = sfx_check_interrupted(fault);
    if (error)
        return error;
    if (relocation->session->options.strict && relocation->exceptions > 0)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "nothing was changed: %u thing%s %s not as installed (--strict)",
                        relocation->exceptions, relocation->exceptions == 1 ? "" : "s", relocation->exceptions == 1 ? "is" : "are");
    return publish(renewal, fault);
}

enum sfx_error sfx_relocate_here(struct sfx_relocation *relocation, struct sfx_place *place, struct sfx_fault *fault)
{
    struct renewal renewal = {.relocation = relocation, .staging = -1};
    struct sfx_session *session = relocation->session;
    struct sfx_os_stat journal;
    enum sfx_error error = sfx_relocation_survey(relocation, place->lock, fault);
    if (!error)
        error = begin(&renewal, fault);
    if (!error)
        error = renew(&renewal, fault);
    sfx_os_closep(&renewal.staging);
    free(renewal.removed_things);
    if (error) {
        sfx_os_unlink(relocation->root, SFX_RELOCATING_NEW);
        sfx_tree_remove(relocation->root, SFX_RELOCATED, NULL);
        if (sfx_os_stat(relocation->root, SFX_RELOCATING, &journal) == 0) {
            sfx_log(session, "relocating to %s: %s", relocation->target, fault->message);
            sfx_keep_log(session, relocation->shown);
        }
        return error;
    }
    sfx_log(session, "relocated from %s to %s, %u files", relocation->here.record.prefix, relocation->target, renewal.moved);
    sfx_keep_log(session, relocation->shown);
    return SFX_OK;
}
