/* Asking and removing; see uninstall.h. */
#include "uninstall.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "hooks.h"
#include "pool.h"
#include "produce.h"
#include "rc.h"
#include "tree.h"

struct work {
    struct sfx_removal *removal;
    uint8_t *opened;                     /* of each thing: a folder that was given the right to write */
    uint32_t root_mode;                  /* the same of the prefix: its mode before; 0: it had it */
    bool stays;                          /* something that is not ours, or was changed */
    bool has_exceptions;                 /* something else is not as it should be, and was said */
};

static const char *path_at(const struct work *work, size_t at)
{
    const struct sfx_survey *survey = &work->removal->survey;
    return sfx_survey_path(survey, &survey->things[at]);
}

static bool syncs(const struct work *work)
{
    return !work->removal->session->options.no_sync;
}

/* ---- Asking ---- */

static void describe(const struct sfx_removal *removal, struct sfx_text *text)
{
    char size[32];
    SFX_CLEAN_STRING char *title = sfx_product_title(&removal->here.record.index);
    sfx_text_format(text, "remove %s from %s: %s in %u files", title ? title : "it", removal->place->path,
                    sfx_size_text(removal->bytes, size), removal->files);
    if (removal->added > 0)
        sfx_text_format(text, "; %u file%s you added", removal->added, removal->added == 1 ? "" : "s");
    if (removal->changed > 0)
        sfx_text_format(text, "%s %u%s you changed", removal->added ? " and" : ";", removal->changed,
                        removal->added ? "" : removal->changed == 1 ? " file" : " files");
    if (removal->added + removal->changed > 0)
        sfx_text_format(text, " stay%s", removal->added + removal->changed == 1 ? "s" : "");
}

static enum sfx_error refuse(const struct sfx_removal *removal, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text word = {0};
    SFX_CLEAN_STRING char *self = sfx_print("%s/" SFX_STATE_DIRECTORY "/sfx", removal->place->path);
    sfx_text_shell(&word, self ? self : "sfx");
    return sfx_fail(fault, SFX_ERROR_USAGE, "%s to ask; type:  %s uninstall%s --yes",
                    removal->session->events.on ? "with --json there is nobody" : "there is no terminal",
                    word.data ? word.data : "sfx", removal->session->options.purge ? " --purge" : "");
}

static enum sfx_error confirm(const struct sfx_removal *removal, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text question = {0};
    char line[16] = "";
    if (removal->session->options.batch)
        return SFX_OK;
    if (removal->session->events.on || !sfx_os_is_terminal(0) || !sfx_os_is_terminal(2))
        return refuse(removal, fault);
    describe(removal, &question);
    fflush(stdout);
    fprintf(stderr, "%s [y/N] ", question.data ? question.data : "remove it");
    int error = sfx_os_read_line(0, line, sizeof line);
    if (error == ENODATA || error == EINTR)
        fputc('\n', stderr);
    if (!error && (strcmp(line, "y") == 0 || strcmp(line, "Y") == 0 || strcmp(line, "yes") == 0))
        return SFX_OK;
    sfx_fail(fault, SFX_ERROR_INTERRUPTED, "nothing was removed");
    fault->os_error = error == EINTR ? sfx_os_interrupted() : SIGINT;
    return SFX_ERROR_INTERRUPTED;
}

/* ---- The right to write ---- */

static enum sfx_error open_folder(const struct work *work, const char *path, uint32_t mode, bool *ret_opened,
                                  struct sfx_fault *fault)
{
    const struct sfx_place *place = work->removal->place;
    SFX_CLEAN_STRING char *whole = sfx_print("%s/%s", place->path, path);
    *ret_opened = !whole || (mode & 0300) != 0300 || !sfx_os_is_writable(whole);
    int error = *ret_opened ? sfx_os_set_mode_at(place->folder, path, mode | 0700u) : 0;
    return error ? sfx_fail_os(fault, error, "nothing was removed: cannot write in %s", whole ? whole : path) : SFX_OK;
}

static void close_folders(const struct work *work)
{
    const struct sfx_survey *survey = &work->removal->survey;
    for (size_t i = survey->count; i-- > 0;)
        if (work->opened[i])
            sfx_os_set_mode_at(work->removal->place->folder, path_at(work, i), survey->things[i].found.mode);
    if (work->root_mode)
        sfx_os_set_mode(work->removal->place->folder, work->root_mode);
}

