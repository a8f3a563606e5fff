/* A copy at another place, published like an installation; see relocation.h. */
#include <errno.h>
#include <stdlib.h>

#include "holes.h"
#include "lock.h"
#include "pool.h"
#include "preflight.h"
#include "produce.h"
#include "rc.h"
#include "relocation.h"
#include "tree.h"

struct copying {
    struct sfx_relocation *relocation;
    int tree;                            /* the new one */
    const char *shown;
    uint8_t *done;                       /* of each thing: it is there, or not to be */
};

static enum sfx_error fail_at(const struct copying *copying, int error, const char *path, struct sfx_fault *fault)
{
    return sfx_fail_os(fault, error, "cannot write %s/%s", copying->shown, path);
}

static const char *path_at(const struct copying *copying, size_t at)
{
    const struct sfx_survey *survey = &copying->relocation->survey;
    return sfx_survey_path(survey, &survey->things[at]);
}

/* ---- Folders ---- */

static enum sfx_error make_folders(const struct copying *copying, struct sfx_fault *fault)
{
    const struct sfx_survey *survey = &copying->relocation->survey;
    for (size_t i = 0; i < survey->count; i++) {
        if (survey->things[i].found.kind != SFX_OS_FOLDER)
            continue;
        int error = sfx_os_make_directory(copying->tree, path_at(copying, i), 0700);
        if (error)
            return fail_at(copying, error, path_at(copying, i), fault);
        copying->done[i] = 1;
    }
    return SFX_OK;
}

/* Modes, owners and times; a folder after all that it holds. */
static enum sfx_error finish_folders(const struct copying *copying, struct sfx_fault *fault)
{
    const struct sfx_survey *survey = &copying->relocation->survey;
    for (size_t i = survey->count; i-- > 0;) {
        __attribute__((cleanup(sfx_os_closep))) int from = -1;
        __attribute__((cleanup(sfx_os_closep))) int to = -1;
        if (survey->things[i].found.kind != SFX_OS_FOLDER)
            continue;
        int error = sfx_os_open(copying->relocation->root, path_at(copying, i), SFX_OS_DIRECTORY, &from);
        if (!error)
            error = sfx_os_open(copying->tree, path_at(copying, i), SFX_OS_DIRECTORY, &to);
        if (!error)
            error = sfx_os_copy_attributes(from, to);
        if (error)
            return fail_at(copying, error, path_at(copying, i), fault);
    }
    return SFX_OK;
}

/* ---- Files ---- */

/* The file that RELOCATOR has open, as it is or as it shall be. */
static int write_file(const struct copying *copying, const struct sfx_relocator *relocator, bool rendered, const char *path)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    int error = sfx_os_create(copying->tree, path, 0600, &fd);
    if (!error)
        error = rendered ? sfx_holes_write_all(fd, relocator->segments, relocator->count, sfx_relocator_map(relocator))
                         : sfx_holes_copy(relocator->fd, fd, relocator->buffer, SFX_RELOCATOR_BUFFER);
    if (!error)
        error = sfx_os_copy_attributes(relocator->fd, fd);
    return sfx_os_finish(&fd, error);
}

static enum sfx_error write_moved(struct sfx_relocation *relocation, struct sfx_relocator *relocator, uint32_t entry, void *context,
                                  struct sfx_fault *fault)
{
    struct copying *copying = context;
    uint32_t at = relocation->survey.thing[entry];
    if (relocation->fates[entry] != SFX_FATE_MOVED && relocation->fates[entry] != SFX_FATE_SAME)
        return SFX_OK;
    int error = write_file(copying, relocator, true, path_at(copying, at));
    if (error)
        return fail_at(copying, error, path_at(copying, at), fault);
    copying->done[at] = 1;
    return SFX_OK;
}

static enum sfx_error make_link(const struct copying *copying, size_t at, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *text = NULL;
    struct sfx_relocation *relocation = copying->relocation;
    const struct sfx_thing *thing = &relocation->survey.things[at];
    const char *path = path_at(copying, at);
    bool has_sites = thing->entry != SFX_NO_ENTRY && sfx_index_entry(relocation->index, thing->entry).kind == SFX_ENTRY_KIND_LINK &&
                     sfx_index_entry(relocation->index, thing->entry).site_count > 0;
    enum sfx_error error = has_sites ? sfx_relocation_link(relocation, thing->entry, &text, fault) : SFX_OK;
    if (error)
        return error;
    if (!has_sites || relocation->fates[thing->entry] == SFX_FATE_LEFT) {
        sfx_free_string(&text);
        int os_error = sfx_os_read_link(relocation->root, path, &text);
        if (os_error)
            return sfx_fail_os(fault, os_error, "cannot read the link %s/%s", relocation->shown, path);
    }
    int os_error = sfx_os_make_link(text, copying->tree, relocation->target, path);
    if (os_error)
        return fail_at(copying, os_error, path, fault);
    copying->done[at] = 1;
    return SFX_OK;
}

