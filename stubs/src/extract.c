/* Blocks -> files; see extract.h.
 *
 * A content that lies in one block is written by the thread that holds the block: create, write, time, close. One that
 * spans blocks is made first, with its final size, and gets its pieces from several threads. Not guaranteed: the order in
 * which files appear; after a failure some are incomplete. */
#include "extract.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "finals.h"
#include "holes.h"
#include "os.h"
#include "pool.h"
#include "text.h"

struct plan {
    const struct sfx_extraction *extraction;
    const struct sfx_index *index;
    const struct sfx_tree *tree;
    struct sfx_finals *finals;
    struct sfx_sources sources;
    struct sfx_growths *growths;         /* where pieces go */
    uint32_t *first;                     /* content_count + 1: of each content, its first place in `files` */
    uint32_t *files;                     /* FILE entries by content */
    uint64_t total;
    _Atomic uint64_t done;
};

struct writer {
    struct sfx_buffers buffers;
    struct sfx_rendering *rendering;
};

/* Neutral bytes of a content at hand. */
struct piece {
    uint32_t content;
    const uint8_t *data;
    uint64_t start;
    size_t size;
    bool whole;
};

static enum sfx_error no_memory(struct sfx_fault *fault)
{
    return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

/* ---- A worker ---- */

static void *enter(void *context)
{
    const struct plan *plan = context;
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->rendering = sfx_rendering_new();
    if (writer->rendering && sfx_buffers_open(&writer->buffers, plan->index))
        return writer;
    sfx_buffers_close(&writer->buffers);
    sfx_rendering_free(writer->rendering);
    free(writer);
    return NULL;
}

static void leave(void *worker)
{
    struct writer *writer = worker;
    sfx_buffers_close(&writer->buffers);
    sfx_rendering_free(writer->rendering);
    free(writer);
}

/* ---- Which entries have which content ---- */

static bool is_wanted_file(const struct plan *plan, uint32_t at, uint32_t *ret_content)
{
    struct sfx_entry entry = sfx_index_entry(plan->index, at);
    *ret_content = entry.target;
    return entry.kind == SFX_ENTRY_KIND_FILE && sfx_tree_wants(plan->tree, at);
}

static enum sfx_error sort_files(struct plan *plan, struct sfx_fault *fault)
{
    uint32_t contents = plan->index->header.content_count;
    uint32_t entries = plan->index->header.entry_count;
    uint32_t content;
    plan->first = calloc((size_t)contents + 2, sizeof *plan->first);
    plan->files = malloc(((size_t)entries + 1) * sizeof *plan->files);
    if (!plan->first || !plan->files)
        return no_memory(fault);
    for (uint32_t i = 0; i < entries; i++)
        if (is_wanted_file(plan, i, &content))
            plan->first[content + 2]++;
    for (uint32_t i = 0; i < contents; i++)
        plan->first[i + 2] += plan->first[i + 1];
    for (uint32_t i = 0; i < entries; i++)           /* first[c + 1] runs from the start of c to its end */
        if (is_wanted_file(plan, i, &content))
            plan->files[plan->first[content + 1]++] = i;
    return SFX_OK;
}

/* ---- Writing ---- */

static enum sfx_error fail_at(const struct plan *plan, int error, const char *path, struct sfx_fault *fault)
{
    return sfx_fail_os(fault, error, "cannot write %s/%s", plan->tree->shown, path);
}

static int write_whole(const struct plan *plan, const char *path, const struct sfx_entry *entry,
                       const struct sfx_segment *segments, size_t count)
{
    int fd;
    int error = sfx_os_create(plan->tree->directory, path, sfx_tree_file_mode(plan->tree, entry), &fd);
    if (error)
        return error;
    error = sfx_os_write_segments(fd, segments, count, SFX_OS_APPEND);
    if (!error)
        error = sfx_os_set_time(fd, sfx_tree_mtime(plan->tree, entry));
    int closed = sfx_os_close(fd);
    return error ? error : closed;
}

/* The file has its size already, so a hole stays where zeros are left out. */
static int write_part(const struct plan *plan, const char *path, const struct sfx_segment *segments, size_t count,
                      uint64_t offset)
{
    int fd;
    int error = sfx_os_open(plan->tree->directory, path, SFX_OS_WRITE, &fd);
    if (error)
        return error;
    error = sfx_holes_write(fd, segments, count, offset);
    int closed = sfx_os_close(fd);
    return error ? error : closed;
}

static enum sfx_error write_file(const struct plan *plan, struct writer *writer, uint32_t at, const struct piece *piece,
                                 struct sfx_fault *fault)
{
    char path[SFX_MAX_PATH + 1];
    struct sfx_entry entry = sfx_index_entry(plan->index, at);
    struct sfx_segment plain = {piece->data, piece->size};
    const struct sfx_segment *segments = &plain;
    size_t count = 1;
    uint64_t offset = piece->start;
    sfx_path_copy(sfx_index_string(plan->index, entry.path), path);
    if (entry.site_count > 0) {
        uint64_t size;
        enum sfx_error failed = sfx_render(plan->index, at, plan->tree->prefix, &plan->sources, piece->data, piece->start,
                                           piece->size, writer->rendering, fault);
        if (failed)
            return failed;
        segments = sfx_rendering_segments(writer->rendering, &count, &size);
        if (!piece->whole)
            offset = (uint64_t)((int64_t)offset + sfx_growths_before(plan->growths, at, piece->start));
    }
    int error = piece->whole ? write_whole(plan, path, &entry, segments, count)
                             : write_part(plan, path, segments, count, offset);
    return error ? fail_at(plan, error, path, fault) : SFX_OK;
}

static enum sfx_error write_piece(const struct plan *plan, struct writer *writer, const struct piece *piece,
                                  struct sfx_fault *fault)
{
    enum sfx_error error = SFX_OK;
    for (uint32_t i = plan->first[piece->content]; !error && i < plan->first[piece->content + 1]; i++) {
        error = sfx_check_interrupted(fault);
        if (!error)
            error = write_file(plan, writer, plan->files[i], piece, fault);
    }
    return error;
}

/* The part of content AT that lies in the stream's bytes [START, START + SIZE), given in RAW. */
static struct piece piece_of(const struct sfx_index *index, uint32_t at, const uint8_t *raw, uint64_t start, uint64_t size)
{
    uint64_t from = index->content_start[at];
    uint64_t to = index->content_start[at + 1];
    uint64_t cut_from = from > start ? from : start;
    uint64_t cut_to = to < start + size ? to : start + size;
    bool whole = cut_from == from && cut_to == to;
    return (struct piece){at, raw + (cut_from - start), cut_from - from, (size_t)(cut_to - cut_from), whole};
}

static bool is_needed(const struct plan *plan, uint32_t first, uint64_t end)
{
    for (uint32_t i = first; i < plan->index->header.content_count && plan->index->content_start[i] < end; i++)
        if (plan->first[i] != plan->first[i + 1])
            return true;
    return false;
}

static enum sfx_error write_block(void *context, void *worker, uint32_t at, struct sfx_fault *fault)
{
    struct plan *plan = context;
    struct writer *writer = worker;
    const struct sfx_index *index = plan->index;
    uint64_t start = index->block_start[at];
    uint64_t end = index->block_start[at + 1];
    uint32_t first = sfx_content_at(index, start);
    if (!is_needed(plan, first, end))
        return SFX_OK;
    enum sfx_error error = sfx_artifact_block(plan->extraction->artifact, at, writer->buffers.context,
                                              writer->buffers.compressed, writer->buffers.raw, fault);
    for (uint32_t i = first; !error && i < index->header.content_count && index->content_start[i] < end; i++) {
        struct piece piece = piece_of(index, i, writer->buffers.raw, start, end - start);
        if (piece.size > 0)
            error = write_piece(plan, writer, &piece, fault);
    }
    plan->done += end - start;
    return error;
}

/* ---- Before and after the blocks ---- */

static bool spans_blocks(const struct plan *plan, uint32_t content)
{
    const struct sfx_index *index = plan->index;
    uint64_t start = index->content_start[content];
    uint64_t end = index->content_start[content + 1];
    uint32_t low = 0;                    /* the block that holds `start` */
    uint32_t high = index->header.block_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (index->block_start[middle] <= start)
            low = middle;
        else
            high = middle;
    }
    return end > start && end > index->block_start[low + 1];
}

