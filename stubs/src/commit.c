/* Publishing a tree at a prefix; see commit.h. */
#include "commit.h"

#include <errno.h>

#include "os.h"
#include "pool.h"
#include "record.h"
#include "text.h"
#include "tree.h"

static enum sfx_error fail_at(const struct sfx_place *place, int error, const char *what, const char *name,
                              struct sfx_fault *fault)
{
    return sfx_fail_os(fault, error, "cannot %s %s/%s", what, place->parent_path, name);
}

/* What cannot be looked at counts as there: then what comes next fails and says why. */
static bool exists(int directory, const char *name)
{
    struct sfx_os_stat found;
    int error = sfx_os_stat(directory, name, &found);
    return error != ENOENT && error != ENOTDIR;
}

static bool exists_in(const struct sfx_place *place, const char *folder, const char *name)
{
    SFX_CLEAN_STRING char *path = sfx_print("%s/%s", folder, name);
    return path && exists(place->parent, path);
}

/* ---- The tree that gives way while hooks run ---- */

static int mark_replaced(const struct sfx_place *place)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    int error = sfx_os_create(place->parent, place->replaced, 0644, &fd);
    return error == EEXIST ? 0 : error;
}

static int unmark_replaced(const struct sfx_place *place)
{
    int error = sfx_os_unlink(place->parent, place->replaced);
    return error == ENOENT ? 0 : error;
}

/* ---- Trading places ---- */

#define SWAP_JOURNAL "swap\n"

static int write_journal(const struct sfx_place *place)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    int error = sfx_os_create(place->parent, place->journal, 0644, &fd);
    if (!error)
        error = sfx_os_write(fd, SWAP_JOURNAL, sizeof SWAP_JOURNAL - 1);
    if (!error)
        error = sfx_os_sync_file(fd);
    return error ? error : sfx_os_sync_file(place->parent);
}

/* Where the system cannot exchange: the prefix is absent between two renames, and the journal says so. */
static int swap(const struct sfx_place *place)
{
    int error = write_journal(place);
    if (!error)
        error = sfx_os_rename(place->parent, place->name, place->parent, place->old, SFX_OS_REPLACE);
    if (error) {
        sfx_os_unlink(place->parent, place->journal);
        return error;
    }
    error = sfx_os_rename(place->parent, place->staging, place->parent, place->name, SFX_OS_REPLACE);
    /* Back where it was, or out of the way; as long as neither works the journal stays, for the next run. */
    const char *name = error ? place->name : place->staging;
    if (sfx_os_rename(place->parent, place->old, place->parent, name, SFX_OS_REPLACE) == 0)
        sfx_os_unlink(place->parent, place->journal);
    return error;
}

/* The old tree lies under the name of the staging folder afterwards. */
static int replace(const struct sfx_place *place)
{
    int error = sfx_os_rename(place->parent, place->staging, place->parent, place->name, SFX_OS_EXCHANGE);
    return error == ENOSYS ? swap(place) : error;
}

/* ---- Leftovers ---- */

/* A staging folder beside: empty (killed right after it was made), or it holds `.sfxpack`, the first thing made in it and
 * the last one removed. */
static int is_ours(int parent, const char *name, bool *ret_ours)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    *ret_ours = false;
    int error = sfx_os_open(parent, name, SFX_OS_DIRECTORY, &fd);
    if (error == ENOTDIR || error == ELOOP)
        return 0;
    if (!error)
        error = sfx_os_list(fd, &names, &count);
    if (error || count == 0) {
        *ret_ours = !error;
        return error;
    }
    struct sfx_os_stat found;
    error = sfx_os_stat(fd, SFX_STATE_DIRECTORY, &found);
    *ret_ours = !error;
    return error == ENOENT ? 0 : error;
}

static enum sfx_error remove_ours(const struct sfx_place *place, const char *name, struct sfx_fault *fault)
{
    struct sfx_os_stat found;
    bool ours = true;
    int error = sfx_os_stat(place->parent, name, &found);
    if (error == ENOENT)
        return SFX_OK;
    if (!error)
        error = is_ours(place->parent, name, &ours);
    if (!error && !ours)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s/%s is in the way and was not made by this installer; move it away",
                        place->parent_path, name);
    if (!error)
        error = sfx_tree_remove(place->parent, name, SFX_STATE_DIRECTORY);
    return error ? fail_at(place, error, "remove what a killed run left,", name, fault) : SFX_OK;
}

