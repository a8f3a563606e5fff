/* What goes and what stays; see uninstall.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool.h"
#include "pyc.h"
#include "relocation.h"
#include "uninstall.h"

#define MAX_NAMES ((size_t)256 << 20)

/* ---- What is named as made by us ---- */

struct names {
    struct sfx_text text;                /* each with a NUL behind it */
    const char **list;                   /* sorted */
    size_t count;
};

static void close_names(struct names *names)
{
    sfx_text_free(&names->text);
    free(names->list);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines of `generated`, and what an earlier run named. */
static int read_names(int root, struct names *names)
{
    int error = sfx_text_read(&names->text, root, SFX_STATE_DIRECTORY "/generated", MAX_NAMES);
    for (size_t i = 0; i < names->text.size; i++)
        if (names->text.data[i] == '\n')
            names->text.data[i] = '\0';
    if (!error || error == ENOENT)
        error = sfx_text_read(&names->text, root, SFX_UNINSTALLING, MAX_NAMES);
    if (error && error != ENOENT)
        return error;
    for (size_t i = 0; i < names->text.size; i++)
        names->count += names->text.data[i] == '\0';
    names->list = calloc(names->count + 1, sizeof *names->list);
    const char *name = names->text.data;
    for (size_t i = 0; names->list && i < names->count; i++, name += strlen(name) + 1)
        names->list[i] = name;
    if (names->list && names->count > 0)
        qsort(names->list, names->count, sizeof *names->list, compare);
    return names->list ? 0 : ENOMEM;
}

static bool is_named(const struct names *names, const char *path)
{
    return names->count > 0 && bsearch(&path, names->list, names->count, sizeof *names->list, compare);
}

/* ---- Judging ---- */

static bool is_compiled(const char *path)
{
    size_t size = strlen(path);
    return size > 4 && strcmp(path + size - 4, ".pyc") == 0;
}

/* What Python made of a source that was installed, also of one that was changed since. */
static bool is_made(const struct sfx_removal *removal, const char *path)
{
    char source[SFX_MAX_PATH + 1];
    return is_compiled(path) && sfx_pyc_source(sfx_bytes_of(path), source) &&
           sfx_index_find(&removal->here.record.index, sfx_bytes_of(source)) != SFX_NO_ENTRY &&
           sfx_pyc_is_valid(removal->here.root, path, source);
}

static bool is_own_folder(const struct sfx_removal *removal, uint32_t at)
{
    uint32_t entry = at == SFX_NO_THING ? SFX_NO_ENTRY : removal->survey.things[at].entry;
    return at == SFX_NO_THING ||
           (entry != SFX_NO_ENTRY && sfx_index_entry(&removal->here.record.index, entry).kind == SFX_ENTRY_KIND_DIRECTORY);
}

/* A folder that was installed, or that Python made in one for what it compiles. */
static enum sfx_lot judge_folder(const struct sfx_removal *removal, uint32_t at, const char *path)
{
    const struct sfx_thing *thing = &removal->survey.things[at];
    if (thing->mounted)
        return SFX_LOT_STAYS;
    if (is_own_folder(removal, at))
        return SFX_LOT_GOES;
    bool is_cache = thing->entry == SFX_NO_ENTRY && strcmp(sfx_path_name(path), "__pycache__") == 0;
    return is_cache && is_own_folder(removal, thing->folder) ? SFX_LOT_GOES : SFX_LOT_STAYS;
}

static enum sfx_lot judge_entry(const struct sfx_removal *removal, uint32_t entry, const char *path, bool purge)
{
    switch ((enum sfx_condition)removal->conditions[entry]) {
    case SFX_AS_INSTALLED:
    case SFX_OTHER_MODE:
        return SFX_LOT_GOES;
    case SFX_REGENERATED:
        return SFX_LOT_NAMED;
    case SFX_FOLLOWS:
        if (sfx_installed_follows_only(&removal->here, entry))
            return SFX_LOT_GOES;
        return is_compiled(path) || purge ? SFX_LOT_NAMED : SFX_LOT_STAYS;
    case SFX_OTHER_CONTENT:
        return purge || is_made(removal, path) ? SFX_LOT_NAMED : SFX_LOT_STAYS;
    case SFX_MISSING:                    /* it has come meanwhile */
    case SFX_OTHER_KIND:
    case SFX_OTHER_LINK:
    case SFX_UNREADABLE:
        break;
    }
    return purge ? SFX_LOT_NAMED : SFX_LOT_STAYS;
}

static enum sfx_lot judge(const struct sfx_removal *removal, uint32_t at, const struct names *names, bool purge)
{
    const struct sfx_thing *thing = &removal->survey.things[at];
    const char *path = sfx_survey_path(&removal->survey, thing);
    if (thing->found.kind == SFX_OS_FOLDER)
        return judge_folder(removal, at, path);
    if (is_named(names, path))
        return SFX_LOT_NAMED;
    if (thing->entry != SFX_NO_ENTRY)
        return judge_entry(removal, thing->entry, path, purge);
    return is_made(removal, path) ? SFX_LOT_NAMED : SFX_LOT_STAYS;
}

static void count(struct sfx_removal *removal, const struct sfx_thing *thing, enum sfx_lot lot)
{
    bool stays = lot == SFX_LOT_STAYS;
    bool foreign = thing->entry == SFX_NO_ENTRY;
    if (thing->found.kind == SFX_OS_FOLDER)
        return;
    removal->files += !stays;
    removal->added += stays && foreign;
    removal->changed += stays && !foreign;
    bool other_name = !foreign && sfx_index_entry(&removal->here.record.index, thing->entry).kind == SFX_ENTRY_KIND_HARD_LINK;
    removal->bytes += stays || other_name ? 0 : thing->found.size;
}

static enum sfx_error judge_all(struct sfx_removal *removal, bool purge, struct sfx_fault *fault)
{
    __attribute__((cleanup(close_names))) struct names names = {.list = NULL};
    int os_error = read_names(removal->here.root, &names);
    removal->lots = calloc(removal->survey.count + 1, 1);
    if (os_error || !removal->lots)
        return sfx_fail_os(fault, os_error ? os_error : ENOMEM, "cannot read the record in %s/" SFX_STATE_DIRECTORY,
                           removal->place->path);
    enum sfx_error error = SFX_OK;
    for (uint32_t i = 0; !error && i < removal->survey.count; i++) {
        error = sfx_check_interrupted(fault);
        removal->lots[i] = (uint8_t)judge(removal, i, &names, purge);
        count(removal, &removal->survey.things[i], (enum sfx_lot)removal->lots[i]);
    }
    return error;
}

enum sfx_error sfx_removal_open(struct sfx_session *session, struct sfx_place *place, bool purge,
                                struct sfx_removal *ret_removal, struct sfx_fault *fault)
{
    struct sfx_removal *removal = ret_removal;
    struct sfx_os_stat found;
    struct sfx_progress progress;
    *removal = (struct sfx_removal){.session = session, .place = place};
    if (sfx_os_stat(place->folder, SFX_RELOCATING, &found) == 0)
        return sfx_fail(fault, SFX_ERROR_PREFIX, "%s is half relocated; first run %s/" SFX_STATE_DIRECTORY "/sfx relocate",
                        place->path, place->path);
    enum sfx_error error = sfx_installed_open(place->folder, place->path, &removal->here, fault);
    if (error == SFX_ERROR_FORMAT)
        return sfx_fail(fault, SFX_ERROR_FORMAT, "the record of the installation in %s is damaged, so what you added cannot be told "
                                                 "from it; save what you need and remove the folder", place->path);
    const struct sfx_index *index = &removal->here.record.index;
    if (error)
        return error;
    snprintf(session->who, sizeof session->who, "%.*s", SFX_TEXT(sfx_index_string(index, index->product.name)));
    error = sfx_survey_open(place->folder, place->path, place->lock, index, &removal->survey, fault);
    sfx_progress_start(&progress, session, "checking");
    if (!error)
        error = sfx_installed_check_all(&removal->here, session->options.jobs, &progress, &removal->conditions, fault);
    sfx_progress_end(&progress);
    return error ? error : judge_all(removal, purge, fault);
}

void sfx_removal_close(struct sfx_removal *removal)
{
    free(removal->conditions);
    free(removal->lots);
    sfx_survey_close(&removal->survey);
    sfx_installed_close(&removal->here);
}

/* ---- Listing ---- */

/* The topmost folder around a thing that stays as a whole; else the thing. */
static uint32_t top_of(const struct sfx_removal *removal, uint32_t at)
{
    const struct sfx_thing *things = removal->survey.things;
    while (things[at].folder != SFX_NO_THING && removal->lots[things[at].folder] == SFX_LOT_STAYS)
        at = things[at].folder;
    return at;
}

static void list_thing(const struct sfx_removal *removal, uint32_t at, uint32_t files)
{
    const struct sfx_thing *thing = &removal->survey.things[at];
    bool is_folder = thing->found.kind == SFX_OS_FOLDER;
    SFX_CLEAN_STRING char *path = sfx_print("%s%s", sfx_survey_path(&removal->survey, thing), is_folder ? "/" : "");
    SFX_CLEAN_STRING char *count = sfx_print("%u file%s not installed with it", files, files == 1 ? "" : "s");
    const char *text = "not installed with it";
    if (thing->mounted)
        text = "something is mounted there";
    else if (is_folder && files > 0)
        text = count;
    else if (!is_folder && thing->entry != SFX_NO_ENTRY)
        text = sfx_condition_text((enum sfx_condition)removal->conditions[thing->entry]);
    if (path && text)
        sfx_tell_file(removal->session, "stays", sfx_bytes_of(path), text);
}

/* For qsort, which hands no context on. */
struct top {
    const char *path;                    /* first: as `compare` takes it */
    uint32_t thing;
    uint32_t files;
};

enum sfx_error sfx_removal_list(const struct sfx_removal *removal, struct sfx_fault *fault)
{
    size_t total = removal->survey.count;
    size_t used = 0;
    struct top *tops = calloc(total + 1, sizeof *tops);
    if (!tops)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    for (uint32_t i = 0; i < total; i++)
        if (removal->lots[i] == SFX_LOT_STAYS)
            tops[top_of(removal, i)].files += removal->survey.things[i].found.kind != SFX_OS_FOLDER;
    for (uint32_t i = 0; i < total; i++)
        if (removal->lots[i] == SFX_LOT_STAYS && top_of(removal, i) == i)
            tops[used++] = (struct top){sfx_survey_path(&removal->survey, &removal->survey.things[i]), i, tops[i].files};
    qsort(tops, used, sizeof *tops, compare);
    for (size_t i = 0; i < used; i++)
        list_thing(removal, tops[i].thing, tops[i].files);
    free(tops);
    return SFX_OK;
}