static enum sfx_error make_large(const struct plan *plan, uint32_t at, uint64_t size, struct sfx_fault *fault)
{
    char path[SFX_MAX_PATH + 1];
    struct sfx_entry entry = sfx_index_entry(plan->index, at);
    int64_t growth = sfx_growths_before(plan->growths, at, UINT64_MAX);
    int fd;
    sfx_path_copy(sfx_index_string(plan->index, entry.path), path);
    int error = sfx_os_create(plan->tree->directory, path, sfx_tree_mode(plan->tree, &entry) | 0600u, &fd);
    if (error)
        return fail_at(plan, error, path, fault);
    error = sfx_os_truncate(fd, (uint64_t)((int64_t)size + growth));
    int closed = sfx_os_close(fd);
    error = error ? error : closed;
    return error ? fail_at(plan, error, path, fault) : SFX_OK;
}

static enum sfx_error finish_large(const struct plan *plan, uint32_t at, struct sfx_fault *fault)
{
    char path[SFX_MAX_PATH + 1];
    struct sfx_entry entry = sfx_index_entry(plan->index, at);
    sfx_path_copy(sfx_index_string(plan->index, entry.path), path);
    int error = sfx_os_set_time_at(plan->tree->directory, path, sfx_tree_mtime(plan->tree, &entry));
    if (!error && sfx_tree_file_mode(plan->tree, &entry) != (sfx_tree_mode(plan->tree, &entry) | 0600u))
        error = sfx_os_set_mode_at(plan->tree->directory, path, sfx_tree_file_mode(plan->tree, &entry));
    return error ? fail_at(plan, error, path, fault) : SFX_OK;
}