static int is_journal(const struct sfx_place *place, bool *ret_journal)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    char text[sizeof SWAP_JOURNAL];
    size_t size = 0;
    int error = sfx_os_open(place->parent, place->journal, SFX_OS_READ, &fd);
    if (!error)
        error = sfx_os_read(fd, text, sizeof text, &size);
    *ret_journal = !error && size == sizeof SWAP_JOURNAL - 1 && memcmp(text, SWAP_JOURNAL, size) == 0;
    return error == ELOOP ? 0 : error;
}

/* Two renames were not finished: the old tree goes back if its name is free, else it has been replaced. A journal that was
 * not written whole stands before both. */
static enum sfx_error undo_swap(const struct sfx_place *place, struct sfx_fault *fault)
{
    bool ours = false;
    bool written;
    int os_error = is_journal(place, &written);
    if (os_error)
        return os_error == ENOENT ? SFX_OK : fail_at(place, os_error, "read", place->journal, fault);
    if (written && !exists(place->parent, place->name) && is_ours(place->parent, place->old, &ours) == 0 && ours) {
        int error = sfx_os_rename(place->parent, place->old, place->parent, place->name, SFX_OS_REPLACE);
        if (error)
            return fail_at(place, error, "put back", place->old, fault);
    }
    if (exists(place->parent, place->old) && !exists(place->parent, place->staging) &&
        exists_in(place, place->name, SFX_PENDING_PATH)) {
        int error = sfx_os_rename(place->parent, place->old, place->parent, place->staging, SFX_OS_REPLACE);
        if (error)
            return fail_at(place, error, "move", place->old, fault);
    }
    if (exists(place->parent, place->old) && place->occupation != SFX_PLACE_INSTALLED)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s/%s is the installation that was in %s; move it back, or away",
                        place->parent_path, place->old, place->path);
    enum sfx_error failed = remove_ours(place, place->old, fault);
    if (failed)
        return failed;
    int error = sfx_os_unlink(place->parent, place->journal);
    return error ? fail_at(place, error, "remove", place->journal, fault) : SFX_OK;
}

/* Out of its place; the tree it replaced, if there is one, comes back. */
static int take_back(const struct sfx_place *place, bool replaces)
{
    return replaces ? replace(place) : sfx_os_rename(place->parent, place->name, place->parent, place->staging, SFX_OS_REPLACE);
}

/* A run ended between publishing and settling, while hooks ran. */
static enum sfx_error undo_pending(const struct sfx_place *place, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *pending = sfx_print("%s/" SFX_PENDING_PATH, place->name);
    struct sfx_os_stat found;
    int missing = pending ? sfx_os_stat(place->parent, pending, &found) : ENOMEM;
    if (missing && missing != ENOENT && missing != ENOTDIR)
        return fail_at(place, missing, "look at", pending ? pending : "", fault);
    if (missing || exists_in(place, place->name, SFX_STAGING_INSIDE))
        return SFX_OK;
    bool replaces = exists_in(place, place->staging, SFX_MANIFEST_PATH);
    enum sfx_error failed = replaces ? SFX_OK : remove_ours(place, place->staging, fault);
    if (failed)
        return failed;
    int error = take_back(place, replaces);
    return error ? fail_at(place, error, "take back", place->name, fault) : SFX_OK;
}

/* The tree whose hooks did not end was moved or removed by hand, so it cannot be exchanged: what it replaced comes back, as it
 * holds the user's files. Before it is removed, which may take several runs, it is no such tree any more. */
static enum sfx_error restore_replaced(const struct sfx_place *place, struct sfx_fault *fault)
{
    bool marked = exists(place->parent, place->replaced);
    bool complete = exists_in(place, place->name, SFX_MANIFEST_PATH);
    int error = 0;
    if (marked && !complete && exists_in(place, place->staging, SFX_MANIFEST_PATH)) {
        if (exists(place->parent, place->name))
            return sfx_fail(fault, SFX_ERROR_PREFIX, "%s/%s is the installation that was in %s; move it back, or away",
                            place->parent_path, place->staging, place->path);
        error = sfx_os_rename(place->parent, place->staging, place->parent, place->name, SFX_OS_REPLACE);
        if (error)
            return fail_at(place, error, "put back", place->staging, fault);
    }
    if (marked)
        error = unmark_replaced(place);
    return error ? fail_at(place, error, "remove", place->replaced, fault) : SFX_OK;
}

