/* A tree at a place; see produce.h. */
#include "produce.h"

#include <errno.h>
#include <stdio.h>

#include "carry.h"
#include "commit.h"
#include "extract.h"
#include "os.h"
#include "pool.h"
#include "progress.h"
#include "rc.h"
#include "record.h"
#include "tree.h"

static void say_waiting(void *context, const char *holder)
{
    struct sfx_session *session = context;
    sfx_event_phase(&session->events, "lock");
    sfx_say(session, "waiting for %s, which is at work there", holder);
    fflush(stdout);                      /* it may take long, also where this is no terminal */
    sfx_log(session, "waiting for %s", holder);
}

enum sfx_error sfx_produce_lock_in(struct sfx_session *session, int directory, const char *shown, const char *name,
                                   struct sfx_lock *ret_lock, struct sfx_fault *fault)
{
    const struct sfx_lock_request request = {
        .directory = directory,
        .shown = shown,
        .name = name,
        .break_it = session->options.break_lock,
        .context = session,
        .waits = say_waiting,
    };
    return sfx_lock_take(&request, ret_lock, fault);
}

enum sfx_error sfx_produce_lock(struct sfx_session *session, const struct sfx_place *place, bool inside, struct sfx_lock *ret_lock,
                                struct sfx_fault *fault)
{
    return sfx_produce_lock_in(session, inside ? place->folder : place->parent, inside ? place->path : place->parent_path,
                               place->lock, ret_lock, fault);
}

static enum sfx_error recover_side(struct sfx_session *session, struct sfx_place *place, bool inside, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_lock_release))) struct sfx_lock lock = {NULL};
    enum sfx_error error = sfx_produce_lock(session, place, inside, &lock, fault);
    if (!error)
        error = sfx_commit_recover(place, inside, fault);
    if (!error)
        sfx_log(session, "another run has been %s %s: what it left, if anything, is undone", inside ? "in" : "beside", place->path);
    return error;
}

enum sfx_error sfx_produce_recover(struct sfx_session *session, struct sfx_place *place, struct sfx_fault *fault)
{
    enum sfx_error error = SFX_OK;
    if (place->left_beside)
        error = recover_side(session, place, false, fault);
    if (!error && place->left_inside)
        error = recover_side(session, place, true, fault);
    return error ? error : sfx_place_look(place, fault);
}

/* Entries that were needed to make others, and are not asked for. */
static enum sfx_error remove_extras(const struct sfx_production *production, const struct sfx_tree *tree,
                                    struct sfx_fault *fault)
{
    char path[SFX_MAX_PATH + 1];
    for (uint32_t i = tree->index->header.entry_count; i-- > 0;) {
        if (!tree->wanted[i] || production->kept[i])
            continue;
        struct sfx_entry entry = sfx_index_entry(tree->index, i);
        sfx_path_copy(sfx_index_string(tree->index, entry.path), path);
        int error = entry.kind == SFX_ENTRY_KIND_DIRECTORY ? sfx_os_remove_directory(tree->directory, path)
                                                           : sfx_os_unlink(tree->directory, path);
        if (error)
            return sfx_fail_os(fault, error, "cannot remove %s/%s", tree->shown, path);
    }
    return SFX_OK;
}

static enum sfx_error write_tree(const struct sfx_production *production, const struct sfx_tree *tree, struct sfx_fault *fault)
{
    struct sfx_session *session = production->session;
    struct sfx_progress progress;
    sfx_progress_start(&progress, session, production->verb);
    struct sfx_extraction extraction = {&session->artifact, tree, session->options.jobs, &progress, sfx_progress_show};
    sfx_event_phase(&session->events, "extract");
    enum sfx_error error = sfx_tree_directories(tree, fault);
    if (!error)
        error = sfx_extract(&extraction, fault);
    if (!error)
        error = sfx_tree_links(tree, fault);
    if (!error && production->kept)
        error = remove_extras(production, tree, fault);
    sfx_progress_end(&progress);
    return error;
}

