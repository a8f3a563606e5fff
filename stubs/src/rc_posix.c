/* Lines in a shell's start-up file are added, moved and removed; see rc.h. */
#include "rc_posix.h"

#include <errno.h>

#include "os.h"

static char *find(const struct sfx_text *text, struct sfx_bytes part)
{
    return text->size > 0 && part.size > 0 ? sfx_find_bytes(text->data, text->size, part) : NULL;
}

/* Whether the first line of a block stands there, though the block does not: it was edited. */
static bool has_first_line(const struct sfx_text *text, struct sfx_bytes block)
{
    const uint8_t *end = block.size ? memchr(block.data, '\n', block.size) : NULL;
    return end && find(text, (struct sfx_bytes){block.data, (size_t)(end - block.data)});
}

enum sfx_error sfx_rc_check(const struct sfx_session *session, const struct sfx_index *index, struct sfx_fault *fault)
{
    static const char *const others[] = {"csh", "tcsh", "nu", "pwsh", "xonsh", "elvish"};
    SFX_CLEAN_STRING char *path = sfx_rc_choose();
    if (!session->options.modify_rc)
        return SFX_OK;
    if (index->header.tree_count > 0)
        return sfx_fail(fault, SFX_ERROR_USAGE, "--modify-rc activates one environment, and this file holds %u; add the line of the "
                                                "one you want yourself", index->header.tree_count);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(sfx_rc_shell(), others[i]) == 0)
            return sfx_fail(fault, SFX_ERROR_USAGE, "--modify-rc does not know the language of %s; add PREFIX/bin to its PATH yourself",
                            others[i]);
    if (!path || strchr(path, '\n'))
        return sfx_fail(fault, SFX_ERROR_USAGE, "--modify-rc: HOME is not set, so where the start-up file lies is not known");
    return SFX_OK;
}

/* ---- Adding, moving, removing ---- */

/* The record cannot be read, so which file it is, is not known. */
static enum sfx_error say_unread(struct sfx_session *session, const char *prefix, int error)
{
    sfx_warn(session, "cannot read %s/" SFX_OUTSIDE ", so lines in a start-up file stay as they are: %s", prefix, strerror(error));
    return SFX_ERROR_EXCEPTIONS;
}

static enum sfx_error say_failed(struct sfx_session *session, const char *path, int error, const char *what)
{
    sfx_warn(session, "%s %s: %s", path ? path : "the start-up file", what, error == EINVAL ? "not a regular file" : sfx_os_error_text(error));
    return SFX_ERROR_EXCEPTIONS;
}

/* The file did not end with a newline. */
static void add_newline_before(struct sfx_outside *outside)
{
    SFX_CLEAN_TEXT struct sfx_text added = outside->added;
    outside->added = (struct sfx_text){.failed = added.failed};
    sfx_text_format(&outside->added, "\n%s", added.data);
}

/* From the lines of one prefix to those of another, or to the first ones. */
struct renewal {
    int root;                            /* the installation */
    const char *prefix;
    bool may_add;                        /* where there are none */
    struct sfx_outside old;
    struct sfx_outside new;
    bool edited;                         /* they are there, but not as they were written, and stay */
};

static void close_renewal(struct renewal *renewal)
{
    sfx_outside_close(&renewal->old);
    sfx_outside_close(&renewal->new);
}
#define CLEAN_RENEWAL __attribute__((cleanup(close_renewal)))

/* The block of the old lines, or the one that the new ones have, becomes that of the new ones. */
static int put_block(struct renewal *renewal)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    struct sfx_outside *new = &renewal->new;
    struct sfx_bytes old_block = sfx_outside_block(&renewal->old);
    struct sfx_bytes block = sfx_outside_block(new);
    bool exists;
    int error = sfx_rc_read(new->path, &text, &exists);
    if (error)
        return error;
    const char *old = find(&text, old_block);
    bool is_there = find(&text, block) != NULL;
    renewal->edited = !old && !is_there && (has_first_line(&text, old_block) || has_first_line(&text, block));
    if (renewal->edited)
        return 0;
    if (old || is_there) {               /* the file first: as long as the record names the old lines they can be found */
        if (!is_there)
            error = sfx_rc_splice(new->path, &text, old, old_block.size, block);
        if (old_block.size < renewal->old.added.size)
            add_newline_before(new);
        return error ? error : sfx_outside_write(renewal->root, new);
    }
    if (!renewal->may_add)
        return renewal->old.path ? sfx_os_unlink(renewal->root, SFX_OUTSIDE) : 0;
    new->made = !exists;
    if (text.size > 0 && text.data[text.size - 1] != '\n')
        add_newline_before(new);
    error = new->added.failed ? ENOMEM : sfx_outside_write(renewal->root, new);     /* the record first: no line without one */
    return error ? error : sfx_rc_splice(new->path, &text, NULL, 0, (struct sfx_bytes){(const uint8_t *)new->added.data, new->added.size});
}

/* fish/config.fish in a home directory without one */
static void make_folder(const char *path)
{
    SFX_CLEAN_STRING char *folder = sfx_path_parent(path);
    SFX_CLEAN_STRING char *above = folder ? sfx_path_parent(folder) : NULL;
    if (sfx_rc_is_fish(path) && above) {
        sfx_os_make_directory(SFX_OS_HERE, above, 0755);
        sfx_os_make_directory(SFX_OS_HERE, folder, 0755);
    }
}

