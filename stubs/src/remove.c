/* Removing a folder this program made; see tree.h. */
#include <errno.h>
#include <stdio.h>

#include "os.h"
#include "text.h"
#include "tree.h"

#define MAX_DEPTH 40                     /* descriptors in use; what lies deeper, or finds none, is moved up first */

struct removal {
    int root;                            /* the folder that is removed */
    uint64_t device;
    unsigned moved;                      /* folders moved up so far */
};

static int remove_below(struct removal *removal, int directory, unsigned depth, const char *except);

/* Make a folder of ours accessible; it may have got its final mode already. */
static int unlock(int parent, const char *name)
{
    struct sfx_os_stat found;
    int error = sfx_os_stat(parent, name, &found);
    if (error || found.kind != SFX_OS_FOLDER || (found.mode & 0700) == 0700)
        return error ? error : EACCES;
    return sfx_os_set_mode_at(parent, name, 0700);
}

static int open_folder(int parent, const char *name, int *ret_fd)
{
    int error = sfx_os_open(parent, name, SFX_OS_DIRECTORY, ret_fd);
    if (error == EACCES && unlock(parent, name) == 0)
        error = sfx_os_open(parent, name, SFX_OS_DIRECTORY, ret_fd);
    return error;
}

static int move_up(struct removal *removal, int parent, const char *name)
{
    char moved[64];
    snprintf(moved, sizeof moved, SFX_MOVED_UP "%u", removal->moved++);
    return sfx_os_rename(parent, name, removal->root, moved, SFX_OS_REPLACE);
}

static int remove_folder(struct removal *removal, int parent, const char *name, unsigned depth)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    struct sfx_os_stat found;
    if (depth > MAX_DEPTH)
        return move_up(removal, parent, name);
    int error = open_folder(parent, name, &fd);
    if (!error)
        error = sfx_os_stat_fd(fd, &found);
    if (!error && (found.device != removal->device || sfx_os_is_mount_point(fd)))
        error = EXDEV;
    if (!error && (found.mode & 0700) != 0700)
        error = sfx_os_set_mode(fd, 0700);
    if (!error)
        error = remove_below(removal, fd, depth + 1, NULL);
    if (error == EMFILE && depth > 0)
        return move_up(removal, parent, name);
    return error ? error : sfx_os_remove_directory(parent, name);
}

static int remove_one(struct removal *removal, int parent, const char *name, unsigned depth)
{
    struct sfx_os_stat found;
    int error = sfx_os_unlink(parent, name);
    if (error == 0 || error == ENOENT)
        return 0;
    int missing = sfx_os_stat(parent, name, &found);
    if (missing)
        return missing == ENOENT ? 0 : missing;
    if (found.kind == SFX_OS_FOLDER)
        error = remove_folder(removal, parent, name, depth);
    return error == ENOTEMPTY && depth <= MAX_DEPTH ? remove_folder(removal, parent, name, depth) : error;
}

/* Everything in a folder but EXCEPT; goes on after a failure and reports the first. */
static int remove_below(struct removal *removal, int directory, unsigned depth, const char *except)
{
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    int first = sfx_os_list(directory, &names, &count);
    const char *name = names;
    for (size_t i = 0; names && i < count; i++, name += strlen(name) + 1) {
        if (except && strcmp(name, except) == 0)
            continue;
        int error = remove_one(removal, directory, name, depth);
        first = first ? first : error;
    }
    return first;
}

int sfx_tree_remove(int directory, const char *name, const char *last)
{
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    struct sfx_os_stat found;
    int error = sfx_os_stat(directory, name, &found);
    if (error)
        return error == ENOENT ? 0 : error;
    if (found.kind != SFX_OS_FOLDER)
        return sfx_os_unlink(directory, name);
    error = open_folder(directory, name, &root);
    if (error)
        return error;
    if ((found.mode & 0700) != 0700)
        sfx_os_set_mode(root, 0700);
    struct removal removal = {root, found.device, 0};
    unsigned moved;
    do {                                 /* until nothing was moved up any more */
        moved = removal.moved;
        error = remove_below(&removal, root, 0, last);
    } while (!error && removal.moved != moved);
    if (!error && last)
        error = remove_one(&removal, root, last, 0);
    return error ? error : sfx_os_remove_directory(directory, name);
}