/* Before the first change, so that who may not remove something learns of it then. */
static enum sfx_error open_folders(struct work *work, struct sfx_fault *fault)
{
    const struct sfx_removal *removal = work->removal;
    const struct sfx_survey *survey = &removal->survey;
    struct sfx_os_stat found;
    bool opened = false;
    uint8_t *touched = calloc(survey->count + 1, 1);
    work->opened = calloc(survey->count + 1, 1);
    if (!touched || !work->opened) {
        free(touched);
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < survey->count; i++)
        if (removal->lots[i] != SFX_LOT_STAYS && survey->things[i].folder != SFX_NO_THING)
            touched[survey->things[i].folder] = 1;
    int error = sfx_os_stat_fd(removal->place->folder, &found);
    enum sfx_error failed = error ? sfx_fail_os(fault, error, "cannot look at %s", removal->place->path)
                                  : open_folder(work, ".", found.mode, &opened, fault);
    work->root_mode = !failed && opened ? found.mode : 0;
    if (!failed && sfx_os_stat(removal->place->folder, SFX_STATE_DIRECTORY, &found) == 0)
        failed = open_folder(work, SFX_STATE_DIRECTORY, found.mode, &opened, fault);
    for (size_t i = 0; !failed && i < survey->count; i++) {
        if (touched[i])
            failed = open_folder(work, path_at(work, i), survey->things[i].found.mode, &opened, fault);
        work->opened[i] = !failed && touched[i] && opened;
    }
    free(touched);
    return failed;
}

/* ---- Removing ---- */

static enum sfx_error begin(const struct work *work, struct sfx_fault *fault)
{
    const struct sfx_removal *removal = work->removal;
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    for (size_t i = 0; i < removal->survey.count; i++)
        if (removal->lots[i] == SFX_LOT_NAMED)
            sfx_text_add(&text, path_at(work, i), strlen(path_at(work, i)) + 1);
    uint32_t mode = sfx_mode(sfx_record_modes(removal->place->folder), 0644);
    int error = sfx_record_replace(removal->place->folder, SFX_UNINSTALLING, &text, mode, syncs(work));
    return error ? sfx_fail_os(fault, error, "nothing was removed: cannot write %s/" SFX_UNINSTALLING, removal->place->path) : SFX_OK;
}

static enum sfx_error fail_at(const struct work *work, int error, const char *path, struct sfx_fault *fault)
{
    return sfx_fail_os(fault, error, "some of it is removed and some is not; when this is put right, run `sfx uninstall` again: "
                                     "cannot remove %s/%s", work->removal->place->path, path);
}

static enum sfx_error check_interrupted(const struct work *work, struct sfx_fault *fault)
{
    enum sfx_error error = sfx_check_interrupted(fault);
    if (!error)
        return SFX_OK;
    int number = fault->os_error;
    sfx_fail(fault, error, "interrupted; some of it is removed: run %s/" SFX_STATE_DIRECTORY "/sfx uninstall again",
             work->removal->place->path);
    fault->os_error = number;
    return error;
}

/* What changed since it was looked at stays. */
static int remove_file(struct work *work, uint32_t at)
{
    struct sfx_os_stat found;
    int root = work->removal->place->folder;
    int error = sfx_os_stat(root, path_at(work, at), &found);
    if (!error && !sfx_is_unchanged(&work->removal->survey.things[at].found, &found)) {
        sfx_tell_file(work->removal->session, "stays", sfx_bytes_of(path_at(work, at)), "changed just now");
        return 0;
    }
    if (!error)
        error = sfx_os_unlink(root, path_at(work, at));
    return error == ENOENT || error == ENOTDIR ? 0 : error;
}

static enum sfx_error remove_files(struct work *work, struct sfx_fault *fault)
{
    const struct sfx_removal *removal = work->removal;
    struct sfx_progress progress;
    uint64_t done = 0;
    enum sfx_error error = SFX_OK;
    sfx_event_phase(&removal->session->events, "remove");
    sfx_progress_start(&progress, removal->session, "removing");
    for (uint32_t i = 0; !error && i < removal->survey.count; i++) {
        const struct sfx_os_stat *found = &removal->survey.things[i].found;
        if (removal->lots[i] == SFX_LOT_STAYS || found->kind == SFX_OS_FOLDER)
            continue;
        error = check_interrupted(work, fault);
        int failed = error ? 0 : remove_file(work, i);
        if (failed)
            error = fail_at(work, failed, path_at(work, i), fault);
        done += found->size;
        sfx_progress_show(&progress, done < removal->bytes ? done : removal->bytes, removal->bytes);
    }
    sfx_progress_end(&progress);
    return error;
}

