/* What stays as it is when an installation moves; see relocation.h. */
#include <stdlib.h>

#include "pyc.h"
#include "relocation.h"

/* ---- Whether something is as it was installed ---- */

static bool is_moving(enum sfx_fate fate)
{
    return fate == SFX_FATE_SAME || fate == SFX_FATE_MOVED || fate == SFX_FATE_LINKED;
}

/* Of what holds no prefix: without reading it, if size and time are those of the index. */
static enum sfx_error is_plain_as_installed(const struct sfx_relocation *relocation, uint32_t entry, bool *ret_is,
                                            const char **ret_text, struct sfx_fault *fault)
{
    const struct sfx_index *index = relocation->index;
    struct sfx_entry record = sfx_index_entry(index, entry);
    const struct sfx_os_stat *found = &relocation->survey.things[relocation->survey.thing[entry]].found;
    uint32_t file = sfx_relocation_file(relocation, entry);
    bool is_file = record.kind == SFX_ENTRY_KIND_FILE || record.kind == SFX_ENTRY_KIND_HARD_LINK;
    uint64_t mtime = sfx_index_entry(index, file).mtime;
    enum sfx_condition condition;
    if (record.kind == SFX_ENTRY_KIND_DIRECTORY && found->kind == SFX_OS_FOLDER) {
        *ret_is = true;
        return SFX_OK;
    }
    *ret_is = is_file && found->kind == SFX_OS_FILE && sfx_is_time(found->mtime, mtime) &&
              found->size == sfx_index_content(index, sfx_index_entry(index, file).target).size;
    if (*ret_is)
        return SFX_OK;
    enum sfx_error error = sfx_installed_check(&relocation->here, entry, &condition, fault);
    *ret_is = !error && (condition == SFX_AS_INSTALLED || condition == SFX_OTHER_MODE);
    *ret_text = error ? "" : sfx_condition_text(condition);
    return error;
}

/* ---- Compiled files ---- */

enum compiled { NO_PYC, VALID, OF_MOVING };

/* What Python made of a source that is as installed: of one that moves it would not fit, or worse, pass for fitting. */
static enum compiled judge_compiled(const struct sfx_relocation *relocation, const char *path)
{
    char source[SFX_MAX_PATH + 1];
    struct sfx_fault ignored;
    const char *text;
    bool is_plain;
    size_t size = strlen(path);
    if (size < 5 || strcmp(path + size - 4, ".pyc") != 0 || !sfx_pyc_source(sfx_bytes_of(path), source))
        return NO_PYC;
    uint32_t entry = sfx_index_find(relocation->index, sfx_bytes_of(source));
    if (entry == SFX_NO_ENTRY || relocation->survey.thing[entry] == SFX_NO_ENTRY)
        return NO_PYC;
    if (!sfx_pyc_is_valid(relocation->root, path, source))
        return NO_PYC;
    if (is_moving((enum sfx_fate)relocation->fates[entry]))
        return OF_MOVING;
    if (relocation->fates[entry] == SFX_FATE_LEFT ||
        is_plain_as_installed(relocation, entry, &is_plain, &text, &ignored) != SFX_OK)
        return NO_PYC;
    return is_plain ? VALID : NO_PYC;
}

/* ---- Listing ---- */

/* Whether one of the prefixes it may have been made for stands in the file, as plain text. In parts, and not mapped: users'
 * files may be of any size, and shrink meanwhile. An interruption ends the search. */
static bool names_prefix(const struct sfx_relocation *relocation, const struct sfx_thing *thing)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    uint8_t buffer[65536];
    size_t kept = 0;
    size_t got = 0;
    bool found = false;
    if (thing->found.kind != SFX_OS_FILE ||
        sfx_os_open(relocation->root, sfx_survey_path(&relocation->survey, thing), SFX_OS_READ, &fd) != 0)
        return false;
    while (!found && !sfx_os_interrupted() && sfx_os_read(fd, buffer + kept, sizeof buffer - kept, &got) == 0 && got > 0) {
        size_t size = kept + got;
        for (size_t i = 0; !found && i < relocation->held_count; i++) {
            SFX_CLEAN_STRING char *prefix = sfx_os_native(relocation->held[i]);
            if (prefix && !sfx_os_same_path(relocation->held[i], relocation->target))
                found = sfx_find_bytes(buffer, size, sfx_bytes_of(prefix)) != NULL;
        }
        kept = size < SFX_MAX_PREFIX ? size : SFX_MAX_PREFIX;
        memmove(buffer, buffer + size - kept, kept);
    }
    return found;
}

static void list(struct sfx_relocation *relocation, struct sfx_bytes path, const char *why)
{
    sfx_tell_file(relocation->session, "left as it is", path, why ? why : "");
}

