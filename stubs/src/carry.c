/* What a user added or changed goes over into the new tree; see carry.h. */
#include "carry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "installed.h"
#include "lock.h"
#include "os.h"
#include "pool.h"
#include "tree.h"

#define SUFFIX ".sfxpack-old"
#define MAX_SUFFIXES 100u
#define MOST_COPIED (64u << 20)          /* bytes of a file; what is larger is linked all the same */

struct carrier {
    struct sfx_session *session;
    const struct sfx_place *place;
    const struct sfx_installed *old;
    uint8_t *conditions;                 /* of the old entries */
    bool is_late;                        /* for the second time: then a condition is found out when it is asked for, */
    uint64_t since;                      /* of what was changed at this second or later */
    uint64_t device;
    bool copies;                         /* a script may write into these files, and fail: the old tree's must stay as they are */
    int tree;                            /* the new one */
    uint32_t kept;
    uint32_t renamed;
};

static enum sfx_error fail_at(const struct carrier *carrier, int error, const char *path, struct sfx_fault *fault)
{
    return sfx_fail_os(fault, error, "cannot keep %s/%s", carrier->place->path, path);
}

/* Things in the prefix that belong to no tree. */
static bool is_no_content(const struct carrier *carrier, const char *path)
{
    return strcmp(path, SFX_STATE_DIRECTORY) == 0 || strcmp(path, SFX_STAGING_INSIDE) == 0 || strcmp(path, "lost+found") == 0 ||
           sfx_lock_is_name(carrier->place->lock, path);
}

static bool is_compiled(const char *path)
{
    size_t size = strlen(path);
    return size > 4 && strcmp(path + size - 4, ".pyc") == 0;
}

/* Whether what stands at PATH, no folder, is the user's. A mode alone that was changed is not kept. */
static bool is_users(const struct carrier *carrier, const char *path)
{
    uint32_t entry = sfx_index_find(&carrier->old->record.index, sfx_bytes_of(path));
    if (entry == SFX_NO_ENTRY)
        return !sfx_installed_is_regenerated(carrier->old, sfx_bytes_of(path));
    switch ((enum sfx_condition)carrier->conditions[entry]) {
    case SFX_AS_INSTALLED:
    case SFX_REGENERATED:
    case SFX_OTHER_MODE:
    case SFX_MISSING:
        return false;
    case SFX_FOLLOWS:
        return !is_compiled(path);
    case SFX_OTHER_KIND:
    case SFX_OTHER_LINK:
    case SFX_OTHER_CONTENT:
    case SFX_UNREADABLE:
        return true;
    }
    return true;
}

/* PATH with the suffix; a name that gets too long by it, for itself or below the prefix, loses its end. Malloced. */
static char *with_suffix(const struct carrier *carrier, const char *path, unsigned number)
{
    char suffix[32];
    const char *slash = strrchr(path, '/');
    size_t before = slash ? (size_t)(slash + 1 - path) : 0;
    size_t size = strlen(path) - before;
    size_t above = strlen(carrier->place->path) + 1 + before;
    size_t most = above < SFX_MAX_PATH ? SFX_MAX_PATH - above : SFX_MAX_NAME;
    most = most < SFX_MAX_NAME ? most : SFX_MAX_NAME;
    size_t added = (size_t)snprintf(suffix, sizeof suffix, number ? SUFFIX "-%u" : SUFFIX, number);
    if (added < most && size > most - added) {
        size = most - added;
        while (size > 1 && ((uint8_t)path[before + size] & 0xC0) == 0x80)    /* whole characters */
            size--;
    }
    return sfx_print("%.*s%s", (int)(before + size), path, suffix);
}

/* A name in the new tree that is free: PATH, or PATH with the suffix; malloced. */
static char *free_name(const struct carrier *carrier, const char *path)
{
    struct sfx_os_stat found;
    char *name = strdup(path);
    for (unsigned i = 0; name && i < MAX_SUFFIXES && sfx_os_stat(carrier->tree, name, &found) != ENOENT; i++) {
        free(name);
        name = with_suffix(carrier, path, i);
    }
    return name;
}

/* Whether the new tree has it already, under one of the names that it could have got. */
static bool is_kept(const struct carrier *carrier, const char *path, const struct sfx_os_stat *found)
{
    struct sfx_os_stat there;
    SFX_CLEAN_STRING char *name = strdup(path);
    bool same = false;
    for (unsigned i = 0; !same && name && i < MAX_SUFFIXES && sfx_os_stat(carrier->tree, name, &there) == 0; i++) {
        bool is_link = there.device == found->device && there.inode == found->inode;
        same = is_link || (there.kind == found->kind && there.size == found->size && there.mtime == found->mtime);
        free(name);
        name = with_suffix(carrier, path, i);
    }
    return same;
}

