/* The files of an installation that hold its prefix: read, recognised, rendered for another. See relocation.h. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "digest.h"
#include "holes.h"
#include "move.h"
#include "pool.h"
#include "progress.h"
#include "relocation.h"
#include "rendering.h"


uint32_t sfx_relocation_file(const struct sfx_relocation *relocation, uint32_t entry)
{
    struct sfx_entry record = sfx_index_entry(relocation->index, entry);
    return record.kind == SFX_ENTRY_KIND_HARD_LINK ? record.target : entry;
}

/* ---- One file ---- */

void *sfx_relocator_open(void *context)
{
    struct sfx_relocator *relocator = calloc(1, sizeof *relocator);
    (void)context;
    if (!relocator)
        return NULL;
    relocator->fd = -1;
    relocator->rendering = sfx_rendering_new();
    relocator->buffer = malloc(SFX_RELOCATOR_BUFFER);
    if (relocator->rendering && relocator->buffer)
        return relocator;
    sfx_relocator_close(relocator);
    return NULL;
}

void sfx_relocator_close(void *worker)
{
    struct sfx_relocator *relocator = worker;
    sfx_relocator_drop(relocator);
    sfx_rendering_free(relocator->rendering);
    free(relocator->buffer);
    free(relocator);
}

void sfx_relocator_drop(struct sfx_relocator *relocator)
{
    if (relocator->map)
        sfx_os_unmap(relocator->map, relocator->map_size);
    relocator->map = NULL;
    sfx_os_closep(&relocator->fd);
}

/* The bytes of PATH, held until the drop. */
static int read_whole(const struct sfx_relocation *relocation, struct sfx_relocator *relocator, const char *path,
                      struct sfx_bytes *ret_bytes)
{
    struct sfx_fault ignored;
    int error = sfx_os_open(relocation->root, path, SFX_OS_READ, &relocator->fd);
    if (!error)
        error = sfx_os_stat_fd(relocator->fd, &relocator->found);
    if (error)
        return error;
    uint64_t size = relocator->found.size;
    *ret_bytes = (struct sfx_bytes){relocator->buffer, (size_t)size};
    if (size <= SFX_RELOCATOR_BUFFER)
        return sfx_os_pread(relocator->fd, relocator->buffer, (size_t)size, 0, &ignored) ? ignored.os_error : 0;
    error = sfx_os_map(relocator->fd, size, &relocator->map);
    relocator->map = error ? NULL : relocator->map;
    relocator->map_size = size;
    ret_bytes->data = relocator->map;
    return error;
}

/* Call RUN for each segment in parts of at most SFX_STEP bytes, as long as it says so. */
static bool each_part(const struct sfx_relocator *relocator, bool (*run)(void *context, const uint8_t *data, size_t size),
                      void *context)
{
    bool more = true;
    for (size_t i = 0; more && i < relocator->count; i++) {
        struct sfx_segment segment = relocator->segments[i];
        for (size_t done = 0, size; more && done < segment.size; done += size) {
            size = segment.size - done < SFX_STEP ? segment.size - done : SFX_STEP;
            more = run(context, segment.data + done, size);
            sfx_holes_drop(sfx_relocator_map(relocator), segment.data + done, size);
        }
    }
    return more;
}

static bool compare_part(void *context, const uint8_t *data, size_t size)
{
    const uint8_t **at = context;
    bool same = memcmp(*at, data, size) == 0;
    *at += size;
    return same;
}

static bool is_same(const struct sfx_relocator *relocator, struct sfx_bytes bytes)
{
    return relocator->size == bytes.size && each_part(relocator, compare_part, &bytes.data);
}

static bool hash_part(void *context, const uint8_t *data, size_t size)
{
    sfx_sha256_add(context, data, size);
    return true;
}

static void note_final(struct sfx_relocation *relocation, const struct sfx_relocator *relocator, uint32_t entry)
{
    struct sfx_final *final = &relocation->finals[entry];
    struct sfx_sha256 hash;
    uint64_t recorded = sfx_index_entry(relocation->index, entry).mtime;
    final->size = relocator->size;
    final->mtime = sfx_is_time(relocator->found.mtime, recorded) ? relocator->found.mtime : recorded;
    if (relocation->time_step)
        final->mtime -= final->mtime % relocation->time_step;
    if ((relocation->needs[entry] & SFX_NEED_SHA256) == 0)
        return;
    sfx_sha256_start(&hash);
    each_part(relocator, hash_part, &hash);
    sfx_sha256_end(&hash, final->sha256);
    final->has_sha256 = true;
}

