/* Lines in a shell's start-up file; see rc.h. */
#include "rc.h"

#include <errno.h>
#include <stdlib.h>

#include "os.h"
#include "produce.h"
#include "record.h"

#define MAX_RC ((size_t)16 << 20)
#define MAX_OUTSIDE ((size_t)1 << 16)

struct outside {
    char *path;                          /* of the start-up file; NULL: nothing is recorded */
    bool made;                           /* it was made for the lines */
    struct sfx_text added;               /* the bytes that were added */
};

static void close_outside(struct outside *outside)
{
    free(outside->path);
    sfx_text_free(&outside->added);
}
#define CLEAN_OUTSIDE __attribute__((cleanup(close_outside)))

/* What was added but for the newline before it, if the file did not end with one. */
static struct sfx_bytes block_of(const struct outside *outside)
{
    size_t skipped = outside->added.size > 0 && outside->added.data[0] == '\n';
    return (struct sfx_bytes){(const uint8_t *)outside->added.data + skipped, outside->added.size - skipped};
}

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

/* ---- The record ---- */

/* EPERM: it is another user's. */
static int read_outside(int root, struct outside *ret_outside)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    struct sfx_os_stat found;
    *ret_outside = (struct outside){.path = NULL};
    int error = sfx_os_open(root, SFX_OUTSIDE, SFX_OS_READ, &fd);
    if (!error)
        error = sfx_os_stat_fd(fd, &found);
    if (!error)
        error = found.is_anothers ? EPERM : sfx_text_read_open(&text, fd, MAX_OUTSIDE);
    const char *end = text.data ? strchr(text.data, '\n') : NULL;
    if (error || !end || (strncmp(text.data, "rc=/", 4) != 0 && strncmp(text.data, "new=/", 5) != 0))
        return error == ENOENT ? 0 : error;
    const char *path = strchr(text.data, '/');
    ret_outside->made = text.data[0] == 'n';
    ret_outside->path = sfx_print("%.*s", (int)(end - path), path);
    sfx_text_add(&ret_outside->added, end + 1, text.size - (size_t)(end + 1 - text.data));
    return ret_outside->path && !ret_outside->added.failed ? 0 : ENOMEM;
}

static int write_outside(int root, const struct outside *outside)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    sfx_text_format(&text, "%s=%s\n", outside->made ? "new" : "rc", outside->path);
    sfx_text_add(&text, outside->added.data, outside->added.size);
    return sfx_record_replace(root, SFX_OUTSIDE, &text, sfx_mode(sfx_record_modes(root), 0644), true);
}

int sfx_rc_take_over(int root, int tree)
{
    CLEAN_OUTSIDE struct outside outside;
    int error = read_outside(root, &outside);
    if (error == EPERM || (!error && !outside.path))
        return 0;
    return error ? error : write_outside(tree, &outside);
}

/* ---- Its lock ---- */

struct holding {
    char *folder;
    char *name;
    struct sfx_lock lock;
};

static void let_go(struct holding *holding)
{
    sfx_lock_release(&holding->lock);
    free(holding->folder);
    free(holding->name);
}
#define LET_GO __attribute__((cleanup(let_go)))

/* What the lock of the file at PATH is called, and where; either may be NULL. */
static void name_lock(const char *path, struct holding *holding)
{
    SFX_CLEAN_STRING char *real = NULL;
    if (sfx_os_real_path(path, &real) != 0)
        real = strdup(path);
    holding->folder = real ? sfx_path_parent(real) : NULL;
    holding->name = real ? sfx_print("%s.sfxpack-lock", sfx_path_name(real)) : NULL;
}

/* Whether a run changes the file at PATH, or did when it was killed. */
static bool is_locked(const char *path)
{
    LET_GO struct holding holding = {.name = NULL};
    struct sfx_os_stat found;
    name_lock(path, &holding);
    SFX_CLEAN_STRING char *lock = holding.name && holding.folder ? sfx_print("%s/%s", holding.folder, holding.name) : NULL;
    return lock && sfx_os_stat(SFX_OS_HERE, lock, &found) == 0;
}

/* Of the file at PATH, as long as it is read and replaced. Who may not write there can change nothing, and needs none. */
static enum sfx_error take_lock(struct sfx_session *session, const char *path, struct holding *holding)
{
    __attribute__((cleanup(sfx_os_closep))) int directory = -1;
    struct sfx_fault fault;
    name_lock(path, holding);
    if (!holding->folder || !holding->name || sfx_os_open(SFX_OS_HERE, holding->folder, SFX_OS_DIRECTORY_FOLLOW, &directory) != 0)
        return SFX_OK;
    enum sfx_error error = sfx_produce_lock_in(session, directory, holding->folder, holding->name, &holding->lock, &fault);
    if (error != SFX_ERROR_LOCKED && error != SFX_ERROR_INTERRUPTED)
        return SFX_OK;
    sfx_warn(session, "%s was not changed: %s", path, fault.message);
    return SFX_ERROR_EXCEPTIONS;
}

