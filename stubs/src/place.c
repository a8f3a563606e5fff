/* A prefix on this machine; see place.h. */
#include "place.h"

#include <errno.h>
#include <stdlib.h>

#include "digest.h"
#include "lock.h"
#include "os.h"
#include "record.h"
#include "text.h"

#define LONGEST_NAME 200u                /* longer names are cut and told apart by a digest, for NAME_MAX's sake */

static enum sfx_error no_memory(struct sfx_fault *fault)
{
    return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

/* `.NAME.sfxpack-SUFFIX` */
static char *derived_name(const char *name, const char *suffix)
{
    uint8_t digest[SFX_DIGEST_SIZE];
    size_t size = strlen(name);
    if (size <= LONGEST_NAME)
        return sfx_print(".%s.sfxpack-%s", name, suffix);
    sfx_digest(name, size, digest);
    return sfx_print(".%.*s-%02x%02x%02x%02x.sfxpack-%s", (int)LONGEST_NAME, name, digest[0], digest[1], digest[2], digest[3],
                     suffix);
}

static bool exists(int directory, const char *name)
{
    struct sfx_os_stat found;
    return sfx_os_stat(directory, name, &found) == 0;
}

/* `.sfxpack` without a manifest: what `sfx uninstall` leaves of it when it is killed at its very end. */
static bool is_spent_record(int folder)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    return sfx_os_open(folder, SFX_STATE_DIRECTORY, SFX_OS_DIRECTORY, &fd) == 0 && sfx_os_list(fd, &names, &count) == 0 &&
           (count == 0 || exists(folder, SFX_UNINSTALLING));
}

/* What stands in an open folder. */
static enum sfx_error look_inside(struct sfx_place *place, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    size_t others = 0;
    struct sfx_os_stat manifest;
    int missing = sfx_os_stat(place->folder, SFX_MANIFEST_PATH, &manifest);
    bool complete = !missing;
    bool staged = exists(place->folder, SFX_STAGING_INSIDE);
    place->spent_record = !complete && !staged && is_spent_record(place->folder);
    int error = missing == ENOENT || missing == ENOTDIR ? 0 : missing;
    if (!error)
        error = sfx_os_list(place->folder, &names, &count);
    if (error)
        return sfx_fail_os(fault, error, "cannot read the folder %s", place->path);
    const char *name = names;
    for (size_t i = 0; i < count; i++, name += strlen(name) + 1) {
        bool staging = strcmp(name, SFX_STAGING_INSIDE) == 0;
        bool lock = sfx_lock_is_name(place->lock, name);
        place->left_inside = place->left_inside || staging || lock;
        others += !staging && !lock && strcmp(name, "lost+found") != 0;
    }
    others -= place->spent_record;
    place->left_inside = place->left_inside || place->spent_record;
    bool pending = !staged && exists(place->folder, SFX_PENDING_PATH);
    place->left_beside = place->left_beside || pending;
    place->uninstalling = complete && exists(place->folder, SFX_UNINSTALLING);
    if (complete && !place->uninstalling)
        place->occupation = SFX_PLACE_INSTALLED;
    else if (staged || pending || place->uninstalling || (place->spent_record && others == 0))
        place->occupation = SFX_PLACE_LEFTOVER;
    else
        place->occupation = others ? SFX_PLACE_OCCUPIED : SFX_PLACE_EMPTY;
    return SFX_OK;
}

static void look_beside(struct sfx_place *place)
{
    struct sfx_os_stat parent;
    struct sfx_os_stat folder;
    place->left_beside = exists(place->parent, place->staging) || exists(place->parent, place->journal) || exists(place->parent, place->replaced) ||
                         exists(place->parent, place->lock);
    place->can_replace_beside = sfx_os_is_writable(place->parent_path) && place->folder >= 0 &&
                                sfx_os_stat_fd(place->parent, &parent) == 0 && sfx_os_stat_fd(place->folder, &folder) == 0 &&
                                parent.device == folder.device &&
                                !sfx_os_is_mount_point(place->folder);
}

enum sfx_error sfx_place_look(struct sfx_place *place, struct sfx_fault *fault)
{
    place->left_beside = place->left_inside = place->spent_record = place->uninstalling = place->can_replace_beside = false;
    place->occupation = SFX_PLACE_ABSENT;
    sfx_os_closep(&place->folder);
    if (place->parent < 0) {
        int error = sfx_os_open(SFX_OS_HERE, place->parent_path, SFX_OS_DIRECTORY_FOLLOW, &place->parent);
        if (error == ENOENT)
            return SFX_OK;
        if (error == ENOTDIR)
            return sfx_fail(fault, SFX_ERROR_PREFIX, "%s is not a folder; choose another prefix", place->parent_path);
        if (error)
            return sfx_fail_os(fault, error, "cannot open %s", place->parent_path);
    }
    int error = sfx_os_open(place->parent, place->name, SFX_OS_DIRECTORY, &place->folder);
    if (error == ENOTDIR || error == ELOOP)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s exists and is not a folder; choose another prefix", place->path);
    if (error && error != ENOENT)
        return sfx_fail_os(fault, error, "cannot open %s", place->path);
    look_beside(place);
    return error ? SFX_OK : look_inside(place, fault);
}