/* What derived values need is known from its file's own fate on: files come after all that they need. */
static bool knows(void *context, uint32_t target)
{
    const struct sfx_relocation *relocation = context;
    return relocation->fates[target] == SFX_FATE_MOVED || relocation->fates[target] == SFX_FATE_SAME;
}

static enum sfx_error final_of(void *context, uint32_t target, bool want_sha256, struct sfx_final *ret_final,
                               struct sfx_fault *fault)
{
    const struct sfx_relocation *relocation = context;
    (void)want_sha256;
    (void)fault;
    *ret_final = relocation->finals[target];
    return SFX_OK;
}

static enum sfx_error siphash_of(void *context, uint32_t target, int rounds, uint32_t key, uint64_t *ret_hash,
                                 struct sfx_fault *fault);

/* Render BYTES, if they are what was installed for one of the prefixes. A file whose time is the recorded one is not digested:
 * all that is between its sites goes over as it is, so one that was edited and given its time back is none the worse. With
 * several prefixes the digest tells them apart: the C string /a/lib holds /a, and /a/lib too. */
static enum sfx_error recognise(struct sfx_relocation *relocation, struct sfx_relocator *relocator, uint32_t file,
                                struct sfx_bytes bytes, bool *ret_matches, struct sfx_fault *fault)
{
    const struct sfx_sources sources = {final_of, siphash_of, relocation};
    uint64_t recorded = sfx_index_entry(relocation->index, file).mtime;
    bool skips_digest = relocation->held_count == 1 && sfx_is_time(relocator->found.mtime, recorded);
    struct sfx_move move = {relocation->index, NULL, relocation->to, skips_digest, &sources, knows, relocator->map ? sfx_os_drop : NULL};
    enum sfx_error error = SFX_OK;
    *ret_matches = false;
    for (size_t i = 0; !error && !*ret_matches && i < relocation->held_count; i++) {
        move.from = relocation->from[i];
        error = sfx_move_file(&move, file, bytes, relocator->rendering, ret_matches, fault);
    }
    relocator->segments = sfx_rendering_segments(relocator->rendering, &relocator->count, &relocator->size);
    return error;
}

static enum sfx_error read_file(struct sfx_relocation *relocation, struct sfx_relocator *relocator, uint32_t file,
                                const char *path, enum sfx_fate *ret_fate, struct sfx_fault *fault)
{
    struct sfx_bytes bytes;
    bool matches = false;
    enum sfx_error error = SFX_OK;
    relocator->count = 0;
    *ret_fate = SFX_FATE_LEFT;
    int os_error = read_whole(relocation, relocator, path, &bytes);
    if (os_error == EACCES || os_error == EPERM)
        return SFX_OK;                   /* like any other file that is not as installed */
    if (os_error)
        return sfx_fail_os(fault, os_error, "nothing was changed: cannot read %s/%s", relocation->shown, path);
    error = recognise(relocation, relocator, file, bytes, &matches, fault);
    if (!error && matches)
        *ret_fate = is_same(relocator, bytes) ? SFX_FATE_SAME : SFX_FATE_MOVED;
    return error;
}

/* The hash depends on the file that wants it, so the target is rendered once more: nothing has been changed yet. */
static enum sfx_error siphash_of(void *context, uint32_t target, int rounds, uint32_t key, uint64_t *ret_hash,
                                 struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = context;
    struct sfx_relocator *relocator = sfx_relocator_open(relocation);
    struct sfx_siphash hash;
    enum sfx_fate ignored;
    char path[SFX_MAX_PATH + 1];
    if (!relocator)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    sfx_path_copy(sfx_index_string(relocation->index, sfx_index_entry(relocation->index, target).path), path);
    enum sfx_error error = read_file(relocation, relocator, target, path, &ignored, fault);
    sfx_siphash_start(&hash, rounds, key, 0);
    for (size_t i = 0; !error && i < relocator->count; i++)
        sfx_siphash_add(&hash, relocator->segments[i].data, relocator->segments[i].size);
    *ret_hash = sfx_siphash_end(&hash);
    sfx_relocator_close(relocator);
    return error;
}

