/* The checks of the place, one function each; see checks.h. */
#include "checks.h"

#include <stdlib.h>

#include "os.h"
#include "relocate.h"
#include "session.h"

#define LARGEST_UNIT 16384u              /* network file systems give their transfer size as block size */
#define SMALL_UNIT 4096u
#define BYTES_OF_ENTRY 512u              /* inode and directory entry, more or less */
#define BYTES_OF_SITE 64u                /* derived values are at most this long */

/* ---- Room ---- */

struct need {
    uint64_t bytes;                      /* on the disk */
    uint64_t inodes;
    uint64_t largest;                    /* of one file */
    struct sfx_bytes largest_path;
};

static uint64_t file_size(const struct sfx_index *index, uint32_t at, const struct sfx_entry *entry,
                          const struct sfx_prefix *prefix, size_t prefix_size)
{
    int64_t growth = entry->site_count > 0 ? sfx_growth(index, at, prefix) : 0;
    uint64_t size = (uint64_t)((int64_t)sfx_index_content(index, entry->target).size + growth);
    return entry->site_count > 0 ? size + entry->site_count * BYTES_OF_SITE + 2 * prefix_size : size;
}

/* Nothing for a prefix that cannot be: the same fault comes again, with its message. */
static void find_need(const struct sfx_target *target, uint64_t unit, struct need *ret_need)
{
    const struct sfx_index *index = target->index;
    struct sfx_prefix *prefix = NULL;
    struct sfx_fault ignored;
    *ret_need = (struct need){
        .inodes = (uint64_t)index->header.entry_count + 16,
        .largest = target->own_size,     /* the tool and the manifest, no file is larger than both */
        .largest_path = sfx_bytes_of(SFX_STATE_DIRECTORY),
    };
    if (sfx_prefix_open(target->place->prefix, index, &prefix, &ignored) != SFX_OK)
        return;
    ret_need->bytes = target->own_size + index->product.report.size + index->product.notices.size + 8 * unit;
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        struct sfx_entry entry = sfx_index_entry(index, i);
        uint64_t size = entry.kind == SFX_ENTRY_KIND_DIRECTORY ? unit : 0;
        if (entry.kind == SFX_ENTRY_KIND_FILE)
            size = file_size(index, i, &entry, prefix, strlen(target->place->prefix));
        ret_need->bytes += BYTES_OF_ENTRY + (size + unit - 1) / unit * unit;
        if (size > ret_need->largest && entry.kind == SFX_ENTRY_KIND_FILE) {
            ret_need->largest = size;
            ret_need->largest_path = sfx_index_string(index, entry.path);
        }
    }
    sfx_prefix_close(prefix);
    ret_need->bytes -= target->hole_size < ret_need->bytes ? target->hole_size : ret_need->bytes;
}

static void check_space(const struct need *need, const char *folder, const struct sfx_os_space *space, struct sfx_checks *checks)
{
    char needs[32];
    char has[32];
    sfx_size_text(need->bytes, needs);
    sfx_size_text(space->free_bytes, has);
    if (need->bytes > space->free_bytes)
        sfx_check_fail(checks, SFX_CHECK_SPACE, SFX_ERROR_SPACE, "%s is needed and %s is free in %s; make room or choose "
                       "a prefix on another disk", needs, has, folder);
    else
        sfx_check_add(checks, SFX_CHECK_SPACE, SFX_CHECK_OK, "needs %s, %s free", needs, has);
    if (space->free_inodes == UINT64_MAX)
        return;
    if (need->inodes > space->free_inodes)
        sfx_check_fail(checks, SFX_CHECK_INODES, SFX_ERROR_SPACE, "%llu inodes are needed and %llu are free in %s; remove "
                       "files or choose a prefix on another disk", (unsigned long long)need->inodes,
                       (unsigned long long)space->free_inodes, folder);
    else
        sfx_check_add(checks, SFX_CHECK_INODES, SFX_CHECK_OK, "needs %llu, %llu free", (unsigned long long)need->inodes,
                      (unsigned long long)space->free_inodes);
}