static int copy_file(const struct carrier *carrier, const char *path, const char *target)
{
    __attribute__((cleanup(sfx_os_closep))) int from = -1;
    __attribute__((cleanup(sfx_os_closep))) int to = -1;
    int error = sfx_copy_file(carrier->place->folder, path, carrier->tree, target);
    if (!error && sfx_os_open(carrier->place->folder, path, SFX_OS_READ, &from) == 0 &&
        sfx_os_open(carrier->tree, target, SFX_OS_READ, &to) == 0)
        sfx_os_copy_attributes(from, to);
    return error;
}

/* What cannot be read may be linked all the same, unless a script could write into it. */
static bool is_writable(const struct carrier *carrier, const char *path)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    return sfx_os_open(carrier->place->folder, path, SFX_OS_WRITE, &fd) != EACCES;
}

/* A copy, where a hard link cannot be made. */
static int copy(const struct carrier *carrier, const char *path, enum sfx_os_kind kind, const char *target)
{
    SFX_CLEAN_STRING char *text = NULL;
    if (kind == SFX_OS_FILE)
        return copy_file(carrier, path, target);
    if (kind != SFX_OS_LINK)
        return ENOTSUP;
    int error = sfx_os_read_link(carrier->place->folder, path, &text);
    return error ? error : sfx_os_make_link(text, carrier->tree, carrier->place->prefix, target);
}

/* The folders on the way to TARGET; one that the new tree does not have is made as it was. */
static enum sfx_error make_folders(const struct carrier *carrier, const char *target, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *path = strdup(target);
    struct sfx_os_stat found;
    if (!path)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        uint32_t mode = sfx_os_stat(carrier->place->folder, path, &found) == 0 ? found.mode : 0755;
        int error = sfx_os_make_directory(carrier->tree, path, (mode & 0777) | 0700);
        if (error && error != EEXIST)
            return fail_at(carrier, error, path, fault);
        *slash = '/';
    }
    return SFX_OK;
}

/* TARGET is where it goes unless something stands there. */
static enum sfx_error keep(struct carrier *carrier, const char *path, const struct sfx_os_stat *found, const char *target,
                           struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *name = free_name(carrier, target);
    if (!name)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    enum sfx_error failed = make_folders(carrier, name, fault);
    if (failed)
        return failed;
    bool copies = carrier->copies && found->kind == SFX_OS_FILE && found->size <= MOST_COPIED;
    int error = copies ? copy_file(carrier, path, name) : EPERM;
    if (!copies || (error == EACCES && !is_writable(carrier, path)))
        error = sfx_os_hard_link(carrier->place->folder, path, carrier->tree, name);
    if (error && !copies)
        error = copy(carrier, path, found->kind, name);
    if (error == ENOTSUP) {
        sfx_warn(carrier->session, "%s/%s is neither file nor link and is not kept", carrier->place->path, path);
        return SFX_OK;
    }
    if (error)
        return fail_at(carrier, error, path, fault);
    bool renamed = strcmp(name, path) != 0;
    carrier->kept++;
    carrier->renamed += renamed;
    sfx_log(carrier->session, "kept %s%s%s", path, renamed ? " as " : "", renamed ? name : "");
    return SFX_OK;
}

static enum sfx_error walk(struct carrier *carrier, const char *path, const char *target, struct sfx_fault *fault);

/* Where the new tree has something else than a folder, the user's goes beside it. */
static enum sfx_error keep_folder(struct carrier *carrier, const char *path, const char *target, const struct sfx_os_stat *found,
                                  struct sfx_fault *fault)
{
    struct sfx_os_stat there;
    SFX_CLEAN_STRING char *name = NULL;
    if (found->device != carrier->device)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s/%s is on another file system; unmount it first", carrier->place->path, path);
    bool exists = sfx_os_stat(carrier->tree, target, &there) == 0;
    name = exists && there.kind != SFX_OS_FOLDER ? free_name(carrier, target) : strdup(target);
    if (!name)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    enum sfx_error error = walk(carrier, path, name, fault);
    bool foreign = sfx_index_find(&carrier->old->record.index, sfx_bytes_of(path)) == SFX_NO_ENTRY;
    if (error || !foreign || (exists && there.kind == SFX_OS_FOLDER))
        return error;
    error = make_folders(carrier, name, fault);          /* also an empty one */
    if (error)
        return error;
    int os_error = sfx_os_make_directory(carrier->tree, name, 0700);
    if (!os_error || os_error == EEXIST)
        os_error = sfx_os_set_mode_at(carrier->tree, name, found->mode & 02777);
    if (!os_error)
        os_error = sfx_os_set_time_at(carrier->tree, name, found->mtime);
    return os_error ? fail_at(carrier, os_error, path, fault) : SFX_OK;
}