enum sfx_error sfx_relocator_read(struct sfx_relocation *relocation, struct sfx_relocator *relocator, uint32_t entry,
                                  const char *path, struct sfx_fault *fault)
{
    enum sfx_fate fate;
    uint32_t file = sfx_relocation_file(relocation, entry);
    enum sfx_error error = read_file(relocation, relocator, file, path, &fate, fault);
    if (error)
        return error;
    if (fate != SFX_FATE_LEFT && entry == file && relocation->needs[entry])
        note_final(relocation, relocator, entry);
    relocation->fates[entry] = (uint8_t)fate;
    return SFX_OK;
}

enum sfx_error sfx_relocation_link(struct sfx_relocation *relocation, uint32_t entry, char **ret_text, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *found = NULL;
    char path[SFX_MAX_PATH + 1];
    bool matches = false;
    sfx_path_copy(sfx_index_string(relocation->index, sfx_index_entry(relocation->index, entry).path), path);
    relocation->fates[entry] = SFX_FATE_LEFT;
    enum sfx_error error = sfx_render_link(relocation->index, entry, relocation->to, ret_text, fault);
    int os_error = error ? 0 : sfx_os_read_link(relocation->root, path, &found);
    if (os_error && os_error != EINVAL)  /* something else than a link stays as it is */
        return sfx_fail_os(fault, os_error, "nothing was changed: cannot read the link %s/%s", relocation->shown, path);
    if (error || os_error)
        return error;
    for (size_t i = 0; !error && !matches && i < relocation->held_count; i++) {
        SFX_CLEAN_STRING char *text = NULL;
        error = sfx_render_link(relocation->index, entry, relocation->from[i], &text, fault);
        matches = !error && strcmp(found, text) == 0;
    }
    if (matches)
        relocation->fates[entry] = strcmp(found, *ret_text) == 0 ? SFX_FATE_SAME : SFX_FATE_MOVED;
    return error;
}

/* ---- All files ---- */

struct all {
    struct sfx_relocation *relocation;
    sfx_relocation_run run;
    void *context;
    uint32_t *entries;
    uint32_t *after;                     /* of each: how many must have ended before it starts */
    uint32_t count;
    struct sfx_progress progress;
    uint64_t total;
    _Atomic uint64_t done;
};

static struct sfx_thing *thing_of(const struct sfx_relocation *relocation, uint32_t entry)
{
    uint32_t at = relocation->survey.thing[entry];
    return at == SFX_NO_ENTRY ? NULL : &relocation->survey.things[at];
}

static bool is_same_file(const struct sfx_relocation *relocation, uint32_t a, uint32_t b)
{
    const struct sfx_thing *left = thing_of(relocation, a);
    const struct sfx_thing *right = thing_of(relocation, b);
    return left && right && left->found.inode == right->found.inode && left->found.device == right->found.device;
}

/* The earliest of ENTRY's other names that is the same file on the disk, or ENTRY. Of the names that were looked at LEADERS
 * chains those that lead, from the first one's slot on backwards: in an untouched group that is the first alone. */
static uint32_t find_leader(const struct sfx_relocation *relocation, uint32_t entry)
{
    uint32_t file = sfx_relocation_file(relocation, entry);
    uint32_t *leaders = relocation->leaders;
    for (uint32_t at = leaders[file]; file != entry; at = leaders[at]) {
        if (is_same_file(relocation, at, entry))
            return at;
        if (at == file)
            break;
    }
    leaders[entry] = leaders[file];
    leaders[file] = entry;
    return entry;
}

