/* The moves of a publication inside an existing folder; see commit.h.
 *
 * The journal lists the top-level names in the order they move, `-` what goes from the prefix to `old`, `+` what comes from
 * `tree`; `.sfxpack` is the first to go and the last to come. So a prefix that is not whole has no manifest, a new one says that
 * all is done, and as long as it is not there everything can be moved back, the old `.sfxpack` last: a name still in `tree` has not come, a name not yet in `old` has not gone. */
#include <errno.h>
#include <stdlib.h>

#include "commit.h"
#include "lock.h"
#include "os.h"
#include "record.h"
#include "text.h"
#include "tree.h"

struct moves {
    int prefix;
    int tree;
    int old;
};

/* What cannot be looked at is an error, never absent: something would be lost. */
static int look(int directory, const char *name, bool *ret_exists)
{
    struct sfx_os_stat found;
    int error = directory >= 0 ? sfx_os_stat(directory, name, &found) : ENOENT;
    *ret_exists = !error;
    return error == ENOENT || error == ENOTDIR ? 0 : error;
}

/* Moving a folder elsewhere takes the right to write it, which its final mode may not give. */
static int move(int from, int to, const char *name)
{
    struct sfx_os_stat found;
    int error = sfx_os_stat(from, name, &found);
    if (error)
        return error;
    bool locked = found.kind == SFX_OS_FOLDER && (found.mode & 0200) == 0;
    if (locked)
        sfx_os_set_mode_at(from, name, found.mode | 0200u);
    error = sfx_os_rename(from, name, to, name, SFX_OS_KEEP);
    if (error == ENOSYS) {
        bool taken;
        error = look(to, name, &taken);
        if (!error)
            error = taken ? EEXIST : sfx_os_rename(from, name, to, name, SFX_OS_REPLACE);
    }
    if (locked)
        sfx_os_set_mode_at(error ? from : to, name, found.mode);
    return error;
}

/* What is in the prefix and of no tree. */
static bool is_apart(const char *name, const char *lock)
{
    return strcmp(name, SFX_STAGING_INSIDE) == 0 || sfx_lock_is_name(lock, name) || strcmp(name, "lost+found") == 0;
}

static void add_line(struct sfx_text *text, char sign, const char *name)
{
    sfx_text_format(text, "%c%s", sign, name);
    sfx_text_add(text, "", 1);
}

/* Whoever made the folder may have written the journal: it names nothing outside. */
static bool is_name(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Lines for the names in DIRECTORY; what is not part of a tree left out. */
static int list(int directory, char sign, const char *lock, struct sfx_text *text)
{
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    bool has_state = false;
    int error = sfx_os_list(directory, &names, &count);
    const char *name = names;
    for (size_t i = 0; !error && i < count; i++, name += strlen(name) + 1)
        has_state = has_state || strcmp(name, SFX_STATE_DIRECTORY) == 0;
    if (has_state && sign == '-')
        add_line(text, sign, SFX_STATE_DIRECTORY);
    name = names;
    for (size_t i = 0; !error && i < count; i++, name += strlen(name) + 1) {
        if (strcmp(name, SFX_STATE_DIRECTORY) != 0 && !is_apart(name, lock))
            add_line(text, sign, name);
    }
    if (has_state && sign == '+')
        add_line(text, sign, SFX_STATE_DIRECTORY);
    return error ? error : text->failed ? ENOMEM : 0;
}

static int write_journal(const struct sfx_commit *commit, struct sfx_text *text, bool sync)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    int error = 0;
    if (commit->replaces)
        error = list(commit->base, '-', commit->place->lock, text);
    if (!error)
        error = list(commit->tree, '+', commit->place->lock, text);
    if (!error)
        error = sfx_os_create(commit->staging, SFX_STAGING_JOURNAL ".new", 0600, &fd);
    if (!error)
        error = sfx_os_write(fd, text->data, text->size);
    if (!error && sync)
        error = sfx_os_sync_file(fd);
    if (!error)
        error = sfx_os_rename(commit->staging, SFX_STAGING_JOURNAL ".new", commit->staging, SFX_STAGING_JOURNAL, SFX_OS_REPLACE);
    if (!error && sync)
        error = sfx_os_sync_file(commit->staging);
    return error;
}

/* Names are NUL-terminated, so no name can pass for two. */
static int run(const struct moves *moves, const struct sfx_text *text, bool sync)
{
    int error = 0;
    for (size_t i = 0; !error && i < text->size; i += strlen(text->data + i) + 1) {
        const char *name = text->data + i + 1;
        bool comes = text->data[i] == '+';
        if (sync && comes && strcmp(name, SFX_STATE_DIRECTORY) == 0)
            error = sfx_os_sync_file(moves->prefix);
        if (error)
            break;
        error = comes ? move(moves->tree, moves->prefix, name) : move(moves->prefix, moves->old, name);
    }
    return error;
}

static int undo_come(const struct moves *moves, const char *name, bool replaced)
{
    bool waits;
    bool stands;
    bool gone = true;
    int error = look(moves->tree, name, &waits);
    if (!error)
        error = look(moves->prefix, name, &stands);
    if (!error && replaced)              /* else it may be the old one, which has not gone yet */
        error = look(moves->old, name, &gone);
    return error || waits || !stands || !gone ? error : move(moves->prefix, moves->tree, name);
}

/* Whether the journal says that NAME is one of the old tree. */
static bool was_there(const struct sfx_text *text, const char *name)
{
    for (size_t i = 0; i < text->size; i += strlen(text->data + i) + 1)
        if (text->data[i] == '-' && strcmp(text->data + i + 1, name) == 0)
            return true;
    return false;
}