static void check_quota(const struct need *need, const char *folder, struct sfx_checks *checks)
{
    struct sfx_os_quota quota;
    char needs[32];
    char left[32];
    sfx_os_quota(folder, &quota);
    if (quota.bytes == UINT64_MAX && quota.inodes == UINT64_MAX)
        return;
    sfx_size_text(need->bytes, needs);
    sfx_size_text(quota.bytes, left);
    if (need->bytes > quota.bytes)
        sfx_check_fail(checks, SFX_CHECK_QUOTA, SFX_ERROR_SPACE, "%s is needed and your quota in %s leaves %s; remove files or "
                       "choose a prefix on another disk", needs, folder, left);
    else if (need->inodes > quota.inodes)
        sfx_check_fail(checks, SFX_CHECK_QUOTA, SFX_ERROR_SPACE, "%llu inodes are needed and your quota in %s leaves %llu; remove "
                       "files or choose a prefix on another disk", (unsigned long long)need->inodes, folder,
                       (unsigned long long)quota.inodes);
    else
        sfx_check_add(checks, SFX_CHECK_QUOTA, SFX_CHECK_OK, "leaves room");
}

static void check_file_size(const struct need *need, const char *folder, const struct sfx_os_volume *volume,
                            struct sfx_checks *checks)
{
    char needs[32];
    char most[32];
    if (need->largest <= volume->largest_file)
        return;
    sfx_size_text(need->largest, needs);
    sfx_size_text(volume->largest_file, most);
    sfx_check_fail(checks, SFX_CHECK_FILE_SIZE, SFX_ERROR_IO, "%.*s has %s, and a file in %s may have %s; raise the limit (ulimit "
                   "-f) or choose a prefix on another disk", SFX_TEXT(need->largest_path), needs, folder, most);
}

/* ---- Names ---- */

/* The first component of a path that is too long, or that Windows does not take. */
static struct sfx_bytes find_name(struct sfx_bytes path, const struct sfx_os_volume *volume)
{
    for (size_t at = 0; at < path.size;) {
        const uint8_t *slash = memchr(path.data + at, '/', path.size - at);
        size_t size = slash ? (size_t)(slash - path.data) - at : path.size - at;
        bool is_bad = size > volume->longest_name;
        for (size_t i = at; volume->is_strict && i < at + size; i++)
            is_bad = is_bad || path.data[i] < 0x20 || strchr("\"*:<>?\\|", path.data[i]) != NULL;
        is_bad = is_bad || (volume->is_strict && strchr(". ", path.data[at + size - 1]) != NULL);
        if (is_bad)
            return (struct sfx_bytes){path.data + at, size};
        at += size + 1;
    }
    return (struct sfx_bytes){NULL, 0};
}

static void check_names(const struct sfx_index *index, const char *folder, const struct sfx_os_volume *volume,
                        struct sfx_checks *checks)
{
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        struct sfx_bytes name = find_name(sfx_index_string(index, sfx_index_entry(index, i).path), volume);
        if (!name.data)
            continue;
        sfx_check_fail(checks, SFX_CHECK_NAMES, SFX_ERROR_IO, "the file system of %s does not take the name %.*s; choose a prefix "
                       "on another disk", folder, SFX_TEXT(name));
        return;
    }
    sfx_check_add(checks, SFX_CHECK_NAMES, SFX_CHECK_OK, "all can be made");
}

static void check_links(const struct sfx_index *index, const char *folder, const struct sfx_os_volume *volume,
                        struct sfx_checks *checks)
{
    bool may = sfx_os_may_link();
    if (!volume->is_fat && may)
        return;
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        struct sfx_entry entry = sfx_index_entry(index, i);
        struct sfx_bytes path = sfx_index_string(index, entry.path);
        if (entry.kind != SFX_ENTRY_KIND_LINK)
            continue;
        if (!may) {
            sfx_check_add(checks, SFX_CHECK_LINKS, SFX_CHECK_WARNING, "%.*s is a link, and you may make none here: links become junctions, "
                          "other names of the same file, or copies (in developer mode, and for administrators, they are links)",
                          SFX_TEXT(path));
            return;
        }
        sfx_check_fail(checks, SFX_CHECK_LINKS, SFX_ERROR_IO, "%.*s is a link, and the file system of %s has none (FAT); choose a "
                       "prefix on another disk", SFX_TEXT(path), folder);
        return;
    }
}