/* Whether the name of ENTRY is to be read: of several names that are one file the first alone is. */
static bool is_read(struct sfx_relocation *relocation, uint32_t entry)
{
    uint32_t file = sfx_relocation_file(relocation, entry);
    const struct sfx_thing *thing = thing_of(relocation, entry);
    uint8_t kind = sfx_index_entry(relocation->index, entry).kind;
    bool is_file = kind == SFX_ENTRY_KIND_FILE || kind == SFX_ENTRY_KIND_HARD_LINK;
    if (!is_file || sfx_index_entry(relocation->index, file).site_count == 0 || !thing)
        return false;
    if (thing->found.kind != SFX_OS_FILE) {
        relocation->fates[entry] = SFX_FATE_LEFT;
        return false;
    }
    uint32_t leader = find_leader(relocation, entry);
    if (leader != entry) {
        relocation->fates[entry] = SFX_FATE_LINKED;
        relocation->leaders[entry] = leader;
        return false;
    }
    return true;
}

/* Entries in the order of their levels, by counting. */
static enum sfx_error sort_entries(struct all *all, struct sfx_fault *fault)
{
    struct sfx_relocation *relocation = all->relocation;
    uint32_t starts[SFX_MAX_LEVEL + 2] = {0};
    uint32_t count = relocation->index->header.entry_count;
    uint8_t *levels = malloc((size_t)count + 1);         /* plus one; 0: not read */
    all->entries = malloc(((size_t)count + 1) * sizeof *all->entries);
    all->after = malloc(((size_t)count + 1) * sizeof *all->after);
    for (uint32_t i = 0; levels && all->entries && all->after && i < count; i++) {
        uint32_t file = sfx_relocation_file(relocation, i);
        levels[i] = 0;
        if (!is_read(relocation, i))
            continue;
        levels[i] = (uint8_t)(1 + sfx_index_content_level(relocation->index, sfx_index_entry(relocation->index, file).target));
        starts[levels[i]]++;
        all->total += thing_of(relocation, i)->found.size;
    }
    for (size_t i = 1; i < sizeof starts / sizeof *starts; i++)
        starts[i] += starts[i - 1];
    all->count = starts[SFX_MAX_LEVEL + 1];
    uint32_t next[SFX_MAX_LEVEL + 2];
    memcpy(next, starts, sizeof next);
    for (uint32_t i = 0; levels && all->entries && all->after && i < count; i++) {
        if (levels[i] == 0)
            continue;
        uint32_t at = next[levels[i] - 1]++;
        all->entries[at] = i;
        all->after[at] = starts[levels[i] - 1];
    }
    bool failed = !levels || !all->entries || !all->after;
    free(levels);
    return failed ? sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory") : SFX_OK;
}

static uint32_t after(void *context, uint32_t at)
{
    return ((const struct all *)context)->after[at];
}

static void tick(void *context)
{
    struct all *all = context;
    sfx_progress_show(&all->progress, all->done, all->total);
}

static enum sfx_error run_one(void *context, void *worker, uint32_t at, struct sfx_fault *fault)
{
    struct all *all = context;
    struct sfx_relocator *relocator = worker;
    char path[SFX_MAX_PATH + 1];
    uint32_t entry = all->entries[at];
    sfx_path_copy(sfx_index_string(all->relocation->index, sfx_index_entry(all->relocation->index, entry).path), path);
    enum sfx_error error = sfx_check_interrupted(fault);
    if (!error)
        error = sfx_relocator_read(all->relocation, relocator, entry, path, fault);
    if (!error)
        error = all->run(all->relocation, relocator, entry, all->context, fault);
    sfx_relocator_drop(relocator);
    all->done += thing_of(all->relocation, entry)->found.size;
    return error;
}

enum sfx_error sfx_relocation_each(struct sfx_relocation *relocation, sfx_relocation_run run, void *context,
                                   struct sfx_fault *fault)
{
    struct all all = {.relocation = relocation, .run = run, .context = context};
    enum sfx_error error = sort_entries(&all, fault);
    sfx_progress_start(&all.progress, relocation->session, "relocating");
    struct sfx_work work = {
        .count = all.count,
        .workers = relocation->session->options.jobs ? relocation->session->options.jobs : sfx_os_cpu_count(),
        .context = &all,
        .enter = sfx_relocator_open,
        .leave = sfx_relocator_close,
        .run = run_one,
        .after = after,
        .tick = tick,
    };
    if (!error && all.count > 0)
        error = sfx_pool_run(&work, fault);
    sfx_progress_end(&all.progress);
    free(all.entries);
    free(all.after);
    return error;
}
