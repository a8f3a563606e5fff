/* --extract and --tree: a tree that is no installation; see install.h. */
#include <stdlib.h>

#include "install.h"
#include "place.h"
#include "preflight.h"
#include "produce.h"

static void free_flags(uint8_t **flags)
{
    free(*flags);
}
#define CLEAN_FLAGS __attribute__((cleanup(free_flags)))

static struct sfx_bytes path_of(const struct sfx_index *index, uint32_t entry)
{
    return sfx_index_string(index, sfx_index_entry(index, entry).path);
}

/* Whether PATTERN, without a slash at its end, names the entry: by its path, or, without a slash in it, by its name. */
static bool names(const char *pattern, struct sfx_bytes path)
{
    size_t start = 0;
    for (size_t i = 0; i < path.size && !strchr(pattern, '/'); i++)
        if (path.data[i] == '/')
            start = i + 1;
    return sfx_match(pattern, (struct sfx_bytes){path.data + start, path.size - start});
}

static bool is_below(struct sfx_bytes path, struct sfx_bytes folder)
{
    return path.size > folder.size && path.data[folder.size] == '/' && memcmp(path.data, folder.data, folder.size) == 0;
}

/* Mark the entries that match, and everything in folders that do; what comes below a folder comes right after it. */
static uint32_t match_all(const struct sfx_index *index, const char *pattern, uint8_t *kept)
{
    struct sfx_bytes folder = {NULL, 0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        struct sfx_bytes path = path_of(index, i);
        if (folder.data && is_below(path, folder)) {
            kept[i] = 1;
        } else if (names(pattern, path)) {
            kept[i] = 1;
            folder = sfx_index_entry(index, i).kind == SFX_ENTRY_KIND_DIRECTORY ? path : (struct sfx_bytes){NULL, 0};
        }
        count += kept[i];
    }
    return count;
}

/* The folders on the way to what is marked: an entry's folder comes before it, the nearest one that it is below. */
static void mark_parents(const struct sfx_index *index, uint8_t *marked)
{
    uint32_t below = UINT32_MAX;         /* a marked entry not all of whose folders were met yet */
    for (uint32_t i = index->header.entry_count; i-- > 0;) {
        bool is_parent = below != UINT32_MAX && sfx_index_entry(index, i).kind == SFX_ENTRY_KIND_DIRECTORY &&
                         is_below(path_of(index, below), path_of(index, i));
        if (is_parent)
            marked[i] = 1;
        if (marked[i])
            below = i;
    }
}

static void mark_site_targets(const struct sfx_index *index, uint32_t entry, uint8_t *marked, bool *changed)
{
    for (uint32_t i = index->entry_site[entry]; i < index->entry_site[entry + 1]; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        if (site.strategy != SFX_STRATEGY_DERIVED || marked[site.target])
            continue;
        marked[site.target] = 1;
        *changed = true;
    }
}

/* What must be written to write what is marked: files of hard links, sources of derived values, and theirs. */
static void mark_needed(const struct sfx_index *index, uint8_t *marked)
{
    bool changed = true;
    while (changed) {                    /* at most once a level */
        changed = false;
        for (uint32_t i = 0; i < index->header.entry_count; i++) {
            struct sfx_entry entry = sfx_index_entry(index, i);
            if (!marked[i])
                continue;
            if (entry.kind == SFX_ENTRY_KIND_HARD_LINK && !marked[entry.target]) {
                marked[entry.target] = 1;
                changed = true;
            }
            mark_site_targets(index, i, marked, &changed);
        }
    }
    mark_parents(index, marked);
}

/* The folder to write into, looked at: absent, or an empty one. */
static enum sfx_error open_folder(struct sfx_session *session, struct sfx_place *ret_place, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *path = NULL;
    enum sfx_error error = sfx_path_absolute(session->options.directory, &path, fault);
    if (!error)
        error = sfx_place_open(path, ret_place, fault);
    if (!error && (ret_place->left_beside || ret_place->left_inside))
        error = sfx_produce_recover(session, ret_place, fault);
    if (error)
        return error;
    if (ret_place->occupation != SFX_PLACE_ABSENT && ret_place->occupation != SFX_PLACE_EMPTY)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s is not empty; give a folder that is empty or does not exist", ret_place->path);
    return SFX_OK;
}

static enum sfx_error no_memory(struct sfx_fault *fault)
{
    return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

enum sfx_error sfx_extract_some(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_place_close))) struct sfx_place place = {.parent = -1, .folder = -1};
    SFX_CLEAN_STRING char *prefix = NULL;
    SFX_CLEAN_STRING char *pattern = strdup(session->options.pattern);
    const struct sfx_index *index = &session->artifact.index;
    CLEAN_FLAGS uint8_t *kept = calloc((size_t)index->header.entry_count + 1, 1);
    CLEAN_FLAGS uint8_t *wanted = calloc((size_t)index->header.entry_count + 1, 1);
    if (!pattern || !kept || !wanted)
        return no_memory(fault);
    for (size_t size = strlen(pattern); size > 1 && pattern[size - 1] == '/'; size--)
        pattern[size - 1] = '\0';
    uint32_t count = match_all(index, pattern, kept);
    if (count == 0)
        return sfx_fail(fault, SFX_ERROR_USAGE, "nothing in it matches %s; --list shows what there is", session->options.pattern);
    mark_parents(index, kept);
    memcpy(wanted, kept, index->header.entry_count);
    mark_needed(index, wanted);
    enum sfx_error error = open_folder(session, &place, fault);
    if (!error)
        error = sfx_path_absolute(session->options.prefix ? session->options.prefix : place.prefix, &prefix, fault);
    if (!error)
        error = sfx_preflight_prefix(session, &session->artifact.index, prefix, fault);
    if (error)
        return error;
    struct sfx_production production = {
        .session = session, .place = &place, .prefix = prefix, .inside = place.occupation == SFX_PLACE_EMPTY,
        .wanted = wanted, .kept = kept, .verb = "extracting", .modes = session->options.modes,
    };
    error = sfx_produce(&production, NULL, fault);
    if (!error)
        sfx_say(session, "%u %s of %s in %s", count, count == 1 ? "entry" : "entries", session->who, place.prefix);
    return error;
}

/* A prefix of a Windows platform is not this system's to normalise. */
static enum sfx_error foreign_prefix(const struct sfx_session *session, char **ret_prefix, struct sfx_fault *fault)
{
    const char *label = sfx_platform_label(session->artifact.locator.platform);
    if (strncmp(label, "windows-", 8) != 0)
        return sfx_path_absolute(session->options.as, ret_prefix, fault);
    *ret_prefix = strdup(session->options.as);
    return *ret_prefix ? SFX_OK : no_memory(fault);
}

enum sfx_error sfx_write_tree(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_place_close))) struct sfx_place place = {.parent = -1, .folder = -1};
    SFX_CLEAN_STRING char *prefix = NULL;
    enum sfx_error error = foreign_prefix(session, &prefix, fault);
    if (!error)
        error = sfx_preflight_prefix(session, &session->artifact.index, prefix, fault);
    if (!error)
        error = open_folder(session, &place, fault);
    if (error)
        return error;
    struct sfx_production production = {
        .session = session, .place = &place, .prefix = prefix, .inside = place.occupation == SFX_PLACE_EMPTY,
        .record = true, .verb = "writing",
    };
    return sfx_produce(&production, NULL, fault);
}