static int undo_go(const struct moves *moves, const char *name)
{
    bool gone;
    int error = look(moves->old, name, &gone);
    return error || !gone ? error : move(moves->old, moves->prefix, name);
}

static int undo(const struct moves *moves, const struct sfx_text *text)
{
    int error = 0;
    for (size_t i = 0; !error && i < text->size; i += strlen(text->data + i) + 1)
        if (text->data[i] == '+' && is_name(text->data + i + 1))
            error = undo_come(moves, text->data + i + 1, was_there(text, text->data + i + 1));
    for (size_t i = 0; !error && i < text->size; i += strlen(text->data + i) + 1)
        if (text->data[i] == '-' && is_name(text->data + i + 1) && strcmp(text->data + i + 1, SFX_STATE_DIRECTORY) != 0)
            error = undo_go(moves, text->data + i + 1);
    return error ? error : undo_go(moves, SFX_STATE_DIRECTORY);
}

enum sfx_error sfx_journal_publish(struct sfx_commit *commit, bool sync, struct sfx_fault *fault)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    __attribute__((cleanup(sfx_os_closep))) int old = -1;
    int error = 0;
    if (commit->replaces) {
        error = sfx_os_make_directory(commit->staging, SFX_STAGING_OLD, 0700);
        if (!error)
            error = sfx_os_open(commit->staging, SFX_STAGING_OLD, SFX_OS_DIRECTORY, &old);
    }
    if (!error)
        error = write_journal(commit, &text, sync);
    struct moves moves = {commit->base, commit->tree, old};
    if (!error) {
        error = run(&moves, &text, sync);
        if (!error && sync)
            error = sfx_os_sync_file(commit->base);
        if (error && undo(&moves, &text) != 0)
            commit->made_folder = false; /* it holds the only copy of something: left for the next run */
    }
    if (error == EEXIST)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "something appeared in %s while this installer ran; choose another prefix",
                        commit->place->path);
    if (error)
        return sfx_fail_os(fault, error, "cannot publish in %s", commit->place->path);
    return SFX_OK;
}

/* The journal first: it would be taken for moves to be undone as long as it is there, and by then its names may be others'. */
int sfx_journal_remove(int prefix)
{
    int error = sfx_os_unlink(prefix, SFX_STAGING_INSIDE "/" SFX_STAGING_JOURNAL);
    return error && error != ENOENT && error != ENOTDIR ? error : sfx_tree_remove(prefix, SFX_STAGING_INSIDE, NULL);
}

/* Nothing but what this file makes may be in a staging folder that is going to be removed. */
static int is_ours(int staging, bool *ret_ours)
{
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    int error = sfx_os_list(staging, &names, &count);
    *ret_ours = !error;
    const char *name = names;
    for (size_t i = 0; i < count; i++, name += strlen(name) + 1)
        if (strcmp(name, SFX_STAGING_TREE) != 0 && strcmp(name, SFX_STAGING_OLD) != 0 &&
            strncmp(name, SFX_STAGING_JOURNAL, strlen(SFX_STAGING_JOURNAL)) != 0 &&
            strncmp(name, SFX_MOVED_UP, strlen(SFX_MOVED_UP)) != 0)
            *ret_ours = false;
    return error;
}

/* What hooks made: all else that is in the prefix now, since what was there before has gone to `old`. As long as `pending` is
 * there nothing of that has come back. */
static int clear(const struct sfx_place *place)
{
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    int error = sfx_os_list(place->folder, &names, &count);
    const char *name = names;
    for (size_t i = 0; !error && i < count; i++, name += strlen(name) + 1)
        if (strcmp(name, SFX_STATE_DIRECTORY) != 0 && !is_apart(name, place->lock))
            error = sfx_tree_remove(place->folder, name, NULL);
    return error;
}

static int recover(const struct sfx_place *place, int staging)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    __attribute__((cleanup(sfx_os_closep))) int tree = -1;
    __attribute__((cleanup(sfx_os_closep))) int old = -1;
    int error = sfx_text_read(&text, staging, SFX_STAGING_JOURNAL, SIZE_MAX);
    if (error || text.size == 0)
        return error == ENOENT ? 0 : error;
    error = sfx_os_open(staging, SFX_STAGING_TREE, SFX_OS_DIRECTORY, &tree);
    if (error)                           /* already being removed: all was done, or undone */
        return error == ENOENT ? 0 : error;
    error = sfx_os_open(staging, SFX_STAGING_OLD, SFX_OS_DIRECTORY, &old);
    if (error && error != ENOENT)
        return error;
    struct moves moves = {place->folder, tree, old};
    bool waits;
    bool stands;
    bool pending;
    error = look(tree, SFX_STATE_DIRECTORY, &waits);
    if (!error)
        error = look(place->folder, SFX_MANIFEST_PATH, &stands);
    if (!error)
        error = look(place->folder, SFX_PENDING_PATH, &pending);
    if (error || (!waits && stands))
        return error;
    if (!waits && pending)
        error = clear(place);
    return error ? error : undo(&moves, &text);
}

enum sfx_error sfx_journal_undo(const struct sfx_place *place, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int staging = -1;
    int error = sfx_os_open(place->folder, SFX_STAGING_INSIDE, SFX_OS_DIRECTORY, &staging);
    if (error == ENOENT)
        return SFX_OK;
    bool ours = false;
    if (!error)
        error = is_ours(staging, &ours);
    if (!error && !ours)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s/%s is in the way and was not made by this installer; move it away",
                        place->path, SFX_STAGING_INSIDE);
    if (!error)
        error = recover(place, staging);
    if (!error)
        error = sfx_journal_remove(place->folder);
    return error ? sfx_fail_os(fault, error, "cannot undo what was begun in %s", place->path) : SFX_OK;
}