static int lower(int byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte + 0x20 : byte;
}

/* As such file systems order names, for ASCII. */
static int compare(const void *a, const void *b)
{
    const struct sfx_bytes *left = a;
    const struct sfx_bytes *right = b;
    for (size_t i = 0; i < left->size && i < right->size; i++) {
        int difference = lower(left->data[i]) - lower(right->data[i]);
        if (difference)
            return difference;
    }
    return (left->size > right->size) - (left->size < right->size);
}

static void check_case(const struct sfx_index *index, const char *folder, const struct sfx_os_volume *volume,
                       struct sfx_checks *checks)
{
    uint32_t count = index->header.entry_count;
    uint32_t found = 0;
    uint32_t first = 0;
    struct sfx_bytes *paths = volume->ignores_case ? malloc(((size_t)count + 1) * sizeof *paths) : NULL;
    if (!paths)
        return;
    for (uint32_t i = 0; i < count; i++)
        paths[i] = sfx_index_string(index, sfx_index_entry(index, i).path);
    qsort(paths, count, sizeof *paths, compare);
    for (uint32_t i = 1; i < count; i++)
        if (compare(&paths[i - 1], &paths[i]) == 0 && found++ == 0)
            first = i;
    if (found > 0)
        sfx_check_fail(checks, SFX_CHECK_CASE, SFX_ERROR_IO, "%s ignores the case of names, and %.*s and %.*s%s differ in nothing "
                       "else; choose a prefix on another disk", folder, SFX_TEXT(paths[first - 1]), SFX_TEXT(paths[first]),
                       found > 1 ? " (and more)" : "");
    else
        sfx_check_add(checks, SFX_CHECK_CASE, SFX_CHECK_OK, "is ignored, and no two names differ in it alone");
    free(paths);
}

/* ---- Rights ---- */

/* INSIDE: files are put into it, else folders. */
static void check_folder(const char *folder, bool inside, const struct sfx_os_space *space, struct sfx_checks *checks)
{
    if (space->read_only)
        sfx_check_fail(checks, SFX_CHECK_PERMISSION, SFX_ERROR_IO, "%s is on a file system that is read-only; choose another "
                       "prefix", folder);
    else if (inside ? !sfx_os_is_writable(folder) : !sfx_os_adds_folders(folder))
        sfx_check_fail(checks, SFX_CHECK_PERMISSION, SFX_ERROR_IO, "you may not write in %s; choose another prefix", folder);
    else
        sfx_check_add(checks, SFX_CHECK_PERMISSION, SFX_CHECK_OK, "%s is writable", folder);
    if (space->no_exec)
        sfx_check_add(checks, SFX_CHECK_EXECUTABLE, SFX_CHECK_WARNING, "%s is mounted noexec: programs there cannot be run",
                      folder);
}