/* Links, and what cannot be copied. */
static enum sfx_error make_links(struct copying *copying, struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = copying->relocation;
    enum sfx_error error = SFX_OK;
    for (size_t i = 0; !error && i < relocation->survey.count; i++) {
        const struct sfx_thing *thing = &relocation->survey.things[i];
        if (thing->found.kind == SFX_OS_LINK)
            error = make_link(copying, i, fault);
        if (thing->found.kind == SFX_OS_OTHER || thing->mounted) {
            copying->done[i] = 1;
            relocation->uncopied++;
            relocation->exceptions += thing->mounted;        /* the others are listed like what can be copied */
            sfx_tell_file(relocation->session, "not copied", sfx_bytes_of(path_at(copying, i)),
                         thing->mounted ? "something is mounted there" : "neither file, folder nor link");
        }
    }
    return error;
}

/* ---- Files as they are ---- */

/* One of several names of a file that is copied as it is. */
struct name {
    uint64_t device;
    uint64_t inode;
    uint32_t thing;
};

static int compare(const void *a, const void *b)
{
    const struct name *left = a;
    const struct name *right = b;
    if (left->device != right->device)
        return left->device < right->device ? -1 : 1;
    if (left->inode != right->inode)
        return left->inode < right->inode ? -1 : 1;
    return (left->thing > right->thing) - (left->thing < right->thing);
}

/* What a name of a file that moved is linked to; else AT. */
static uint32_t moved_leader(const struct copying *copying, uint32_t at)
{
    const struct sfx_relocation *relocation = copying->relocation;
    uint32_t entry = relocation->survey.things[at].entry;
    if (entry == SFX_NO_ENTRY || relocation->fates[entry] != SFX_FATE_LINKED)
        return at;
    uint32_t leader = relocation->survey.thing[relocation->leaders[entry]];
    return copying->done[leader] ? leader : at;
}

/* Of each thing the name that is written, itself or another one of the same file. A name that was not installed with it does
 * not follow a file that moved: it stays what it was. */
static uint32_t *find_leaders(const struct copying *copying)
{
    const struct sfx_survey *survey = &copying->relocation->survey;
    uint32_t *leaders = malloc((survey->count + 1) * sizeof *leaders);
    struct name *names = malloc((survey->count + 1) * sizeof *names);
    size_t count = 0;
    for (size_t i = 0; leaders && names && i < survey->count; i++) {
        leaders[i] = moved_leader(copying, (uint32_t)i);
        const struct sfx_os_stat *found = &survey->things[i].found;
        if (!copying->done[i] && leaders[i] == i && found->kind == SFX_OS_FILE && found->links > 1)
            names[count++] = (struct name){found->device, found->inode, (uint32_t)i};
    }
    qsort(names, names ? count : 0, sizeof *names, compare);
    for (size_t i = 0, end; leaders && names && i < count; i = end) {
        for (end = i; end < count && names[end].device == names[i].device && names[end].inode == names[i].inode; end++)
            leaders[names[end].thing] = names[i].thing;
    }
    free(names);
    if (!names) {
        free(leaders);
        leaders = NULL;
    }
    return leaders;
}

struct plain {
    struct copying *copying;
    uint32_t *things;                    /* to be copied */
    uint32_t count;
};

static enum sfx_error copy_one(void *context, void *worker, uint32_t at, struct sfx_fault *fault)
{
    const struct plain *plain = context;
    struct sfx_relocator *relocator = worker;
    const char *path = path_at(plain->copying, plain->things[at]);
    int error = sfx_os_open(plain->copying->relocation->root, path, SFX_OS_READ, &relocator->fd);
    if (error)
        return sfx_fail_os(fault, error, "cannot read %s/%s", plain->copying->relocation->shown, path);
    error = write_file(plain->copying, relocator, false, path);
    sfx_relocator_drop(relocator);
    return error ? fail_at(plain->copying, error, path, fault) : SFX_OK;
}

static enum sfx_error copy_all(struct plain *plain, struct sfx_fault *fault)
{
    unsigned jobs = plain->copying->relocation->session->options.jobs;
    struct sfx_work work = {
        .count = plain->count,
        .workers = jobs ? jobs : sfx_os_cpu_count(),
        .context = plain,
        .enter = sfx_relocator_open,
        .leave = sfx_relocator_close,
        .run = copy_one,
    };
    return plain->count ? sfx_pool_run(&work, fault) : SFX_OK;
}