static enum sfx_error write_record(const struct sfx_production *production, const struct sfx_commit *commit,
                                   struct sfx_fault *fault)
{
    struct sfx_session *session = production->session;
    struct sfx_recording recording = {
        .tree = commit->tree,
        .shown = commit->shown,
        .artifact = &session->artifact,
        .prefix = production->prefix,
        .modes = production->modes,
        .log = production->log ? session->log.data : NULL,
    };
    return sfx_record_write(&recording, fault);
}

/* Everything that goes into the staging folder. */
static enum sfx_error fill(const struct sfx_production *production, const struct sfx_commit *commit, struct sfx_fault *fault)
{
    struct sfx_session *session = production->session;
    struct sfx_prefix *prefix = NULL;
    struct sfx_tree tree = {.index = &session->artifact.index, .directory = commit->tree, .shown = commit->shown,
                            .final = production->prefix, .wanted = production->wanted, .modes = production->modes};
    enum sfx_error error = sfx_prefix_open(production->prefix, &session->artifact.index, &prefix, fault);
    if (error)
        return error;
    tree.prefix = prefix;
    error = sfx_tree_probe(&tree, fault);
    if (!error)
        error = write_tree(production, &tree, fault);
    if (!error && commit->replaces)
        error = sfx_carry(session, production->place, commit, fault);
    struct sfx_tree kept = tree;
    kept.wanted = production->kept;
    if (!error)
        error = sfx_tree_finish(&kept, fault);
    if (!error)
        error = sfx_check_interrupted(fault);
    if (!error)
        sfx_log(session, "extracted %u entries", tree.index->header.entry_count);
    if (!error && production->record)
        error = write_record(production, commit, fault);
    if (!error && commit->pending) {
        int os_error = sfx_os_rename(commit->tree, SFX_MANIFEST_PATH, commit->tree, SFX_PENDING_PATH, SFX_OS_REPLACE);
        if (os_error)
            error = sfx_fail_os(fault, os_error, "cannot write %s/" SFX_PENDING_PATH, commit->shown);
    }
    if (!error && production->log)
        session->log_kept = session->log.size;
    sfx_prefix_close(prefix);
    return error;
}

/* What is extracted has no record; the empty folder was the mark of the staging folder. */
static void drop_mark(const struct sfx_place *place)
{
    SFX_CLEAN_STRING char *mark = sfx_print("%s/" SFX_STATE_DIRECTORY, place->path);
    if (mark)
        sfx_os_remove_directory(SFX_OS_HERE, mark);
}

/* What failed is what is told, unless the tree cannot be taken back. */
static enum sfx_error revert(const struct sfx_production *production, struct sfx_commit *commit, struct sfx_fault *fault)
{
    struct sfx_fault failed = {.error = SFX_OK};
    if (sfx_commit_revert(commit, !production->session->options.no_sync, &failed) == SFX_OK) {
        size_t size = strlen(fault->message);
        snprintf(fault->message + size, sizeof fault->message - size, "; all is as it was before");
        return fault->error;
    }
    sfx_say_fault(production->session, fault);
    *fault = failed;
    return failed.error;
}

/* The tree stands at the prefix: does it stay? */
static enum sfx_error settle(const struct sfx_production *production, struct sfx_commit *commit, struct sfx_fault *fault)
{
    bool residue = false;
    enum sfx_error error = production->after ? production->after(production->context, commit, fault) : SFX_OK;
    if (!error)
        error = sfx_commit_settle(commit, !production->session->options.no_sync, &residue, fault);
    if (error)
        return revert(production, commit, fault);
    if (residue)
        sfx_warn(production->session, "the old installation could not be removed whole; what is left of it is %s/%s",
                 commit->inside ? production->place->path : production->place->parent_path,
                 commit->inside ? SFX_STAGING_INSIDE : production->place->staging);
    return SFX_OK;
}

