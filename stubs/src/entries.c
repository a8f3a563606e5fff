/* Checks of the entry table: fields, paths, their order and their directories. */
#include <inttypes.h>

#include "index_check.h"
#include "number.h"

#define MAX_MTIME ((uint64_t)1 << 40)
/* Directories above an entry: each component takes a byte and a slash. */
#define MAX_DEPTH (SFX_MAX_PATH / 2 + 1)

/* What the entries before say about the next one. */
struct walk {
    struct sfx_bytes previous;
    uint16_t directories[MAX_DEPTH];      /* sizes of the paths of the directories above, or at, the previous entry */
    size_t depth;
    uint32_t tree_count;
    bool in_tree;                         /* the last entry at the top is a tree */
    uint64_t site_count;
    uint64_t tree_size;
    bool tree_size_fits;
};

/* The installation's own state, and where it is made: only the installer writes there. */
static bool is_reserved(struct sfx_bytes name)
{
    static const char *const reserved[] = {SFX_STATE_DIRECTORY, SFX_STAGING_INSIDE};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (name.size == strlen(reserved[i]) && memcmp(name.data, reserved[i], name.size) == 0)
            return true;
    }
    return false;
}

static bool is_sound_path(struct sfx_bytes path, size_t *ret_directory_size)
{
    if (path.size == 0 || path.size > SFX_MAX_PATH)
        return false;
    size_t start = 0;
    for (;;) {
        const uint8_t *name = path.data + start;
        const uint8_t *slash = memchr(name, '/', path.size - start);
        size_t size = slash != NULL ? (size_t)(slash - name) : path.size - start;
        if (size == 0 || size > SFX_MAX_NAME)
            return false;
        if (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')))
            return false;
        if (start == 0 && is_reserved((struct sfx_bytes){name, size}))
            return false;
        if (slash == NULL)
            break;
        start += size + 1;
    }
    *ret_directory_size = start == 0 ? 0 : start - 1;
    return true;
}

static size_t common_size(struct sfx_bytes a, struct sfx_bytes b)
{
    size_t limit = a.size < b.size ? a.size : b.size;
    size_t at = 0;
    while (at + 8 <= limit && memcmp(a.data + at, b.data + at, 8) == 0)
        at += 8;
    while (at < limit && a.data[at] == b.data[at])
        at++;
    return at;
}

/* Component by component is byte by byte with `/` before every other byte (NUL cannot occur). */
static uint8_t rank(uint8_t byte)
{
    return byte == '/' ? 0 : byte;
}

/* After the entry before it, and its directory an entry before it. Linear: the stack holds the directories above the
 * previous entry, and those above this one are among them because the order keeps a directory's entries together. */
static bool is_in_order(struct walk *walk, struct sfx_bytes path, size_t directory_size)
{
    size_t common = common_size(walk->previous, path);
    bool is_after = common < path.size
        && (common == walk->previous.size || rank(walk->previous.data[common]) < rank(path.data[common]));
    if (!is_after)
        return false;
    while (walk->depth > 0) {
        size_t size = walk->directories[walk->depth - 1];
        if (size <= common && path.data[size] == '/')
            break;
        walk->depth--;
    }
    return directory_size == (walk->depth == 0 ? 0 : walk->directories[walk->depth - 1]);
}

static enum sfx_error check_target(const struct sfx_index *index, uint32_t at, const struct sfx_entry *entry,
                                   struct sfx_fault *fault)
{
    switch ((enum sfx_entry_kind)entry->kind) {
    case SFX_ENTRY_KIND_FILE:
        if (entry->target >= index->header.content_count)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "content of entry %" PRIu32, at);
        return SFX_OK;
    case SFX_ENTRY_KIND_HARD_LINK:
        if (entry->target >= at || sfx_index_entry(index, entry->target).kind != SFX_ENTRY_KIND_FILE)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_LINK, "file of entry %" PRIu32, at);
        return SFX_OK;
    case SFX_ENTRY_KIND_DIRECTORY:
    case SFX_ENTRY_KIND_LINK:
        if (entry->target != 0)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "target of entry %" PRIu32, at);
        return SFX_OK;
    }
    return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "kind of entry %" PRIu32, at);
}

/* The fields before the path. */
static enum sfx_error check_fields(const struct sfx_index *index, uint32_t at, const struct sfx_entry *entry,
                                   struct sfx_fault *fault)
{
    if (entry->kind < SFX_ENTRY_KIND_DIRECTORY || entry->kind > SFX_ENTRY_KIND_HARD_LINK)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "kind of entry %" PRIu32, at);
    bool may_be_tree = entry->kind == SFX_ENTRY_KIND_DIRECTORY;
    if ((entry->flags & ~(may_be_tree ? (unsigned)SFX_ENTRY_FLAG_TREE : 0u)) != 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "flags of entry %" PRIu32, at);
    bool is_link = entry->kind == SFX_ENTRY_KIND_LINK;
    if ((entry->mode & ~0775u) != 0 || (is_link && entry->mode != 0))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "mode of entry %" PRIu32, at);
    enum sfx_error error = check_target(index, at, entry, fault);
    if (error != SFX_OK)
        return error;
    if (entry->mtime >= MAX_MTIME || (is_link && entry->mtime != 0))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "time of entry %" PRIu32, at);
    return SFX_OK;
}