enum sfx_error sfx_commit_recover(struct sfx_place *place, bool inside, struct sfx_fault *fault)
{
    enum sfx_error error = sfx_place_look(place, fault);     /* what was seen before the lock was held may be over */
    if (error || (inside ? place->folder : place->parent) < 0)
        return error;
    if (inside) {
        error = sfx_journal_undo(place, fault);
        if (!error)
            error = sfx_place_look(place, fault);            /* what was seen without the lock, or before, may be complete now */
        int failed = !error && place->spent_record ? sfx_record_remove(place->folder, true) : 0;
        if (failed)
            error = sfx_fail_os(fault, failed, "cannot remove %s/" SFX_STATE_DIRECTORY, place->path);
    } else {
        error = undo_swap(place, fault);
        if (!error)
            error = undo_pending(place, fault);
        if (!error)
            error = restore_replaced(place, fault);
        if (!error)
            error = remove_ours(place, place->staging, fault);
    }
    return error ? error : sfx_place_look(place, fault);
}

/* ---- Begin ---- */

enum sfx_error sfx_commit_begin(struct sfx_place *place, bool inside, struct sfx_commit *ret_commit, struct sfx_fault *fault)
{
    struct sfx_commit *commit = ret_commit;
    const char *name = inside ? SFX_STAGING_INSIDE : place->staging;
    const char *base_path = inside ? place->path : place->parent_path;
    int base = inside ? place->folder : place->parent;
    *commit = (struct sfx_commit){place, inside, place->occupation == SFX_PLACE_INSTALLED, false, false, 0755, false, base, -1, -1,
                                  NULL};
    SFX_CLEAN_STRING char *folder = sfx_path_join(base_path, name);
    commit->shown = folder ? sfx_print("%s%s", folder, inside ? "/" SFX_STAGING_TREE : "") : NULL;
    if (!commit->shown)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    int error = sfx_os_make_directory(base, name, 0700);
    commit->made_folder = !error;
    if (!error)
        error = sfx_os_open(base, name, SFX_OS_DIRECTORY, &commit->staging);
    if (!error && inside)
        error = sfx_os_make_directory(commit->staging, SFX_STAGING_TREE, 0700);
    if (!error)
        error = sfx_os_open(commit->staging, inside ? SFX_STAGING_TREE : ".", SFX_OS_DIRECTORY, &commit->tree);
    if (!error)
        error = sfx_os_make_directory(commit->tree, SFX_STATE_DIRECTORY, 0755);
    return error ? sfx_fail_os(fault, error, "cannot create %s; choose a prefix you may write to", commit->shown) : SFX_OK;
}

/* ---- Publish ---- */

static int put(const struct sfx_place *place)
{
    int error = sfx_os_rename(place->parent, place->staging, place->parent, place->name, SFX_OS_KEEP);
    if (error != ENOSYS)
        return error;
    if (exists(place->parent, place->name))
        return EEXIST;
    return sfx_os_rename(place->parent, place->staging, place->parent, place->name, SFX_OS_REPLACE);
}

/* With the set-group bit the folder got from its parent. FAT gives no modes but its own, and refuses others. */
static int set_mode(int fd, uint32_t mode)
{
    struct sfx_os_stat found;
    int error = sfx_os_stat_fd(fd, &found);
    if (error)
        return error;
    error = sfx_os_set_mode(fd, mode | (found.mode & 02000u));
    bool fixed = error == EPERM && (found.mode & 0777) != 0700;
    return fixed ? 0 : error;
}

static enum sfx_error publish_beside(struct sfx_commit *commit, bool sync, struct sfx_fault *fault)
{
    const struct sfx_place *place = commit->place;
    int error = commit->replaces ? replace(place) : put(place);
    if (error == EEXIST || error == ENOTEMPTY)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s appeared while this installer ran; choose another prefix", place->path);
    if (!error && sync) {
        error = sfx_os_sync_file(place->parent);
        if (error)
            take_back(place, commit->replaces);
    }
    return error ? sfx_fail_os(fault, error, "cannot publish %s", place->path) : SFX_OK;
}