/* ---- The file ---- */

/* Beside it and renamed, with its mode, owner and attributes; a link stays a link. */
static int replace_file(const char *path, const struct sfx_text *text)
{
    __attribute__((cleanup(sfx_os_closep))) int old = -1;
    __attribute__((cleanup(sfx_os_closep))) int new = -1;
    SFX_CLEAN_STRING char *real = NULL;
    int error = sfx_os_real_path(path, &real);
    if (error == ENOENT)
        real = strdup(path);
    else if (!error)
        error = sfx_os_open(SFX_OS_HERE, real, SFX_OS_READ, &old);
    SFX_CLEAN_STRING char *name = real ? sfx_print("%s.sfxpack-new", real) : NULL;
    if (error && error != ENOENT)
        return error;
    if (!name)
        return ENOMEM;
    sfx_os_unlink(SFX_OS_HERE, name);    /* of a run that was killed */
    error = sfx_os_create(SFX_OS_HERE, name, old >= 0 ? 0600 : 0644, &new);
    if (error)
        return error;
    if (old >= 0)                        /* before the text is written, which gives it the present time */
        error = sfx_os_copy_attributes(old, new);
    if (!error)
        error = sfx_os_write(new, text->data, text->size);
    if (!error)
        error = sfx_os_sync_file(new);
    if (!error)
        error = sfx_os_rename(SFX_OS_HERE, name, SFX_OS_HERE, real, SFX_OS_REPLACE);
    if (error)
        sfx_os_unlink(SFX_OS_HERE, name);
    return error;
}

/* Links are followed. A file that is absent is empty; what is no regular file is refused. */
static int read_file(const char *path, struct sfx_text *text, bool *ret_exists)
{
    SFX_CLEAN_STRING char *real = NULL;
    struct sfx_os_stat found;
    int error = sfx_os_real_path(path, &real);
    *ret_exists = error != ENOENT;
    if (error)
        return error == ENOENT && sfx_os_stat(SFX_OS_HERE, path, &found) != 0 ? 0 : error;
    error = sfx_os_stat(SFX_OS_HERE, real, &found);
    if (!error && found.kind != SFX_OS_FILE)
        return EINVAL;
    return error ? error : sfx_text_read(text, SFX_OS_HERE, real, MAX_RC);
}

/* OLD, a part of TEXT, or its end if NULL, becomes NEW; in the file. */
static int splice(const char *path, const struct sfx_text *text, const char *old, size_t size, struct sfx_bytes new)
{
    SFX_CLEAN_TEXT struct sfx_text result = {0};
    size_t before = old ? (size_t)(old - text->data) : text->size;
    sfx_text_add(&result, text->data, before);
    sfx_text_add(&result, new.data, new.size);
    sfx_text_add(&result, text->data + before + size, text->size - before - size);
    return result.failed ? ENOMEM : replace_file(path, &result);
}

/* ---- Which file, which lines ---- */

static const char *shell_name(void)
{
    const char *shell = getenv("SHELL");
    const char *slash = shell ? strrchr(shell, '/') : NULL;
    return slash ? slash + 1 : shell ? shell : "";
}

static char *in_home(const char *variable, const char *otherwise, const char *name)
{
    const char *set = variable ? getenv(variable) : NULL;
    const char *home = getenv("HOME");
    if (set && *set == '/')
        return sfx_print("%s/%s", set, name);
    return home && *home == '/' ? sfx_print("%s/%s%s", home, otherwise, name) : NULL;
}

/* Those that the shells' own manuals name for interactive shells, and conda uses: bash on macOS is started as a login shell. */
static char *choose_file(void)
{
    const char *shell = shell_name();
    char system[64];
    char machine[64];
    sfx_os_machine(system, machine);
    if (strcmp(shell, "zsh") == 0)
        return in_home("ZDOTDIR", "", ".zshrc");
    if (strcmp(shell, "fish") == 0)
        return in_home("XDG_CONFIG_HOME", ".config/", "fish/config.fish");
    if (strcmp(shell, "bash") == 0)
        return in_home(NULL, "", strcmp(system, "macos") == 0 ? ".bash_profile" : ".bashrc");
    return in_home(NULL, "", ".profile");
}

static bool is_fish(const char *path)
{
    size_t size = strlen(path);
    return size > 5 && strcmp(path + size - 5, ".fish") == 0;
}