/* Where a prefix that is a link leads. */
static enum sfx_error follow(struct sfx_place *place, struct sfx_fault *fault)
{
    struct sfx_os_stat found;
    int missing = sfx_os_stat(SFX_OS_HERE, place->prefix, &found);
    if (missing && missing != ENOENT && missing != ENOTDIR)
        return sfx_fail_os(fault, missing, "cannot look at %s", place->prefix);
    if (missing || found.kind != SFX_OS_LINK) {
        place->path = strdup(place->prefix);
        return place->path ? SFX_OK : no_memory(fault);
    }
    int error = sfx_os_real_path(place->prefix, &place->path);
    if (error == ENOENT || error == ELOOP)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s is a link that leads nowhere; remove it or choose another prefix",
                        place->prefix);
    return error ? sfx_fail_os(fault, error, "cannot follow the link %s", place->prefix) : SFX_OK;
}

enum sfx_error sfx_place_open(const char *prefix, struct sfx_place *ret_place, struct sfx_fault *fault)
{
    struct sfx_place *place = ret_place;
    memset(place, 0, sizeof *place);
    place->parent = place->folder = -1;
    place->prefix = strdup(prefix);
    if (!place->prefix)
        return no_memory(fault);
    enum sfx_error error = follow(place, fault);
    if (error)
        return error;
    place->parent_path = sfx_path_parent(place->path);
    place->name = sfx_path_name(place->path);
    place->staging = derived_name(place->name, "new");
    place->old = derived_name(place->name, "old");
    place->journal = derived_name(place->name, "journal");
    place->replaced = derived_name(place->name, "replaced");
    place->lock = derived_name(place->name, "lock");
    if (!place->parent_path || !place->staging || !place->old || !place->journal || !place->replaced ||
        !place->lock)
        return no_memory(fault);
    error = sfx_place_check_allowed(place, fault);
    return error ? error : sfx_place_look(place, fault);
}

void sfx_place_close(struct sfx_place *place)
{
    sfx_os_closep(&place->parent);
    sfx_os_closep(&place->folder);
    free(place->prefix);
    free(place->path);
    free(place->parent_path);
    free(place->staging);
    free(place->old);
    free(place->journal);
    free(place->replaced);
    free(place->lock);
    memset(place, 0, sizeof *place);
    place->parent = place->folder = -1;
}

/* ---- Where nobody wants an environment ---- */

static bool is_home(const char *path)
{
    SFX_CLEAN_STRING char *normal = NULL;
    SFX_CLEAN_STRING char *real = NULL;
    SFX_CLEAN_STRING char *home = sfx_os_home();
    struct sfx_fault ignored;
    if (home && sfx_os_root_size(home) > 0 && sfx_path_absolute(home, &normal, &ignored) == SFX_OK && sfx_os_same_path(path, normal))
        return true;
    if (normal && sfx_os_real_path(normal, &real) == 0 && sfx_os_same_path(path, real))
        return true;
    return sfx_os_is_home(path);
}

/* Directly below the folder of all homes, and another's: users need not be in a database that this program can read. */
static bool is_others_home(const char *path)
{
    static const char *const homes[] = {"/home/", "/Users/", NULL};
    struct sfx_os_stat found;
    for (const char *const *at = homes; *at; at++) {
        size_t size = strlen(*at);
        if (strncmp(path, *at, size) == 0 && !strchr(path + size, '/'))
            return sfx_os_stat(SFX_OS_HERE, path, &found) == 0 && found.is_anothers;
    }
    return false;
}

/* PATH without a link in it, as far as it exists; malloced. */
static char *real_path(const struct sfx_place *place)
{
    SFX_CLEAN_STRING char *parent = NULL;
    char *real = NULL;
    if (sfx_os_real_path(place->path, &real) == 0)
        return real;
    if (sfx_os_real_path(place->parent_path, &parent) != 0)
        return strdup(place->path);
    return sfx_path_join(parent, place->name);
}

enum sfx_error sfx_place_check_allowed(const struct sfx_place *place, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *real = real_path(place);
    if (!real)
        return no_memory(fault);
    if (is_home(place->prefix) || is_home(real) || is_others_home(real))
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s is a home directory; choose a folder in it, for example %s/env",
                        place->prefix, place->prefix);
    if (sfx_os_is_reserved(place->prefix) || sfx_os_is_reserved(real))
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s belongs to the system; choose another prefix, for example %s", place->prefix,
                        sfx_os_example);
    return SFX_OK;
}

/* ---- Parents ---- */

enum sfx_error sfx_place_make_parent(struct sfx_place *place, char **ret_made, struct sfx_fault *fault)
{
    *ret_made = NULL;
    SFX_CLEAN_STRING char *path = strdup(place->parent_path);
    if (!path)
        return no_memory(fault);
    for (char *slash = path + sfx_os_root_size(path); place->parent < 0; slash++) {
        slash += strcspn(slash, "/");
        char kept = *slash;
        *slash = '\0';
        int error = sfx_os_make_directory(SFX_OS_HERE, path, 0755);
        struct sfx_os_stat found;        /* some systems refuse before they see that it is there */
        if (error && error != EEXIST && sfx_os_stat(SFX_OS_HERE, path, &found) != 0)
            return sfx_fail_os(fault, error, "cannot create %s; choose a prefix you may write to", path);
        if (!error && !*ret_made)
            *ret_made = strdup(path);
        *slash = kept;
        if (!kept)
            break;
    }
    return sfx_place_look(place, fault);
}

void sfx_place_unmake_parent(const struct sfx_place *place, const char *made)
{
    SFX_CLEAN_STRING char *path = made ? strdup(place->parent_path) : NULL;
    while (path && strlen(path) >= strlen(made)) {
        int error = sfx_os_remove_directory(SFX_OS_HERE, path);
        if (error && error != ENOENT)    /* what was not made is missing */
            return;
        char *above = sfx_path_parent(path);
        free(path);
        path = above;
    }
}