/* What its owner may use and others not: folders, or most of all, were packed by somebody with a strict umask. */
static void check_modes(const struct sfx_target *target, struct sfx_checks *checks)
{
    const struct sfx_index *index = target->index;
    uint32_t closed = 0;
    bool is_folder = false;
    bool keeps = target->modes == SFX_MODES_UNSET || target->modes == SFX_MODES_KEEP;
    struct sfx_bytes first = {NULL, 0};
    for (uint32_t i = 0; keeps && sfx_os_is_root() && i < index->header.entry_count; i++) {
        struct sfx_entry entry = sfx_index_entry(index, i);
        if (entry.kind == SFX_ENTRY_KIND_LINK || sfx_mode(SFX_MODES_SHARED, entry.mode) == (entry.mode & 0755u))
            continue;
        if (closed++ == 0)
            first = sfx_index_string(index, entry.path);
        is_folder = is_folder || entry.kind == SFX_ENTRY_KIND_DIRECTORY;
    }
    if (is_folder || closed > index->header.entry_count / 2)
        sfx_check_add(checks, SFX_CHECK_MODES, SFX_CHECK_WARNING, "%u of %u entries are for their owner alone, the first is %.*s: "
                      "only root can use the installation; --mode shared lets all use it", closed, index->header.entry_count,
                      SFX_TEXT(first));
    else if (closed > 0)
        sfx_check_add(checks, SFX_CHECK_MODES, SFX_CHECK_OK, "%u file%s for root alone, the first is %.*s", closed,
                      closed == 1 ? " is" : "s are", SFX_TEXT(first));
    else
        sfx_check_add(checks, SFX_CHECK_MODES, SFX_CHECK_OK, "%s", sfx_modes_name(target->modes));
}

/* What may forbid to run what is installed, and what lets it run. */
static void check_guards(const char *prefix, struct sfx_checks *checks)
{
    /* Folders of the file hierarchy that the targeted policy has file contexts for (selinux-policy, file_contexts). */
    static const char *const labelled[] = {"/opt/", "/usr/", "/home/", "/root/", NULL};
    SFX_CLEAN_TEXT struct sfx_text quoted = {0};
    unsigned guards = sfx_os_guards();
    bool is_labelled = false;
    for (const char *const *at = labelled; *at; at++)
        is_labelled = is_labelled || strncmp(prefix, *at, strlen(*at)) == 0;
    sfx_text_shell(&quoted, prefix);
    const char *shown = quoted.data ? quoted.data : prefix;
    if (guards & SFX_OS_SELINUX && !is_labelled)
        sfx_check_add(checks, SFX_CHECK_SELINUX, SFX_CHECK_WARNING, "SELinux is enforcing and has no rule for %s: services may not "
                      "be allowed to run what is there; when it is installed, type: semanage fcontext -a -e /usr %s && restorecon -R "
                      "%s  (or, until the next relabelling: chcon -R -t bin_t %s)", prefix, shown, shown, shown);
    else if (guards & SFX_OS_SELINUX)
        sfx_check_add(checks, SFX_CHECK_SELINUX, SFX_CHECK_OK, "is enforcing, and has rules for this place");
    if (guards & SFX_OS_FAPOLICYD)
        sfx_check_add(checks, SFX_CHECK_FAPOLICYD, SFX_CHECK_WARNING, "fapolicyd runs and lets nobody start what it does not "
                      "trust; when it is installed, type: fapolicyd-cli --file add %s && fapolicyd-cli --update", shown);
}

void sfx_check_place(const struct sfx_target *target, struct sfx_checks *checks)
{
    const struct sfx_place *place = target->place;
    struct sfx_os_space space;
    struct sfx_os_volume volume;
    struct need need;
    bool inside = place->folder >= 0 && !(place->occupation == SFX_PLACE_INSTALLED && place->can_replace_beside);
    SFX_CLEAN_STRING char *folder = inside ? strdup(place->path) : sfx_path_existing(place->parent_path);
    if (!folder)
        return;
    if (sfx_os_space(folder, &space) != 0) {
        sfx_check_add(checks, SFX_CHECK_SPACE, SFX_CHECK_WARNING, "how much is free in %s cannot be found out", folder);
        return;
    }
    sfx_os_volume(folder, &volume);
    find_need(target, space.block_size <= LARGEST_UNIT ? space.block_size : SMALL_UNIT, &need);
    check_folder(folder, inside || place->occupation == SFX_PLACE_INSTALLED, &space, checks);
    check_space(&need, folder, &space, checks);
    check_quota(&need, folder, checks);
    check_file_size(&need, folder, &volume, checks);
    check_names(target->index, folder, &volume, checks);
    check_case(target->index, folder, &volume, checks);
    check_links(target->index, folder, &volume, checks);
    check_modes(target, checks);
    check_guards(place->prefix, checks);
}