/* Without control characters, which would end the comment it stands in. */
static char *mark_of(const struct sfx_index *index, const char *prefix)
{
    char *mark = sfx_print("%.*s (sfxpack %s)", SFX_TEXT(sfx_index_string(index, index->product.name)), prefix);
    for (char *at = mark; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return mark;
}

/* Fish has a script of its own, or gets the path alone. */
static void add_lines(struct sfx_text *text, const struct sfx_index *index, const char *prefix, bool fish)
{
    struct sfx_bytes activation = sfx_index_string(index, index->product.activation);
    SFX_CLEAN_STRING char *below = sfx_print("%.*s%s", SFX_TEXT(activation), fish ? ".fish" : "");
    bool has = activation.size > 0 && below && (!fish || sfx_index_find(index, sfx_bytes_of(below)) != SFX_NO_ENTRY);
    SFX_CLEAN_STRING char *path = sfx_print("%s/%s", prefix, has ? below : "bin");
    SFX_CLEAN_TEXT struct sfx_text quoted = {0};
    sfx_text_shell(&quoted, path ? path : "");
    const char *word = quoted.data ? quoted.data : "";
    text->failed = text->failed || !path || quoted.failed;
    if (fish && has)
        sfx_text_format(text, "if test -r %s\n    source %s\nend\n", word, word);
    else if (fish)
        sfx_text_format(text, "if test -d %s; and not contains %s $PATH\n    set -gx PATH %s $PATH\nend\n", word, word, word);
    else if (has)
        sfx_text_format(text, "if [ -r %s ]; then . %s; fi\n", word, word);
    else
        sfx_text_format(text, "case :$PATH: in *:%s:*) ;; *) PATH=%s:$PATH; export PATH ;; esac\n", word, word);
}

static void add_block(struct sfx_text *text, const struct sfx_index *index, const char *prefix, bool fish)
{
    SFX_CLEAN_STRING char *mark = mark_of(index, prefix);
    text->failed = text->failed || !mark;
    sfx_text_format(text, "# >>> %s >>>\n", mark ? mark : "");
    add_lines(text, index, prefix, fish);
    sfx_text_format(text, "# <<< %s <<<\n", mark ? mark : "");
}

enum sfx_error sfx_rc_check(const struct sfx_session *session, const struct sfx_index *index, struct sfx_fault *fault)
{
    static const char *const others[] = {"csh", "tcsh", "nu", "pwsh", "xonsh", "elvish"};
    SFX_CLEAN_STRING char *path = choose_file();
    if (!session->options.modify_rc)
        return SFX_OK;
    if (index->header.tree_count > 0)
        return sfx_fail(fault, SFX_ERROR_USAGE, "--modify-rc activates one environment, and this file holds %u; add the line of the "
                                                "one you want yourself", index->header.tree_count);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(shell_name(), others[i]) == 0)
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
static void add_newline_before(struct outside *outside)
{
    SFX_CLEAN_TEXT struct sfx_text added = outside->added;
    outside->added = (struct sfx_text){.failed = added.failed};
    sfx_text_format(&outside->added, "\n%s", added.data);
}

/* The block of OUTSIDE, or the one that NEW has, becomes that of NEW. RET_EDITED: it is there, but not as it was written. */
static int put_block(struct outside *outside, struct outside *new, bool may_add, int root, bool *ret_edited)
{
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    struct sfx_bytes old_block = block_of(outside);
    struct sfx_bytes block = block_of(new);
    bool exists;
    int error = read_file(new->path, &text, &exists);
    if (error)
        return error;
    const char *old = find(&text, old_block);
    *ret_edited = !old && !find(&text, block) && (has_first_line(&text, old_block) || has_first_line(&text, block));
    if (*ret_edited)
        return 0;
    if (old || find(&text, block)) {     /* the file first: as long as the record names the old lines they can be found */
        if (old && !find(&text, block))
            error = splice(new->path, &text, old, old_block.size, block);
        if (old_block.size < outside->added.size)
            add_newline_before(new);
        return error ? error : write_outside(root, new);
    }
    if (!may_add)
        return outside->path ? sfx_os_unlink(root, SFX_OUTSIDE) : 0;
    new->made = !exists;
    if (text.size > 0 && text.data[text.size - 1] != '\n')
        add_newline_before(new);
    error = new->added.failed ? ENOMEM : write_outside(root, new);     /* the record first: no line without one */
    return error ? error : splice(new->path, &text, NULL, 0, (struct sfx_bytes){(const uint8_t *)new->added.data, new->added.size});
}

/* fish/config.fish in a home directory without one */
static void make_folder(const char *path)
{
    SFX_CLEAN_STRING char *folder = sfx_path_parent(path);
    SFX_CLEAN_STRING char *above = folder ? sfx_path_parent(folder) : NULL;
    if (is_fish(path) && above) {
        sfx_os_make_directory(SFX_OS_HERE, above, 0755);
        sfx_os_make_directory(SFX_OS_HERE, folder, 0755);
    }
}

static enum sfx_error add_at(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix)
{
    LET_GO struct holding holding = {.name = NULL};
    CLEAN_OUTSIDE struct outside outside;
    CLEAN_OUTSIDE struct outside new = {.path = NULL};
    bool edited = false;
    int error = read_outside(root, &outside);
    if (error)
        return say_unread(session, prefix, error);
    new.path = outside.path ? strdup(outside.path) : choose_file();
    new.made = outside.made;
    if (!new.path)
        return say_failed(session, NULL, ENOMEM, "was not changed");
    if (is_fish(new.path) && strchr(prefix, '\\'))
        error = ENOTSUP;
    add_block(&new.added, index, prefix, is_fish(new.path));
    if (!error) {
        make_folder(new.path);
        if (take_lock(session, new.path, &holding) != SFX_OK)
            return SFX_ERROR_EXCEPTIONS;
        error = new.added.failed ? ENOMEM : put_block(&outside, &new, true, root, &edited);
    }
    if (error)
        return say_failed(session, new.path, error, "was not changed, so new shells do not activate it");
    if (edited)
        sfx_warn(session, "%s holds lines for it that were edited; they stay as they are", new.path);
    else
        sfx_say(session, "profile:   %s activates it in new shells", new.path);
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
    CLEAN_OUTSIDE struct outside outside = {.path = NULL};
    SFX_CLEAN_STRING char *mark = sfx_print(" (sfxpack %s) >>>\n", prefix);
    bool is_known = mark && read_outside(root, &outside) == 0;
    return is_known && (!outside.path || (find(&outside.added, sfx_bytes_of(mark)) && !is_locked(outside.path)));
}

enum sfx_error sfx_rc_move(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix)
{
    LET_GO struct holding holding = {.name = NULL};
    CLEAN_OUTSIDE struct outside outside;
    CLEAN_OUTSIDE struct outside new = {.path = NULL};
    bool edited = false;
    int error = read_outside(root, &outside);
    if (error)
        return say_unread(session, prefix, error);
    if (!outside.path)
        return SFX_OK;
    new.path = strdup(outside.path);
    new.made = outside.made;
    if (!new.path || (is_fish(new.path) && strchr(prefix, '\\')))
        error = new.path ? ENOTSUP : ENOMEM;
    if (!error) {
        add_block(&new.added, index, prefix, is_fish(new.path));
        if (take_lock(session, new.path, &holding) != SFX_OK)
            return SFX_ERROR_EXCEPTIONS;
        error = new.added.failed ? ENOMEM : put_block(&outside, &new, false, root, &edited);
    }
    if (error && error != ENOENT)
        return say_failed(session, outside.path, error, "still names the old prefix");
    if (!edited)
        return SFX_OK;
    sfx_warn(session, "%s holds lines for it that were edited; they still name the old prefix", outside.path);
    return SFX_ERROR_EXCEPTIONS;
}

enum sfx_error sfx_rc_remove(struct sfx_session *session, const struct sfx_index *index, int root, const char *prefix)
{
    LET_GO struct holding holding = {.name = NULL};
    CLEAN_OUTSIDE struct outside outside;
    CLEAN_OUTSIDE struct outside new = {.path = NULL};
    SFX_CLEAN_TEXT struct sfx_text text = {0};
    bool exists = false;
    int error = read_outside(root, &outside);
    if (error)
        return say_unread(session, prefix, error);
    if (outside.path && take_lock(session, outside.path, &holding) != SFX_OK)
        return SFX_ERROR_EXCEPTIONS;
    if (outside.path)
        error = read_file(outside.path, &text, &exists);
    struct sfx_bytes block = block_of(&outside);
    char *at = error ? NULL : find(&text, block);
    if (!error && !at && outside.path) { /* a run was killed between the file and the record */
        add_block(&new.added, index, prefix, is_fish(outside.path));
        at = find(&text, block_of(&new));
        block = at ? block_of(&new) : block;
    }
    if (!error && !at && has_first_line(&text, block)) {
        sfx_warn(session, "%s holds lines for it that were edited; they stay", outside.path);
        return SFX_ERROR_EXCEPTIONS;
    }
    if (at) {
        size_t size = block.size;
        bool is_last = at + size == text.data + text.size;
        if (is_last && outside.added.size > block_of(&outside).size && at > text.data) {      /* the newline before it */
            at--;
            size++;
        }
        if (outside.made && size == text.size)
            error = sfx_os_unlink(SFX_OS_HERE, outside.path);
        else
            error = splice(outside.path, &text, at, size, (struct sfx_bytes){NULL, 0});
    }
    return error ? say_failed(session, outside.path, error, "still activates it in new shells") : SFX_OK;
}
