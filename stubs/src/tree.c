/* Directories, links, final modes and times; see tree.h. */
#include "tree.h"

#include <errno.h>

#include "holes.h"
#include "os.h"
#include "text.h"

#define PROBE ".sfxpack-probe"
#define PROBE_MODE 0775u

static enum sfx_error fail_at(const struct sfx_tree *tree, int error, const char *what, const char *path, struct sfx_fault *fault)
{
    return sfx_fail_os(fault, error, "cannot %s %s/%s", what, tree->shown, path);
}

/* Whether modes are to be set once more: a default access list on the parent changes what is created. Where setting does
 * not help either (FAT), modes are as they are. */
static bool is_exact(int fd, const struct sfx_os_stat *found)
{
    struct sfx_os_stat again;
    if (found->mode == PROBE_MODE)
        return true;
    bool set = sfx_os_set_mode(fd, PROBE_MODE) == 0 && sfx_os_stat_fd(fd, &again) == 0 && again.mode == PROBE_MODE;
    return !set;
}

/* FAT keeps even seconds only. */
enum sfx_error sfx_tree_probe(struct sfx_tree *tree, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    const uint64_t odd = 1000000001;
    struct sfx_os_stat found;
    int error = sfx_os_create(tree->directory, PROBE, PROBE_MODE, &fd);
    if (!error)
        error = sfx_os_set_time(fd, odd);
    if (!error)
        error = sfx_os_stat_fd(fd, &found);
    if (!error) {
        tree->exact_modes = is_exact(fd, &found);
        error = sfx_os_unlink(tree->directory, PROBE);
    }
    if (error)
        return fail_at(tree, error, "write", PROBE, fault);
    tree->time_step = found.mtime == odd ? 1 : 2;
    return SFX_OK;
}

bool sfx_tree_wants(const struct sfx_tree *tree, uint32_t entry)
{
    return !tree->wanted || tree->wanted[entry];
}

uint64_t sfx_tree_mtime(const struct sfx_tree *tree, const struct sfx_entry *entry)
{
    return entry->mtime - entry->mtime % tree->time_step;
}

uint32_t sfx_tree_mode(const struct sfx_tree *tree, const struct sfx_entry *entry)
{
    return sfx_mode(tree->modes, entry->mode);
}

uint32_t sfx_tree_file_mode(const struct sfx_tree *tree, const struct sfx_entry *entry)
{
    return sfx_tree_mode(tree, entry) | 0400u;
}

enum sfx_error sfx_tree_directories(const struct sfx_tree *tree, struct sfx_fault *fault)
{
    char path[SFX_MAX_PATH + 1];
    for (uint32_t i = 0; i < tree->index->header.entry_count; i++) {
        struct sfx_entry entry = sfx_index_entry(tree->index, i);
        if (entry.kind != SFX_ENTRY_KIND_DIRECTORY || !sfx_tree_wants(tree, i))
            continue;
        sfx_path_copy(sfx_index_string(tree->index, entry.path), path);
        int error = sfx_os_make_directory(tree->directory, path, sfx_tree_mode(tree, &entry) | 0700u);
        if (error)
            return fail_at(tree, error, "create", path, fault);
    }
    return SFX_OK;
}

int sfx_copy_file(int from_directory, const char *from, int directory, const char *path)
{
    __attribute__((cleanup(sfx_os_closep))) int in = -1;
    __attribute__((cleanup(sfx_os_closep))) int out = -1;
    struct sfx_os_stat found;
    uint8_t buffer[65536];
    int error = sfx_os_open(from_directory, from, SFX_OS_READ, &in);
    if (!error)
        error = sfx_os_stat_fd(in, &found);
    if (!error && found.kind != SFX_OS_FILE)
        error = ENOTSUP;
    if (!error)
        error = sfx_os_create(directory, path, 0600, &out);
    if (!error)
        error = sfx_holes_copy(in, out, buffer, sizeof buffer);
    if (!error)
        error = sfx_os_set_mode(out, found.mode & 0777);
    if (!error)
        error = sfx_os_set_time(out, found.mtime);
    return sfx_os_finish(&out, error);
}

