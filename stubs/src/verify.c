/* Every digest of a file; every entry of an installation. See verify.h. */
#include "verify.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "digest.h"
#include "extract.h"
#include "installed.h"
#include "os.h"
#include "pool.h"
#include "progress.h"
#include "relocation.h"

/* ---- A file ---- */

/* A run: blocks that a content joins, the smallest part of a file whose contents can be digested without another part. */
struct audit {
    const struct sfx_artifact *artifact;
    const struct sfx_index *index;
    struct sfx_progress progress;
    uint32_t *runs;                      /* first block of each, and the end */
    uint32_t count;
    uint64_t total;
    _Atomic uint64_t done;
};

static enum sfx_error find_runs(struct audit *audit, struct sfx_fault *fault)
{
    const struct sfx_index *index = audit->index;
    audit->runs = malloc(((size_t)index->header.block_count + 1) * sizeof *audit->runs);
    if (!audit->runs)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
    for (uint32_t i = 0; i < index->header.block_count; i++) {
        uint32_t content = sfx_content_at(index, index->block_start[i]);
        if (content == index->header.content_count || index->content_start[content] == index->block_start[i])
            audit->runs[audit->count++] = i;
    }
    audit->runs[audit->count] = index->header.block_count;
    return SFX_OK;
}

static void *enter(void *context)
{
    const struct audit *audit = context;
    struct sfx_buffers *buffers = calloc(1, sizeof *buffers);
    if (buffers && sfx_buffers_open(buffers, audit->index))
        return buffers;
    if (buffers)
        sfx_buffers_close(buffers);
    free(buffers);
    return NULL;
}

static void leave(void *worker)
{
    sfx_buffers_close(worker);
    free(worker);
}

static enum sfx_error end_content(const struct sfx_index *index, uint32_t at, struct sfx_blake2b *hash, struct sfx_fault *fault)
{
    uint8_t digest[SFX_DIGEST_SIZE];
    struct sfx_content content = sfx_index_content(index, at);
    sfx_blake2b_end(hash, digest);
    sfx_blake2b_start(hash);
    if (memcmp(digest, content.digest, sizeof digest) != 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_CONTENT_DIGEST, "content %u", at);
    return SFX_OK;
}

/* The contents in a block; CONTENT is the one that HASH is in the middle of. */
static enum sfx_error digest_block(const struct sfx_index *index, uint32_t block, const uint8_t *raw, uint32_t *content,
                                   struct sfx_blake2b *hash, struct sfx_fault *fault)
{
    uint64_t at = index->block_start[block];
    uint64_t end = index->block_start[block + 1];
    enum sfx_error error = SFX_OK;
    while (!error && at < end) {
        uint64_t stop = index->content_start[*content + 1] < end ? index->content_start[*content + 1] : end;
        sfx_blake2b_add(hash, raw + (at - index->block_start[block]), (size_t)(stop - at));
        at = stop;
        if (at == index->content_start[*content + 1])
            error = end_content(index, (*content)++, hash, fault);
        while (!error && at < end && index->content_start[*content + 1] == at)   /* empty ones in between */
            error = end_content(index, (*content)++, hash, fault);
    }
    return error;
}

static enum sfx_error audit_run(void *context, void *worker, uint32_t at, struct sfx_fault *fault)
{
    struct audit *audit = context;
    struct sfx_buffers *buffers = worker;
    struct sfx_blake2b hash;
    uint32_t content = sfx_content_at(audit->index, audit->index->block_start[audit->runs[at]]);
    enum sfx_error error = SFX_OK;
    sfx_blake2b_start(&hash);
    for (uint32_t i = audit->runs[at]; !error && i < audit->runs[at + 1]; i++) {
        error = sfx_check_interrupted(fault);
        if (!error)
            error = sfx_artifact_block(audit->artifact, i, buffers->context, buffers->compressed, buffers->raw, fault);
        if (!error)
            error = digest_block(audit->index, i, buffers->raw, &content, &hash, fault);
        audit->done += sfx_index_block(audit->index, i).raw_size;
    }
    return error;
}

static void tick(void *context)
{
    struct audit *audit = context;
    sfx_progress_show(&audit->progress, audit->done, audit->total);
}