/* The lines for PREFIX into the file of NEW, under its lock. RET_ERROR: why not; SFX_ERROR_EXCEPTIONS: that was said. */
static enum sfx_error renew(struct sfx_session *session, const struct sfx_index *index, struct renewal *renewal, int *ret_error)
{
    SFX_LET_GO struct sfx_rc_holding holding = {.name = NULL};
    struct sfx_outside *new = &renewal->new;
    bool fish = new->path && sfx_rc_is_fish(new->path);
    *ret_error = !new->path ? ENOMEM : fish && strchr(renewal->prefix, '\\') ? ENOTSUP : 0;
    if (*ret_error)
        return SFX_OK;
    sfx_rc_block(&new->added, index, renewal->prefix, fish);
    if (renewal->may_add)
        make_folder(new->path);
    if (sfx_rc_take_lock(session, new->path, &holding) != SFX_OK)
        return SFX_ERROR_EXCEPTIONS;
    *ret_error = new->added.failed ? ENOMEM : put_block(renewal);
    return SFX_OK;
}

static enum sfx_error add_at(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix)
{
    CLEAN_RENEWAL struct renewal renewal = {.root = root, .prefix = prefix, .may_add = true};
    int error = sfx_outside_read(root, &renewal.old);
    if (error)
        return say_unread(session, prefix, error);
    renewal.new.path = renewal.old.path ? strdup(renewal.old.path) : sfx_rc_choose();
    renewal.new.made = renewal.old.made;
    if (renew(session, index, &renewal, &error) != SFX_OK)
        return SFX_ERROR_EXCEPTIONS;
    if (error)
        return say_failed(session, renewal.new.path, error, "was not changed, so new shells do not activate it");
    if (renewal.edited)
        sfx_warn(session, "%s holds lines for it that were edited; they stay as they are", renewal.new.path);
    else
        sfx_say(session, "profile:   %s activates it in new shells", renewal.new.path);
    return SFX_OK;
}

enum sfx_error sfx_rc_add(struct sfx_session *session, const struct sfx_index *index, const char *prefix,
                          struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    if (!session->options.modify_rc)
        return SFX_OK;
    int opened = sfx_os_open(SFX_OS_HERE, prefix, SFX_OS_DIRECTORY_FOLLOW, &root);
    enum sfx_error error = opened ? say_unread(session, prefix, opened) : add_at(session, index, root, prefix);
    return error ? sfx_fail(fault, error, "%s", "") : SFX_OK;
}

bool sfx_rc_follows(int root, const char *prefix)
{
    SFX_CLEAN_OUTSIDE struct sfx_outside outside = {.path = NULL};
    SFX_CLEAN_STRING char *mark = sfx_print(" (sfxpack %s) >>>\n", prefix);
    bool is_known = mark && sfx_outside_read(root, &outside) == 0;
    return is_known && (!outside.path || (find(&outside.added, sfx_bytes_of(mark)) && !sfx_rc_is_locked(outside.path)));
}

enum sfx_error sfx_rc_move(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix)
{
    CLEAN_RENEWAL struct renewal renewal = {.root = root, .prefix = prefix};
    int error = sfx_outside_read(root, &renewal.old);
    if (error)
        return say_unread(session, prefix, error);
    if (!renewal.old.path)
        return SFX_OK;
    renewal.new.path = strdup(renewal.old.path);
    renewal.new.made = renewal.old.made;
    if (renew(session, index, &renewal, &error) != SFX_OK)
        return SFX_ERROR_EXCEPTIONS;
    if (error && error != ENOENT)
        return say_failed(session, renewal.old.path, error, "still names the old prefix");
    if (!renewal.edited)
        return SFX_OK;
    sfx_warn(session, "%s holds lines for it that were edited; they still name the old prefix", renewal.old.path);
    return SFX_ERROR_EXCEPTIONS;
}

enum sfx_error sfx_rc_remove(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix)
{
    SFX_LET_GO struct sfx_rc_holding holding = {.name = NULL};
    SFX_CLEAN_OUTSIDE struct sfx_outside outside;
    SFX_CLEAN_OUTSIDE struct sfx_outside new = {.path = NULL};
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    bool exists = false;
    int error = sfx_outside_read(root, &outside);
    if (error)
        return say_unread(session, prefix, error);
    if (outside.path && sfx_rc_take_lock(session, outside.path, &holding) != SFX_OK)
        return SFX_ERROR_EXCEPTIONS;
    if (outside.path)
        error = sfx_rc_read(outside.path, &text, &exists);
    struct sfx_bytes block = sfx_outside_block(&outside);
    char *at = error ? NULL : find(&text, block);
    if (!error && !at && outside.path) { /* a run was killed between the file and the record */
        sfx_rc_block(&new.added, index, prefix, sfx_rc_is_fish(outside.path));
        at = find(&text, sfx_outside_block(&new));
        block = at ? sfx_outside_block(&new) : block;
    }
    if (!error && !at && has_first_line(&text, block)) {
        sfx_warn(session, "%s holds lines for it that were edited; they stay", outside.path);
        return SFX_ERROR_EXCEPTIONS;
    }
    if (at) {
        size_t size = block.size;
        bool is_last = at + size == text.data + text.size;
        if (is_last && outside.added.size > sfx_outside_block(&outside).size && at > text.data) {      /* the newline before it */
            at--;
            size++;
        }
        if (outside.made && size == text.size)
            error = sfx_os_unlink(SFX_OS_HERE, outside.path);
        else
            error = sfx_rc_splice(outside.path, &text, at, size, (struct sfx_bytes){NULL, 0});
    }
    return error ? say_failed(session, outside.path, error, "still activates it in new shells") : SFX_OK;
}