/* Files that span blocks, before (FINISH false) and after; empty ones before. */
static enum sfx_error special_files(const struct plan *plan, bool finish, struct sfx_fault *fault)
{
    struct writer writer = {.rendering = sfx_rendering_new()};
    enum sfx_error error = writer.rendering ? SFX_OK : no_memory(fault);
    for (uint32_t i = 0; !error && i < plan->index->header.content_count; i++) {
        uint64_t size = plan->index->content_start[i + 1] - plan->index->content_start[i];
        struct piece empty = {.content = i, .data = (const uint8_t *)"", .whole = true};
        if (size == 0 && !finish)
            error = write_piece(plan, &writer, &empty, fault);
        if (size == 0 || !spans_blocks(plan, i))
            continue;
        for (uint32_t j = plan->first[i]; !error && j < plan->first[i + 1]; j++)
            error = finish ? finish_large(plan, plan->files[j], fault) : make_large(plan, plan->files[j], size, fault);
    }
    sfx_rendering_free(writer.rendering);
    return error;
}

/* All blocks of lower levels; they come before. */
static uint32_t blocks_before_level(void *context, uint32_t at)
{
    const struct plan *plan = context;
    uint8_t level = sfx_index_block(plan->index, at).level;
    uint32_t low = 0;
    uint32_t high = at;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sfx_index_block(plan->index, middle).level < level)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void report_progress(void *context)
{
    struct plan *plan = context;
    plan->extraction->progress(plan->extraction->context, plan->done, plan->total);
}

static enum sfx_error run(struct plan *plan, struct sfx_fault *fault)
{
    const struct sfx_extraction *extraction = plan->extraction;
    enum sfx_error error = sort_files(plan, fault);
    if (!error)
        error = sfx_finals_open(plan->index, plan->tree->directory, plan->tree->time_step, &plan->finals, fault);
    if (!error)
        error = sfx_growths_open(plan->index, plan->tree->prefix, &plan->growths, fault);
    if (error)
        return error;
    plan->sources = sfx_finals_sources(plan->finals);
    struct sfx_work work = {
        .count = plan->index->header.block_count,
        .workers = sfx_extract_workers(extraction->artifact, extraction->jobs),
        .context = plan,
        .enter = enter,
        .leave = leave,
        .run = write_block,
        .after = blocks_before_level,
        .tick = extraction->progress ? report_progress : NULL,
    };
    error = special_files(plan, false, fault);
    if (!error)
        error = sfx_pool_run(&work, fault);
    return error ? error : special_files(plan, true, fault);
}

enum sfx_error sfx_extract(const struct sfx_extraction *extraction, struct sfx_fault *fault)
{
    const struct sfx_index *index = &extraction->artifact->index;
    struct plan plan = {.extraction = extraction, .index = index, .tree = extraction->tree};
    plan.total = index->block_start[index->header.block_count];
    enum sfx_error error = run(&plan, fault);
    sfx_finals_close(&plan.finals);
    sfx_growths_close(plan.growths);
    free(plan.first);
    free(plan.files);
    return error;
}
