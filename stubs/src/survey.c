/* Everything that lies in an installation; see survey.h. */
#include "survey.h"

#include <stdlib.h>

#include "installed.h"
#include "lock.h"
#include "place.h"
#include "pool.h"
#include "text.h"

struct walker {
    int root;
    const char *shown;
    const char *lock;
    const struct sfx_index *index;
    struct sfx_survey *survey;
    uint64_t device;
};

static enum sfx_error no_memory(struct sfx_fault *fault)
{
    return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

/* FOLDER/NAME behind the names; its place, or SIZE_MAX. FOLDER may lie in the names, which may move. */
static size_t add_name(struct sfx_survey *survey, size_t folder, const char *name)
{
    size_t folder_size = folder == SIZE_MAX ? 0 : strlen(survey->names + folder);
    size_t size = folder_size + strlen(name) + 2;
    if (survey->names_room - survey->names_size < size) {
        size_t room = (survey->names_room + size) * 2;
        char *grown = realloc(survey->names, room);
        if (!grown)
            return SIZE_MAX;
        survey->names = grown;
        survey->names_room = room;
    }
    size_t at = survey->names_size;
    char *end = survey->names + at;
    if (folder_size > 0) {
        memcpy(end, survey->names + folder, folder_size);
        end[folder_size] = '/';
        end += folder_size + 1;
    }
    memcpy(end, name, strlen(name) + 1);
    survey->names_size = (size_t)(end - survey->names) + strlen(name) + 1;
    return at;
}

static struct sfx_thing *add_thing(struct sfx_survey *survey)
{
    if (survey->count == survey->room) {
        size_t room = survey->room ? survey->room * 2 : 1024;
        struct sfx_thing *grown = realloc(survey->things, room * sizeof *grown);
        if (!grown)
            return NULL;
        survey->things = grown;
        survey->room = room;
    }
    return &survey->things[survey->count];
}

static bool is_left_out(const struct walker *walker, const char *path)
{
    return strcmp(path, SFX_STATE_DIRECTORY) == 0 || strcmp(path, SFX_STAGING_INSIDE) == 0 || strcmp(path, "lost+found") == 0 ||
           sfx_lock_is_name(walker->lock, path);
}

/* NAME in the open folder FD, which is thing FOLDER. */
static enum sfx_error look(struct walker *walker, int fd, uint32_t folder, const char *name, struct sfx_fault *fault)
{
    struct sfx_survey *survey = walker->survey;
    struct sfx_thing *thing = add_thing(survey);
    size_t before = survey->names_size;
    size_t folder_at = thing && folder != SFX_NO_THING ? (size_t)survey->things[folder].path : SIZE_MAX;
    size_t at = thing ? add_name(survey, folder_at, name) : SIZE_MAX;
    if (at == SIZE_MAX)
        return no_memory(fault);
    const char *path = survey->names + at;
    if (is_left_out(walker, path)) {
        survey->names_size = before;
        return SFX_OK;
    }
    if (strlen(path) > SFX_MAX_PATH)
        return sfx_fail(fault, SFX_ERROR_IO, "%s/%.100s... is too deep to be looked at; move it away", walker->shown, path);
    thing->path = at;
    thing->entry = sfx_index_find(walker->index, sfx_bytes_of(path));
    thing->folder = folder;
    thing->mounted = false;
    int error = sfx_os_stat(fd, name, &thing->found);
    if (error)
        return sfx_fail_os(fault, error, "cannot look at %s/%s", walker->shown, path);
    if (thing->entry != SFX_NO_ENTRY)
        survey->thing[thing->entry] = (uint32_t)survey->count;
    survey->count++;
    return SFX_OK;
}

/* The names in the folder of thing AT, SFX_NO_THING for the prefix itself; none if something is mounted there, also a folder
 * of this very file system. */
static enum sfx_error list(struct walker *walker, uint32_t at, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    struct sfx_thing *thing = at == SFX_NO_THING ? NULL : &walker->survey->things[at];
    const char *path = thing ? sfx_survey_path(walker->survey, thing) : ".";
    int os_error = sfx_os_open(walker->root, path, SFX_OS_DIRECTORY, &fd);
    if (thing && !os_error)
        thing->mounted = sfx_os_is_mount_point(fd);
    if (thing && thing->mounted)
        return SFX_OK;
    if (!os_error)
        os_error = sfx_os_list(fd, &names, &count);
    if (os_error)
        return sfx_fail_os(fault, os_error, "cannot read the folder %s/%s", walker->shown, path);
    enum sfx_error error = sfx_check_interrupted(fault);
    const char *name = names;
    for (size_t i = 0; !error && i < count; i++, name += strlen(name) + 1)
        error = look(walker, fd, at, name, fault);
    return error;
}

/* Breadth first: things are their own queue, and a folder comes before what it holds. */
static enum sfx_error walk(struct walker *walker, struct sfx_fault *fault)
{
    struct sfx_survey *survey = walker->survey;
    struct sfx_os_stat root;
    int os_error = sfx_os_stat_fd(walker->root, &root);
    if (os_error)
        return sfx_fail_os(fault, os_error, "cannot look at %s", walker->shown);
    walker->device = root.device;
    enum sfx_error error = list(walker, SFX_NO_THING, fault);
    for (size_t i = 0; !error && i < survey->count; i++) {
        if (survey->count >= SFX_NO_THING)
            return sfx_fail(fault, SFX_ERROR_IO, "%s holds more files than this program can count", walker->shown);
        if (survey->things[i].found.kind != SFX_OS_FOLDER)
            continue;
        survey->things[i].mounted = survey->things[i].found.device != walker->device;
        if (!survey->things[i].mounted)
            error = list(walker, (uint32_t)i, fault);
    }
    return error;
}

enum sfx_error sfx_survey_open(int root, const char *shown, const char *lock, const struct sfx_index *index,
                               struct sfx_survey *ret_survey, struct sfx_fault *fault)
{
    struct walker walker = {root, shown, lock, index, ret_survey, 0};
    size_t entries = (size_t)index->header.entry_count + 1;
    memset(ret_survey, 0, sizeof *ret_survey);
    ret_survey->thing = malloc(entries * sizeof *ret_survey->thing);
    if (!ret_survey->thing)
        return no_memory(fault);
    for (size_t i = 0; i < entries; i++)
        ret_survey->thing[i] = SFX_NO_ENTRY;
    enum sfx_error error = walk(&walker, fault);
    if (error)
        sfx_survey_close(ret_survey);
    return error;
}

void sfx_survey_close(struct sfx_survey *survey)
{
    free(survey->names);
    free(survey->things);
    free(survey->thing);
    memset(survey, 0, sizeof *survey);
}
