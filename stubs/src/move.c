#include "move.h"

#include "digest.h"
#include "neutralise.h"
#include "rendering.h"

/* One call of sfx_move_file. */
struct mover {
    const struct sfx_move *move;
    struct sfx_job job;                  /* `key` is complete before the first site that needs it (SPEC) */
    struct sfx_blake2b hash;
    uint64_t neutral_size;
    uint8_t head[4];
    uint8_t *span;                       /* neutral bytes of the site that is being read; NULL: between sites */
    size_t span_size;
    struct sfx_fault fault;              /* of a site that cannot be rendered: of no matter unless the content is the right one */
};

static enum sfx_error take(void *context, const uint8_t *data, size_t size, struct sfx_fault *fault)
{
    struct mover *mover = context;
    (void)fault;
    for (size_t i = 0; i < size && mover->neutral_size + i < sizeof mover->head; i++)
        mover->head[mover->neutral_size + i] = data[i];
    mover->neutral_size += size;
    if (!mover->move->skips_digest)
        sfx_blake2b_add(&mover->hash, data, size);
    if (!mover->move->skips_digest && mover->move->drop && size == SFX_STEP)
        mover->move->drop(data, size);
    if (mover->span == NULL) {
        sfx_rendering_add(mover->job.rendering, data, size);
    } else {
        memcpy(mover->span + mover->span_size, data, size);
        mover->span_size += size;
    }
    return SFX_OK;
}

static enum sfx_error begin(void *context, const struct sfx_site *site, struct sfx_fault *fault)
{
    struct mover *mover = context;
    mover->span = sfx_rendering_room(mover->job.rendering, site->span);
    mover->span_size = 0;
    return mover->span ? SFX_OK : sfx_fail(fault, SFX_ERROR_MEMORY, "no memory to relocate a file");
}

static enum sfx_error end(void *context, uint32_t at, const struct sfx_site *site, struct sfx_bytes installed,
                          struct sfx_fault *fault)
{
    struct mover *mover = context;
    const uint8_t *span = mover->span;
    mover->span = NULL;
    mover->job.key = sfx_le32(mover->head);
    mover->job.fault = fault;
    if (site->strategy == SFX_STRATEGY_DERIVED && !mover->move->knows(mover->job.sources->context, site->target)) {
        sfx_rendering_add(mover->job.rendering, installed.data, installed.size);
        return SFX_OK;
    }
    enum sfx_error error = sfx_render_site(&mover->job, at, site, span);
    if (error != SFX_ERROR_FORMAT)
        return error;
    mover->fault = *fault;
    return SFX_OK;
}

enum sfx_error sfx_move_file(const struct sfx_move *move, uint32_t entry, struct sfx_bytes installed,
                             struct sfx_rendering *rendering, bool *ret_matches, struct sfx_fault *fault)
{
    uint8_t digest[SFX_DIGEST_SIZE];
    struct mover mover = {
        .move = move,
        .job = {.index = move->index, .prefix = sfx_prefix_of(move->to, entry), .sources = move->sources, .rendering = rendering},
    };
    const struct sfx_reading reading = {take, &mover, true, begin, end};
    sfx_rendering_reset(rendering);
    sfx_blake2b_start(&mover.hash);
    enum sfx_error error = sfx_read_back(move->index, entry, move->from, NULL, installed, &reading, ret_matches, fault);
    sfx_blake2b_end(&mover.hash, digest);
    if (error != SFX_OK)
        return error;
    struct sfx_content content = sfx_index_content(move->index, sfx_index_entry(move->index, entry).target);
    *ret_matches = *ret_matches && (move->skips_digest || memcmp(digest, content.digest, sizeof digest) == 0);
    if (!*ret_matches)
        return SFX_OK;
    if (sfx_rendering_has_failed(rendering))
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory to relocate a file");
    *fault = mover.fault;
    return fault->error;
}