static enum sfx_error look_again(const struct carrier *carrier, const char *path, const struct sfx_os_stat *found,
                                 struct sfx_fault *fault)
{
    enum sfx_condition condition = SFX_AS_INSTALLED;
    uint32_t entry = sfx_index_find(&carrier->old->record.index, sfx_bytes_of(path));
    if (entry == SFX_NO_ENTRY || found->mtime < carrier->since)
        return SFX_OK;
    enum sfx_error error = sfx_installed_check(carrier->old, entry, &condition, fault);
    carrier->conditions[entry] = (uint8_t)condition;
    return error;
}

static enum sfx_error look_at(struct carrier *carrier, const char *path, const char *target, struct sfx_fault *fault)
{
    struct sfx_os_stat found;
    enum sfx_error failed = sfx_check_interrupted(fault);
    if (failed || is_no_content(carrier, path))
        return failed;
    if (strlen(path) > SFX_MAX_PATH || strlen(target) > SFX_MAX_PATH)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s/%.100s... is too deep to be kept; move it away", carrier->place->path, path);
    int error = sfx_os_stat(carrier->place->folder, path, &found);
    if (error)
        return fail_at(carrier, error, path, fault);
    if (found.kind == SFX_OS_FOLDER)
        return keep_folder(carrier, path, target, &found, fault);
    failed = carrier->is_late ? look_again(carrier, path, &found, fault) : SFX_OK;
    bool keeps = !failed && is_users(carrier, path) && !(carrier->is_late && is_kept(carrier, target, &found));
    return keeps ? keep(carrier, path, &found, target, fault) : failed;
}

/* Everything in folder PATH of the old tree, "" for its root; what is kept goes below TARGET. */
static enum sfx_error walk(struct carrier *carrier, const char *path, const char *target, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    int error = 0;
    {
        __attribute__((cleanup(sfx_os_closep))) int fd = -1;     /* not held while what is below is walked */
        error = sfx_os_open(carrier->place->folder, *path ? path : ".", SFX_OS_DIRECTORY, &fd);
        if (!error)
            error = sfx_os_list(fd, &names, &count);
    }
    if (error)
        return fail_at(carrier, error, path, fault);
    enum sfx_error failed = SFX_OK;
    const char *name = names;
    for (size_t i = 0; !failed && i < count; i++, name += strlen(name) + 1) {
        SFX_CLEAN_STRING char *below = sfx_print("%s%s%s", path, *path ? "/" : "", name);
        SFX_CLEAN_STRING char *there = sfx_print("%s%s%s", target, *target ? "/" : "", name);
        failed = below && there ? look_at(carrier, below, there, fault) : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    }
    return failed;
}

static enum sfx_error carry_all(struct carrier *carrier, struct sfx_fault *fault)
{
    struct sfx_os_stat root;
    int error = sfx_os_stat_fd(carrier->place->folder, &root);
    if (error)
        return fail_at(carrier, error, "", fault);
    carrier->device = root.device;
    enum sfx_error failed = walk(carrier, "", "", fault);
    if (!failed && carrier->kept > 0)
        sfx_tell(carrier->session, "kept %u file%s you added or changed%s", carrier->kept, carrier->kept > 1 ? "s" : "",
                carrier->renamed ? "; what would have been overwritten ends in " SUFFIX : "");
    return failed;
}

enum sfx_error sfx_carry(struct sfx_session *session, const struct sfx_place *place, const struct sfx_commit *commit,
                         struct sfx_fault *fault)
{
    struct sfx_installed old;
    uint8_t *conditions = NULL;
    enum sfx_error error = sfx_installed_open(place->folder, place->path, &old, fault);
    if (error == SFX_ERROR_FORMAT)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "the record of the installation in %s is damaged, so what you added cannot be "
                                                 "told from it; move the folder away and install again", place->path);
    if (error)
        return error;
    error = sfx_installed_check_all(&old, session->options.jobs, NULL, &conditions, fault);
    struct carrier carrier = {.session = session, .place = place, .old = &old, .conditions = conditions, .tree = commit->tree,
                              .copies = commit->pending};
    if (!error)
        error = carry_all(&carrier, fault);
    free(conditions);
    sfx_installed_close(&old);
    return error;
}

enum sfx_error sfx_carry_late(struct sfx_session *session, const struct sfx_place *place, const struct sfx_commit *commit,
                              uint64_t since, bool *ret_kept, struct sfx_fault *fault)
{
    struct sfx_installed old;
    enum sfx_error error = sfx_installed_open(place->folder, place->path, &old, fault);
    if (error)
        return error;
    uint8_t *conditions = calloc((size_t)old.record.index.header.entry_count + 1, 1);
    struct carrier carrier = {.session = session, .place = place, .old = &old, .conditions = conditions, .is_late = true,
                              .since = since, .tree = commit->tree, .copies = commit->pending};
    error = conditions ? carry_all(&carrier, fault) : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    *ret_kept = carrier.kept > 0;
    free(conditions);
    sfx_installed_close(&old);
    return error;
}