/* SINCE: when the tree was begun. */
static enum sfx_error publish(const struct sfx_production *production, struct sfx_commit *commit, uint64_t since,
                              struct sfx_fault *fault)
{
    struct sfx_session *session = production->session;
    struct sfx_progress progress;
    bool sync = !session->options.no_sync;
    enum sfx_error error = sfx_check_interrupted(fault);
    if (error)
        return error;
    sfx_progress_start(&progress, session, "");
    if (sync) {
        sfx_event_phase(&session->events, "sync");
        sfx_progress_note(&progress, "waiting for the disk");
    }
    error = sfx_commit_flush(commit, sync, fault);
    bool kept = false;
    if (!error && commit->replaces)
        error = sfx_carry_late(session, production->place, commit, since, &kept, fault);
    if (!error && kept)
        error = sfx_commit_flush(commit, sync, fault);
    if (!error) {
        sfx_event_phase(&session->events, "publish");
        error = sfx_commit_publish(commit, sync, fault);
    }
    sfx_progress_end(&progress);
    if (!error)
        error = settle(production, commit, fault);
    if (error)
        return error;
    if (!production->record)
        drop_mark(production->place);
    return SFX_OK;
}

/* What an installation has outside of its tree, and that its folder was there before, holds for the one that replaces it. */
static enum sfx_error take_over(const struct sfx_production *production, const struct sfx_commit *commit,
                                struct sfx_fault *fault)
{
    bool kept = production->inside;
    int error = 0;
    if (commit->replaces) {
        kept = sfx_record_keeps_folder(production->place->folder);
        error = sfx_rc_take_over(production->place->folder, commit->tree);
    }
    if (!error && kept)
        error = sfx_record_keep_folder(commit->tree);
    return error ? sfx_fail_os(fault, error, "cannot write in %s/" SFX_STATE_DIRECTORY, commit->shown) : SFX_OK;
}

/* The lock is held. BEFORE is what the decision to be here was made by. */
static enum sfx_error make(const struct sfx_production *production, enum sfx_occupation before, bool *ret_changed,
                           struct sfx_fault *fault)
{
    struct sfx_commit commit;
    struct sfx_place *place = production->place;
    enum sfx_error error = sfx_commit_recover(place, production->inside, fault);
    if (error)
        return error;
    *ret_changed = place->occupation != before && !(production->inside && place->occupation == SFX_PLACE_EMPTY);
    if (*ret_changed)
        return SFX_OK;
    uint64_t since = sfx_os_time();
    error = sfx_commit_begin(place, production->inside, &commit, fault);
    commit.mode = production->mode ? production->mode : sfx_mode(production->modes, 0755);
    commit.keeps_mode = commit.replaces && !production->session->options.modes;
    commit.pending = production->after != NULL;
    if (!error && production->before)
        error = production->before(production->context, &commit, fault);
    if (!error)
        error = production->fill ? production->fill(production->context, &commit, fault) : fill(production, &commit, fault);
    if (!error && production->record)
        error = take_over(production, &commit, fault);
    if (!error)
        error = publish(production, &commit, since, fault);
    sfx_commit_close(&commit);
    return !error && production->finish ? production->finish(production->context, fault) : error;
}

/* The lock is taken and given back; another run may meanwhile have removed the parent, which was its own. */
static enum sfx_error make_locked(const struct sfx_production *production, enum sfx_occupation before, bool *ret_changed,
                                  struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_lock_release))) struct sfx_lock lock = {NULL};
    struct sfx_place *place = production->place;
    enum sfx_error error = sfx_produce_lock(production->session, place, production->inside, &lock, fault);
    if (!error)
        return make(production, before, ret_changed, fault);
    *ret_changed = error == SFX_ERROR_IO && fault->os_error == ENOENT;
    if (!*ret_changed)
        return error;
    sfx_os_closep(&place->parent);
    return sfx_place_look(place, fault);
}

enum sfx_error sfx_produce(const struct sfx_production *production, bool *ret_changed, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *made = NULL;
    struct sfx_place *place = production->place;
    bool changed = false;
    enum sfx_occupation before = place->occupation;
    enum sfx_error error = sfx_place_make_parent(place, &made, fault);
    if (!error)
        error = make_locked(production, before, &changed, fault);
    if (error || changed)
        sfx_place_unmake_parent(place, made);
    if (ret_changed)
        *ret_changed = changed;
    else if (changed && !error)
        error = sfx_fail(fault, SFX_ERROR_PREFIX, "%s changed while this program started; run it again", place->path);
    return error;
}