/* Those that are empty; a folder comes after what it held. */
static enum sfx_error remove_folders(const struct work *work, struct sfx_fault *fault)
{
    const struct sfx_removal *removal = work->removal;
    enum sfx_error error = SFX_OK;
    for (size_t i = removal->survey.count; !error && i-- > 0;) {
        if (removal->lots[i] == SFX_LOT_STAYS || removal->survey.things[i].found.kind != SFX_OS_FOLDER)
            continue;
        error = check_interrupted(work, fault);
        int failed = error ? 0 : sfx_os_remove_directory(removal->place->folder, path_at(work, i));
        bool holds = failed == ENOTEMPTY || failed == EEXIST || failed == EBUSY || failed == ENOENT || failed == ENOTDIR;
        if (failed && !holds)
            error = fail_at(work, failed, path_at(work, i), fault);
    }
    return error;
}

/* ---- The end ---- */

static bool holds_more(const struct sfx_place *place)
{
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    if (sfx_os_list(place->folder, &names, &count) != 0)
        return true;
    const char *name = names;
    for (size_t i = 0; i < count; i++, name += strlen(name) + 1)
        if (strcmp(name, SFX_STATE_DIRECTORY) != 0 && strcmp(name, SFX_STAGING_INSIDE) != 0 && strcmp(name, "lost+found") != 0 &&
            !sfx_lock_is_name(place->lock, name))
            return true;
    return false;
}

/* The folder with `.sfxpack`, at once, to where the next installer removes it if this run does not. */
static int end_beside(struct work *work)
{
    const struct sfx_place *place = work->removal->place;
    struct sfx_os_stat found;
    int error = sfx_os_rename(place->parent, place->name, place->parent, place->staging, SFX_OS_KEEP);
    if (error == ENOSYS && sfx_os_stat(place->parent, place->staging, &found) == ENOENT)
        error = sfx_os_rename(place->parent, place->name, place->parent, place->staging, SFX_OS_REPLACE);
    if (error)
        return error;
    if (syncs(work))
        sfx_os_sync_file(place->parent);
    __attribute__((cleanup(sfx_os_closep))) int folder = -1; /* under its new name: not every system follows a folder */
    int record = sfx_os_open(place->parent, place->staging, SFX_OS_DIRECTORY, &folder);
    record = record ? record : sfx_tree_remove(folder, SFX_STATE_DIRECTORY, NULL);
    sfx_os_closep(&folder);
    error = record ? record : sfx_os_remove_directory(place->parent, place->staging);
    if (!record && (error == ENOTEMPTY || error == EEXIST)) {    /* something has come at the last moment */
        work->stays = true;
        return sfx_os_rename(place->parent, place->staging, place->parent, place->name, SFX_OS_KEEP);
    }
    if (error) {
        sfx_warn(work->removal->session, "what is left of it is %s/%s: %s", place->parent_path, place->staging, sfx_os_error_text(error));
        work->has_exceptions = true;
    }
    return 0;
}

static enum sfx_error end(struct work *work, struct sfx_fault *fault)
{
    const struct sfx_place *place = work->removal->place;
    bool kept = sfx_record_keeps_folder(place->folder);
    struct sfx_progress progress;
    sfx_progress_start(&progress, work->removal->session, "");
    if (syncs(work))
        sfx_event_phase(&work->removal->session->events, "sync");
    if (syncs(work))
        sfx_progress_note(&progress, "waiting for the disk");
    int error = syncs(work) ? sfx_os_sync_system(place->folder) : 0;
    sfx_progress_end(&progress);
    if (error)
        return fail_at(work, error, "", fault);
    error = sfx_os_step_out(place->folder, place->parent, place->old);
    if (error)
        return fail_at(work, error, SFX_TOOL, fault);
    work->stays = holds_more(place);
    if (!work->stays && !kept && place->can_replace_beside && end_beside(work) == 0)
        return SFX_OK;
    error = sfx_record_remove(place->folder, syncs(work));
    if (error)
        return fail_at(work, error, SFX_STATE_DIRECTORY, fault);
    bool gone = !work->stays && !kept && sfx_os_remove_directory(place->parent, place->name) == 0;
    if (gone || work->stays || kept)
        return SFX_OK;
    work->has_exceptions = true;
    sfx_warn(work->removal->session, "the empty folder %s stays: only who may write in %s can remove it", place->path,
             place->parent_path);
    return SFX_OK;
}

/* ---- All of it ---- */

static enum sfx_error remove_all(struct work *work, struct sfx_fault *fault)
{
    const struct sfx_removal *removal = work->removal;
    enum sfx_error error = begin(work, fault);
    if (!error)
        work->has_exceptions = sfx_rc_remove(removal->session, &removal->here.record.index, removal->place->folder,
                                             removal->here.record.prefix) != SFX_OK;
    if (!error)
        error = remove_files(work, fault);
    if (!error)
        error = remove_folders(work, fault);
    return error ? error : end(work, fault);
}