static enum sfx_error make_hard_link(const struct sfx_tree *tree, const struct sfx_entry *entry, struct sfx_fault *fault)
{
    char path[SFX_MAX_PATH + 1];
    char first[SFX_MAX_PATH + 1];
    struct sfx_entry file = sfx_index_entry(tree->index, entry->target);
    sfx_path_copy(sfx_index_string(tree->index, entry->path), path);
    sfx_path_copy(sfx_index_string(tree->index, file.path), first);
    int error = sfx_os_hard_link(tree->directory, first, tree->directory, path);
    if (error && !sfx_is_full(error) && error != EEXIST)
        error = sfx_copy_file(tree->directory, first, tree->directory, path);
    return error ? fail_at(tree, error, "link", path, fault) : SFX_OK;
}

static enum sfx_error make_link(const struct sfx_tree *tree, uint32_t at, const struct sfx_entry *entry, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *text = NULL;
    char path[SFX_MAX_PATH + 1];
    sfx_path_copy(sfx_index_string(tree->index, entry->path), path);
    enum sfx_error failed = sfx_render_link(tree->index, at, tree->prefix, &text, fault);
    if (failed)
        return failed;
    int error = sfx_os_make_link(text, tree->directory, tree->final, path);
    return error ? fail_at(tree, error, "create the link", path, fault) : SFX_OK;
}

enum sfx_error sfx_tree_links(const struct sfx_tree *tree, struct sfx_fault *fault)
{
    enum sfx_error error = SFX_OK;
    for (uint32_t i = 0; !error && i < tree->index->header.entry_count; i++) {
        struct sfx_entry entry = sfx_index_entry(tree->index, i);
        if (!sfx_tree_wants(tree, i))
            continue;
        if (entry.kind == SFX_ENTRY_KIND_HARD_LINK)
            error = make_hard_link(tree, &entry, fault);
        else if (entry.kind == SFX_ENTRY_KIND_LINK)
            error = make_link(tree, i, &entry, fault);
    }
    return error;
}

static bool needs_mode(const struct sfx_tree *tree, const struct sfx_entry *entry)
{
    uint32_t mode = sfx_tree_mode(tree, entry);
    uint32_t made = entry->kind == SFX_ENTRY_KIND_DIRECTORY ? mode | 0700u : sfx_tree_file_mode(tree, entry);
    return !tree->exact_modes || made != mode;
}

/* A directory keeps the set-group bit it got from its parent. */
static int set_mode(const struct sfx_tree *tree, const char *path, uint32_t mode)
{
    struct sfx_os_stat found;
    int error = sfx_os_stat(tree->directory, path, &found);
    if (error || found.mode == mode)
        return error;
    if (found.kind == SFX_OS_FOLDER)
        mode |= found.mode & 02000u;
    return sfx_os_set_mode_at(tree->directory, path, mode);
}

/* Children come after their directory, so backwards is deepest first. */
enum sfx_error sfx_tree_finish(const struct sfx_tree *tree, struct sfx_fault *fault)
{
    char path[SFX_MAX_PATH + 1];
    for (uint32_t i = tree->index->header.entry_count; i-- > 0;) {
        struct sfx_entry entry = sfx_index_entry(tree->index, i);
        bool is_directory = entry.kind == SFX_ENTRY_KIND_DIRECTORY;
        if (!sfx_tree_wants(tree, i) || entry.kind == SFX_ENTRY_KIND_LINK)
            continue;
        bool mode = needs_mode(tree, &entry);
        if (!is_directory && !mode)
            continue;
        sfx_path_copy(sfx_index_string(tree->index, entry.path), path);
        int error = is_directory ? sfx_os_set_time_at(tree->directory, path, sfx_tree_mtime(tree, &entry)) : 0;
        if (!error && mode)
            error = set_mode(tree, path, sfx_tree_mode(tree, &entry));
        if (error)
            return fail_at(tree, error, "set mode and time of", path, fault);
    }
    return SFX_OK;
}