enum sfx_error sfx_commit_flush(const struct sfx_commit *commit, bool sync, struct sfx_fault *fault)
{
    struct sfx_os_stat old = {.mode = commit->mode};
    int error = commit->keeps_mode && !commit->inside ? sfx_os_stat_fd(commit->place->folder, &old) : 0;
    if (!error && !commit->inside)
        error = set_mode(commit->tree, old.mode & 02777u);
    if (!error && commit->pending && commit->replaces && !commit->inside)
        error = mark_replaced(commit->place);
    if (!error && sync)
        error = sfx_os_sync_system(commit->tree);
    if (error)
        return sfx_fail_os(fault, error, "cannot write %s to the disk", commit->shown);
    return sfx_check_interrupted(fault);
}

static int remove_staging(struct sfx_commit *commit)
{
    if (!commit->made_folder)
        return 0;
    sfx_os_closep(&commit->staging);     /* some systems remove no folder that is open */
    if (commit->inside)
        sfx_os_closep(&commit->tree);
    int error = commit->inside ? sfx_journal_remove(commit->base)
                               : sfx_tree_remove(commit->base, commit->place->staging, SFX_STATE_DIRECTORY);
    commit->made_folder = error != 0;
    return error;
}

enum sfx_error sfx_commit_publish(struct sfx_commit *commit, bool sync, struct sfx_fault *fault)
{
    enum sfx_error error = commit->inside ? sfx_journal_publish(commit, sync, fault) : publish_beside(commit, sync, fault);
    if (error)
        return error;
    commit->made_folder = false;         /* it is the prefix now, or all there is of the old tree */
    int tree = -1;                       /* under its new name: not every system follows a folder */
    if (!commit->inside && sfx_os_open(commit->place->parent, commit->place->name, SFX_OS_DIRECTORY, &tree) == 0) {
        sfx_os_closep(&commit->tree);
        commit->tree = tree;
    }
    return SFX_OK;
}

/* What hooks wrote is on the disk before the tree counts as installed. */
static int complete(const struct sfx_commit *commit, bool sync)
{
    __attribute__((cleanup(sfx_os_closep))) int state = -1;
    int error = sync ? sfx_os_sync_system(commit->base) : 0;
    int root = commit->inside ? commit->base : commit->tree;
    if (!error)
        error = sfx_os_rename(root, SFX_PENDING_PATH, root, SFX_MANIFEST_PATH, SFX_OS_REPLACE);
    if (error || !sync)
        return error;
    error = sfx_os_open(root, SFX_STATE_DIRECTORY, SFX_OS_DIRECTORY, &state);
    if (!error)
        error = sfx_os_sync_file(state);
    if (error)                           /* it is not complete, so it can be taken back */
        sfx_os_rename(root, SFX_MANIFEST_PATH, root, SFX_PENDING_PATH, SFX_OS_REPLACE);
    return error;
}

enum sfx_error sfx_commit_settle(struct sfx_commit *commit, bool sync, bool *ret_residue, struct sfx_fault *fault)
{
    int error = commit->pending ? complete(commit, sync) : 0;
    *ret_residue = false;
    if (error)
        return sfx_fail_os(fault, error, "cannot complete %s", commit->place->path);
    commit->made_folder = commit->inside || commit->replaces;
    if (commit->pending && !commit->inside)
        error = unmark_replaced(commit->place);
    *ret_residue = error != 0 || remove_staging(commit) != 0;
    if (*ret_residue)
        commit->made_folder = false;     /* not tried a second time */
    return SFX_OK;
}

enum sfx_error sfx_commit_revert(struct sfx_commit *commit, bool sync, struct sfx_fault *fault)
{
    const struct sfx_place *place = commit->place;
    if (commit->inside) {
        enum sfx_error failed = sfx_journal_undo(place, fault);
        if (!failed && sync)
            sfx_os_sync_file(commit->base);
        return failed;
    }
    int error = take_back(place, commit->replaces);
    if (error)
        return fail_at(place, error, "take back", place->name, fault);
    commit->made_folder = true;
    unmark_replaced(place);
    if (sync)
        sfx_os_sync_file(place->parent);
    return SFX_OK;
}

void sfx_commit_close(struct sfx_commit *commit)
{
    if (commit->made_folder && commit->pending && commit->replaces && !commit->inside)
        unmark_replaced(commit->place);
    remove_staging(commit);
    sfx_os_closep(&commit->tree);
    sfx_os_closep(&commit->staging);
    sfx_free_string(&commit->shown);
}