/* Files that are their own leaders first; then the other names, and copies where the system makes no hard link. */
static enum sfx_error copy_plain(struct copying *copying, const uint32_t *leaders, struct plain *plain, struct sfx_fault *fault)
{
    const struct sfx_survey *survey = &copying->relocation->survey;
    for (uint32_t i = 0; i < survey->count; i++)
        if (!copying->done[i] && survey->things[i].found.kind == SFX_OS_FILE && leaders[i] == i)
            plain->things[plain->count++] = i;
    enum sfx_error error = copy_all(plain, fault);
    plain->count = 0;
    for (uint32_t i = 0; !error && i < survey->count; i++) {
        if (copying->done[i] || survey->things[i].found.kind != SFX_OS_FILE || leaders[i] == i)
            continue;
        int os_error = sfx_os_hard_link(copying->tree, path_at(copying, leaders[i]), copying->tree, path_at(copying, i));
        if (sfx_is_full(os_error))
            return fail_at(copying, os_error, path_at(copying, i), fault);
        if (os_error)
            plain->things[plain->count++] = i;
    }
    return error ? error : copy_all(plain, fault);
}

static enum sfx_error copy_rest(struct copying *copying, struct sfx_fault *fault)
{
    uint32_t *leaders = find_leaders(copying);
    struct plain plain = {copying, malloc((copying->relocation->survey.count + 1) * sizeof(uint32_t)), 0};
    enum sfx_error error = leaders && plain.things ? copy_plain(copying, leaders, &plain, fault)
                                                   : sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    free(leaders);
    free(plain.things);
    return error;
}

/* ---- The tree ---- */

/* `.sfxpack` but for the state, which names the new prefix, and what a relocation leaves there. */
static enum sfx_error copy_record(const struct copying *copying, struct sfx_fault *fault)
{
    const char *const paths[] = {SFX_MANIFEST_PATH, sfx_os_tool, SFX_STATE_DIRECTORY "/NOTICES", SFX_STATE_DIRECTORY "/LICENSE",
                                 SFX_STATE_DIRECTORY "/report.json", SFX_STATE_DIRECTORY "/install.log",
                                 SFX_STATE_DIRECTORY "/generated"};
    const struct sfx_relocation *relocation = copying->relocation;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        int error = sfx_copy_file(relocation->root, paths[i], copying->tree, paths[i]);
        if (error && error != ENOENT)
            return fail_at(copying, error, paths[i], fault);
    }
    bool moves = relocation->session->options.move && relocation->uncopied == 0;
    int left = moves ? sfx_copy_file(relocation->root, SFX_OUTSIDE, copying->tree, SFX_OUTSIDE) : ENOENT;
    if (left && left != ENOENT)
        return fail_at(copying, left, SFX_OUTSIDE, fault);
    enum sfx_error error = sfx_record_move(relocation->root, copying->tree, copying->shown, relocation->target, false, fault);
    struct sfx_session *session = relocation->session;
    sfx_log(session, "copied from %s to %s", relocation->shown, relocation->target);
    sfx_keep_log(session, copying->shown);
    return error;
}

static enum sfx_error copy_tree(struct copying *copying, struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = copying->relocation;
    struct sfx_tree tree = {.index = relocation->index, .directory = copying->tree, .shown = copying->shown};
    sfx_event_phase(&relocation->session->events, "copy");
    enum sfx_error error = sfx_tree_probe(&tree, fault);
    relocation->time_step = tree.time_step;
    if (!error)
        error = make_folders(copying, fault);
    if (!error)
        error = sfx_relocation_each(relocation, write_moved, copying, fault);
    if (!error)
        error = make_links(copying, fault);
    if (!error)
        error = sfx_relocation_list(relocation, copying->done, fault);
    for (size_t i = 0; !error && i < relocation->survey.count; i++) {
        uint32_t entry = relocation->survey.things[i].entry;
        if (entry != SFX_NO_ENTRY && relocation->fates[entry] == SFX_FATE_REMOVED)
            copying->done[i] = 1;
    }
    if (!error && relocation->session->options.strict && relocation->exceptions > 0)
        error = sfx_fail(fault, SFX_ERROR_PREFIX, "nothing was copied: %u thing(s) are not as installed (--strict)",
                         relocation->exceptions);
    if (!error)
        error = copy_rest(copying, fault);
    if (!error)
        error = finish_folders(copying, fault);
    return error ? error : copy_record(copying, fault);
}

static enum sfx_error fill(void *context, const struct sfx_commit *commit, struct sfx_fault *fault)
{
    struct copying copying = {.relocation = context, .tree = commit->tree, .shown = commit->shown};
    copying.done = calloc(copying.relocation->survey.count + 1, 1);
    if (!copying.done)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    enum sfx_error error = copy_tree(&copying, fault);
    free(copying.done);
    return error;
}

/* ---- --move ---- */