/* Nothing has changed up to here. A run that goes on does without: what the script uses may be gone. */
static enum sfx_error run_hook(const struct sfx_removal *removal, struct sfx_fault *fault)
{
    const struct sfx_place *place = removal->place;
    const struct sfx_hook_run run = {
        .session = removal->session,
        .index = &removal->here.record.index,
        .kind = SFX_HOOK_KIND_PRE_UNINSTALL,
        .prefix = place->path,
        .action = "uninstall",
        .folder = place->folder,
        .shown = place->path,
    };
    return place->uninstalling ? SFX_OK : sfx_hook(&run, fault);
}

static enum sfx_error say_end(const struct work *work, const char *title, struct sfx_fault *fault)
{
    struct sfx_session *session = work->removal->session;
    const char *path = work->removal->place->path;
    session->events.result = "removed";
    sfx_tell(session, "%s is removed from %s", title, path);
    if (work->stays)
        return sfx_fail(fault, SFX_ERROR_EXCEPTIONS, "what was not installed with it, or changed since, stays in %s%s", path,
                        session->options.quiet || session->events.on ? "" : ", see above");
    return work->has_exceptions ? sfx_fail(fault, SFX_ERROR_EXCEPTIONS, "%s", "") : SFX_OK;
}

/* The lock is held. ASK: on the terminal, unless --yes. */
static enum sfx_error uninstall(struct sfx_session *session, struct sfx_place *place, bool ask, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_removal_close))) struct sfx_removal removal;
    SFX_CLEAN_STRING char *title = NULL;
    struct work work = {.removal = &removal};
    enum sfx_error error = sfx_removal_open(session, place, ask && session->options.purge, &removal, fault);
    if (!error)
        error = sfx_removal_list(&removal, fault);
    if (!error && ask)
        error = confirm(&removal, fault);
    if (error)
        return error;
    title = sfx_product_title(&removal.here.record.index);
    error = run_hook(&removal, fault);
    if (!error)
        error = open_folders(&work, fault);
    if (!error)
        error = remove_all(&work, fault);
    if (work.opened)
        close_folders(&work);
    free(work.opened);
    return error ? error : say_end(&work, title ? title : "it", fault);
}

static enum sfx_error take_lock(struct sfx_session *session, struct sfx_place *place, struct sfx_lock *ret_lock,
                                struct sfx_fault *fault)
{
    enum sfx_error error = sfx_produce_lock(session, place, !place->can_replace_beside, ret_lock, fault);
    return error ? error : sfx_place_look(place, fault);
}

static bool is_there(const struct sfx_place *place)
{
    return place->occupation == SFX_PLACE_INSTALLED || place->uninstalling;
}

enum sfx_error sfx_uninstall_finish(struct sfx_session *session, struct sfx_place *place, struct sfx_fault *fault)
{
    enum sfx_error error;
    {
        __attribute__((cleanup(sfx_lock_release))) struct sfx_lock lock = {NULL};
        error = take_lock(session, place, &lock, fault);
        if (!error && place->uninstalling)
            error = uninstall(session, place, false, fault);
    }
    return error && error != SFX_ERROR_EXCEPTIONS ? error : sfx_place_look(place, fault);
}

enum sfx_error sfx_uninstall(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    __attribute__((cleanup(sfx_place_close))) struct sfx_place place = {.parent = -1, .folder = -1};
    __attribute__((cleanup(sfx_lock_release))) struct sfx_lock lock = {NULL};
    SFX_CLEAN_STRING char *path = NULL;
    enum sfx_error error = sfx_installed_self(&path, &root, fault);
    if (!error) {
        sfx_event_start(&session->events, "uninstall", path, NULL, NULL);
        sfx_event_phase(&session->events, "check");
        error = sfx_record_check_ended(root, path, fault);
    }
    if (!error)
        error = sfx_place_open(path, &place, fault);
    bool spent = !error && place.spent_record;
    if (!error && (place.left_beside || place.left_inside))
        error = sfx_produce_recover(session, &place, fault);
    if (!error && is_there(&place))
        error = take_lock(session, &place, &lock, fault);
    if (error && path && (fault->os_error == EACCES || fault->os_error == EPERM))
        return sfx_fail(fault, error, "you may not write in %s; who installed it, or root, can remove it", path);
    if (error)
        return error;
    if (!is_there(&place) && spent) {    /* whether the folder was there before is known no more */
        session->events.result = "removed";
        sfx_tell(session, "what was left in %s is removed; the folder stays", path);
        return SFX_OK;
    }
    if (!is_there(&place))
        return sfx_fail(fault, SFX_ERROR_PREFIX, "there is no installation in %s any more", path);
    return uninstall(session, &place, true, fault);
}