/* Empty contents lie in no run. */
static enum sfx_error audit_empty(const struct sfx_index *index, struct sfx_fault *fault)
{
    struct sfx_blake2b hash;
    enum sfx_error error = SFX_OK;
    sfx_blake2b_start(&hash);
    for (uint32_t i = 0; !error && i < index->header.content_count; i++)
        if (index->content_start[i] == index->content_start[i + 1])
            error = end_content(index, i, &hash, fault);
    return error;
}

enum sfx_error sfx_verify_artifact(struct sfx_session *session, struct sfx_fault *fault)
{
    const struct sfx_index *index = &session->artifact.index;
    struct audit audit = {.artifact = &session->artifact, .index = index};
    char text[64];
    audit.total = index->block_start[index->header.block_count];
    enum sfx_error error = find_runs(&audit, fault);
    if (!error)
        error = audit_empty(index, fault);
    sfx_progress_start(&audit.progress, session, "verifying");
    struct sfx_work work = {
        .count = audit.count,
        .workers = sfx_extract_workers(&session->artifact, session->options.jobs),
        .context = &audit,
        .enter = enter,
        .leave = leave,
        .run = audit_run,
        .tick = tick,
    };
    if (!error)
        error = sfx_pool_run(&work, fault);
    sfx_progress_end(&audit.progress);
    free(audit.runs);
    if (!error)
        sfx_say(session, "sound: %s, %u blocks, %u contents", sfx_files_text(&session->artifact.locator, text),
                index->header.block_count, index->header.content_count);
    return error;
}

/* ---- An installation ---- */

static void free_conditions(uint8_t **conditions)
{
    free(*conditions);
}

static uint32_t list_differences(struct sfx_session *session, const struct sfx_index *index,
                                 const uint8_t *conditions, uint32_t *ret_regenerated)
{
    uint32_t differences = 0;
    *ret_regenerated = 0;
    for (uint32_t i = 0; i < index->header.entry_count; i++) {
        enum sfx_condition condition = (enum sfx_condition)conditions[i];
        struct sfx_bytes path = sfx_index_string(index, sfx_index_entry(index, i).path);
        *ret_regenerated += condition == SFX_REGENERATED;
        differences += condition > SFX_FOLLOWS;
        if (condition >= SFX_FOLLOWS)
            sfx_tell_file(session, NULL, path, sfx_condition_text(condition));
    }
    return differences;
}

/* 1 if the tree does not lie where it is rendered for, or is only in part rendered for it. */
static uint32_t check_place(struct sfx_session *session, const struct sfx_installed *installed, const char *path)
{
    struct sfx_os_stat there;
    if (sfx_os_stat(installed->root, SFX_RELOCATING, &there) == 0) {
        sfx_tell(session, "half relocated: a run of `sfx relocate` did not end; run it again");
        return 1;
    }
    if (sfx_os_stat(installed->root, SFX_UNINSTALLING, &there) == 0) {
        sfx_tell(session, "half removed: a run of `sfx uninstall` did not end; run it again");
        return 1;
    }
    if (sfx_installed_is_at(installed->root, installed->record.prefix))
        return 0;
    sfx_tell(session, "moved: made for %s, lies in %s; `sfx relocate` makes it right", installed->record.prefix, path);
    return 1;
}

enum sfx_error sfx_verify_installation(struct sfx_session *session, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int root = -1;
    __attribute__((cleanup(free_conditions))) uint8_t *conditions = NULL;
    SFX_CLEAN_STRING char *path = NULL;
    struct sfx_installed installed;
    uint32_t regenerated;
    enum sfx_error error = sfx_installed_self(&path, &root, fault);
    if (!error)
        error = sfx_installed_open(root, path, &installed, fault);
    if (error)
        return error;
    sfx_event_start(&session->events, "verify", path, &installed.record.index, installed.record.build);
    sfx_event_phase(&session->events, "verify");
    session->events.result = "sound";
    error = sfx_installed_check_all(&installed, session->options.jobs, NULL, &conditions, fault);
    if (!error) {
        const struct sfx_index *index = &installed.record.index;
        uint32_t differences = check_place(session, &installed, path);
        differences += list_differences(session, index, conditions, &regenerated);
        sfx_tell(session, "%s: %u entries, %u difference%s, %u regenerated", path, index->header.entry_count, differences,
                differences == 1 ? "" : "s", regenerated);
        if (differences > 0)
            error = sfx_fail(fault, SFX_ERROR_EXCEPTIONS, "%s", "");
        if (differences > 0)
            session->events.result = "differs";
    }
    sfx_installed_close(&installed);
    return error;
}