/* Where the folder itself has to stay its manifest goes first: without it there is no installation. */
static int empty_folder(const struct sfx_place *here)
{
    SFX_CLEAN_STRING char *names = NULL;
    size_t count = 0;
    int error = sfx_os_unlink(here->folder, SFX_STATE_DIRECTORY "/manifest");
    if (!error)
        error = sfx_os_list(here->folder, &names, &count);
    const char *name = names;
    for (size_t i = 0; !error && i < count; i++, name += strlen(name) + 1)
        if (!sfx_lock_is_name(here->lock, name) && strcmp(name, "lost+found") != 0)
            error = sfx_tree_remove(here->folder, name, NULL);
    return error;
}

/* Lines in a start-up file follow to the new place. */
static void move_lines(struct sfx_relocation *relocation)
{
    __attribute__((cleanup(sfx_os_closep))) int tree = -1;
    if (sfx_os_open(SFX_OS_HERE, relocation->target, SFX_OS_DIRECTORY_FOLLOW, &tree) == 0)
        relocation->exceptions += sfx_rc_move(relocation->session, relocation->index, tree, relocation->target) != SFX_OK;
}

/* Whether nothing came or changed while it was copied. */
static bool is_as_copied(const struct sfx_relocation *relocation, const struct sfx_place *here)
{
    struct sfx_survey now;
    struct sfx_fault ignored;
    const struct sfx_survey *then = &relocation->survey;
    if (sfx_survey_open(relocation->root, relocation->shown, here->lock, relocation->index, &now, &ignored) != SFX_OK)
        return false;
    bool same = now.count == then->count;
    for (size_t i = 0; same && i < now.count; i++)
        same = sfx_is_unchanged(&then->things[i].found, &now.things[i].found) &&
               strcmp(sfx_survey_path(&now, &now.things[i]), sfx_survey_path(then, &then->things[i])) == 0;
    sfx_survey_close(&now);
    return same;
}

static void remove_original(struct sfx_relocation *relocation, const struct sfx_place *here)
{
    bool beside = here->can_replace_beside && !sfx_record_keeps_folder(here->folder);
    int error = sfx_os_step_out(here->folder, here->parent, here->old);
    if (error) {
        beside = false;
    } else if (beside) {
        error = sfx_os_rename(here->parent, here->name, here->parent, here->staging, SFX_OS_KEEP);
        if (error == ENOSYS)
            error = sfx_os_rename(here->parent, here->name, here->parent, here->staging, SFX_OS_REPLACE);
        beside = !error;
        if (!error)
            error = sfx_tree_remove(here->parent, here->staging, SFX_STATE_DIRECTORY);
    } else {
        error = empty_folder(here);
    }
    if (!error)
        return;
    relocation->exceptions++;
    sfx_warn(relocation->session, "the original could not be removed whole; what is left of it is %s/%s: %s",
             here->parent_path, beside ? here->staging : here->name, sfx_os_error_text(error));
}

enum sfx_error sfx_relocate_copy(struct sfx_relocation *relocation, struct sfx_place *here, struct sfx_place *place,
                                 struct sfx_fault *fault)
{
    struct sfx_session *session = relocation->session;
    struct sfx_os_stat root;
    const struct sfx_target target = {relocation->index, 0, place, relocation->here.record.modes};
    enum sfx_error error = SFX_OK;
    if (place->left_beside || place->left_inside)
        error = sfx_produce_recover(session, place, fault);
    if (!error && place->occupation != SFX_PLACE_ABSENT && place->occupation != SFX_PLACE_EMPTY)
        error = sfx_fail(fault, SFX_ERROR_PREFIX, "%s is not empty; choose another folder", place->path);
    if (!error)
        error = sfx_preflight_place(session, &target, fault);
    if (!error)
        error = sfx_relocation_survey(relocation, here->lock, fault);
    int os_error = error ? 0 : sfx_os_stat_fd(relocation->root, &root);
    if (os_error)
        return sfx_fail_os(fault, os_error, "cannot look at %s", relocation->shown);
    struct sfx_production production = {
        .session = session,
        .place = place,
        .prefix = relocation->target,
        .inside = place->occupation == SFX_PLACE_EMPTY,
        .record = true,
        .fill = fill,
        .context = relocation,
        .mode = error ? 0 : root.mode & 0777,
    };
    if (!error)
        error = sfx_produce(&production, NULL, fault);
    if (!error && session->options.move && relocation->uncopied > 0)
        sfx_warn(session, "the original in %s stays, as not all of it was copied", here->path);
    else if (!error && session->options.move) {
        move_lines(relocation);
        if (is_as_copied(relocation, here)) {
            remove_original(relocation, here);
        } else {
            relocation->exceptions++;
            sfx_warn(session, "the original in %s stays, as files in it changed or came while it was copied", here->path);
        }
    }
    if (!error)
        sfx_keep_log(session, place->path);
    return error;
}