static enum sfx_error check_path(const struct sfx_index *index, uint32_t at, const struct sfx_entry *entry,
                                 struct walk *walk, struct sfx_fault *fault)
{
    enum sfx_error error = sfx_check_string(index, entry->path, "path of entry", at, fault);
    if (error != SFX_OK)
        return error;
    struct sfx_bytes path = sfx_index_string(index, entry->path);
    int shown = path.size < 256 ? (int)path.size : 256;
    size_t directory_size = 0;
    if (!is_sound_path(path, &directory_size))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_PATH, "entry %" PRIu32 ", \"%.*s\"", at, shown,
                               (const char *)path.data);
    if (entry->flags != 0 && directory_size != 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "tree of entry %" PRIu32 " is not at the top", at);
    if (!is_in_order(walk, path, directory_size))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ORDER, "entry %" PRIu32 ", \"%.*s\"", at, shown,
                               (const char *)path.data);
    if (entry->kind == SFX_ENTRY_KIND_DIRECTORY)
        walk->directories[walk->depth++] = (uint16_t)path.size;      /* depth < components of the path < MAX_DEPTH */
    walk->previous = path;
    return SFX_OK;
}

/* Entries are in order, so those below a directory at the top follow it. Trees beyond their number are only counted: the
 * end of the table finds them. */
static void note_tree(struct sfx_index *index, uint32_t at, const struct sfx_entry *entry, struct walk *walk)
{
    if (memchr(walk->previous.data, '/', walk->previous.size) == NULL)
        walk->in_tree = entry->flags != 0;
    bool is_new = entry->flags != 0;
    walk->tree_count += is_new;
    if (!walk->in_tree || walk->tree_count > index->header.tree_count)
        return;
    struct sfx_entry_range *tree = &index->trees[walk->tree_count - 1];
    *tree = (struct sfx_entry_range){is_new ? at : tree->first, at + 1};
}

/* The fields after the path. */
static enum sfx_error check_link(const struct sfx_index *index, uint32_t at, const struct sfx_entry *entry,
                                 struct sfx_fault *fault)
{
    enum sfx_error error = sfx_check_string(index, entry->link, "link of entry", at, fault);
    if (error != SFX_OK)
        return error;
    bool is_link = entry->kind == SFX_ENTRY_KIND_LINK;
    bool is_sound = is_link ? entry->link.size <= SFX_MAX_PATH && (entry->link.size > 0 || entry->site_count > 0)
                            : entry->link.size == 0;
    if (!is_sound)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_LINK, "entry %" PRIu32, at);
    if (entry->site_count != 0 && !is_link && entry->kind != SFX_ENTRY_KIND_FILE)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_SITE, "entry %" PRIu32 " can have none", at);
    return SFX_OK;
}

enum sfx_error sfx_check_entries(struct sfx_index *index, struct sfx_fault *fault)
{
    struct walk walk = {.tree_size_fits = true};
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        struct sfx_entry entry = sfx_index_entry(index, i);
        enum sfx_error error = check_fields(index, i, &entry, fault);
        if (error == SFX_OK)
            error = check_path(index, i, &entry, &walk, fault);
        if (error == SFX_OK)
            error = check_link(index, i, &entry, fault);
        if (error != SFX_OK)
            return error;
        note_tree(index, i, &entry, &walk);
        walk.site_count += entry.site_count;      /* cannot wrap: fewer than 2**32 numbers below 2**32 */
        /* Cut to 32 bits only where the sum is wrong, which the end of the table finds. */
        index->entry_site[i + 1] = (uint32_t)walk.site_count;
        if (entry.kind == SFX_ENTRY_KIND_FILE)
            walk.tree_size_fits = walk.tree_size_fits
                && sfx_add(walk.tree_size, sfx_index_content(index, entry.target).size, &walk.tree_size);
    }
    if (!walk.tree_size_fits || walk.tree_size != index->product.tree_size)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "sizes sum to %" PRIu64 ", not %" PRIu64,
                               walk.tree_size, index->product.tree_size);
    if (walk.tree_count != index->header.tree_count)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_ENTRY, "%" PRIu32 " trees, not %" PRIu32, walk.tree_count,
                               index->header.tree_count);
    if (walk.site_count != index->header.site_count)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_SITE, "%" PRIu64 " sites, not %" PRIu32, walk.site_count,
                               index->header.site_count);
    return SFX_OK;
}