static void list_entry(struct sfx_relocation *relocation, uint32_t entry, const char *text)
{
    uint32_t at = relocation->survey.thing[entry];
    bool names = at != SFX_NO_ENTRY && names_prefix(relocation, &relocation->survey.things[at]);
    struct sfx_bytes path = sfx_index_string(relocation->index, sfx_index_entry(relocation->index, entry).path);
    relocation->exceptions++;
    SFX_CLEAN_STRING char *why = sfx_print("%s%s", text, names ? "; it names the old prefix" : "");
    list(relocation, path, why);
}

static enum sfx_error list_entries(struct sfx_relocation *relocation, struct sfx_fault *fault)
{
    enum sfx_error error = SFX_OK;
    char path[SFX_MAX_PATH + 1];
    for (uint32_t i = 0; !error && i < relocation->index->header.entry_count; i++) {
        const char *text = "changed";
        bool plain = true;
        sfx_path_copy(sfx_index_string(relocation->index, sfx_index_entry(relocation->index, i).path), path);
        if (relocation->survey.thing[i] == SFX_NO_ENTRY) {
            list_entry(relocation, i, "missing");
            continue;
        }
        if (relocation->fates[i] == SFX_FATE_PLAIN)
            error = is_plain_as_installed(relocation, i, &plain, &text, fault);
        if (relocation->fates[i] == SFX_FATE_LINKED)
            plain = relocation->fates[relocation->leaders[i]] != SFX_FATE_LEFT;
        if (error || (plain && relocation->fates[i] != SFX_FATE_LEFT))
            continue;
        enum compiled compiled = judge_compiled(relocation, path);
        if (compiled == OF_MOVING) {
            relocation->fates[i] = SFX_FATE_REMOVED;
            relocation->removed++;
        } else if (compiled == NO_PYC) {
            list_entry(relocation, i, text);
        }
    }
    return error;
}

/* Where the topmost folder of PATH that is not in the index ends: strlen(PATH) if its own folder is. */
static size_t foreign_top(const struct sfx_index *index, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        if (sfx_index_find(index, (struct sfx_bytes){(const uint8_t *)path, (size_t)(slash - path)}) == SFX_NO_ENTRY)
            return (size_t)(slash - path);
    return strlen(path);
}

static void list_folder(struct sfx_relocation *relocation, const char *path, size_t size, uint32_t count, uint32_t naming)
{
    bool is_folder = path[size] != '\0';
    SFX_CLEAN_STRING char *why = NULL;
    relocation->exceptions++;
    if (!is_folder)
        why = sfx_print("not installed with it%s", naming ? "; it names the old prefix" : "");
    else if (naming)
        why = sfx_print("%u file%s not installed with it; %u name%s the old prefix", count, count == 1 ? "" : "s", naming,
                        naming == 1 ? "s" : "");
    else
        why = sfx_print("%u file%s not installed with it", count, count == 1 ? "" : "s");
    list(relocation, (struct sfx_bytes){(const uint8_t *)path, size + is_folder}, why);
}

/* For qsort, which hands no context on: paths are compared through pointers into the names. */
struct named {
    const char *path;
    uint32_t thing;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->path, ((const struct named *)b)->path);
}

/* A folder that is foreign as a whole is one line. FOREIGN is in the order of the paths. */
static void list_foreign(struct sfx_relocation *relocation, const struct named *foreign, size_t count, uint8_t *removed_things)
{
    size_t i = 0;
    while (i < count) {
        const char *first = foreign[i].path;
        size_t top = foreign_top(relocation->index, first);
        uint32_t files = 0;
        uint32_t naming = 0;
        for (; i < count && strncmp(foreign[i].path, first, top) == 0 && foreign[i].path[top] == first[top]; i++) {
            enum compiled compiled = judge_compiled(relocation, foreign[i].path);
            if (compiled == OF_MOVING) {
                removed_things[foreign[i].thing] = 1;
                relocation->removed++;
            } else if (compiled == NO_PYC) {
                files++;
                naming += names_prefix(relocation, &relocation->survey.things[foreign[i].thing]);
            }
        }
        if (files > 0)
            list_folder(relocation, first, top, files, naming);
    }
}

enum sfx_error sfx_relocation_list(struct sfx_relocation *relocation, uint8_t *removed_things, struct sfx_fault *fault)
{
    const struct sfx_survey *survey = &relocation->survey;
    enum sfx_error error = list_entries(relocation, fault);
    struct named *foreign = malloc((survey->count + 1) * sizeof *foreign);
    size_t count = 0;
    if (!foreign)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; !error && i < survey->count; i++)
        if (survey->things[i].entry == SFX_NO_ENTRY && survey->things[i].found.kind != SFX_OS_FOLDER)
            foreign[count++] = (struct named){sfx_survey_path(survey, &survey->things[i]), (uint32_t)i};
    qsort(foreign, count, sizeof *foreign, compare);
    if (!error)
        list_foreign(relocation, foreign, count, removed_things);
    free(foreign);
    return error;
}
