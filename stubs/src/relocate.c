#include "relocate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "prefix.h"
#include "rendering.h"
#include "shebang.h"
#include "value.h"


static enum sfx_error fail_site(struct sfx_fault *fault, uint32_t at, const char *reason)
{
    return sfx_fail_format(fault, SFX_VERDICT_BAD_SITE, "site %" PRIu32 " %s", at, reason);
}

/* The first SIZE bytes of a span, with the prefix at each hit of site AT. */
static void splice(const struct sfx_job *job, uint32_t at, const uint8_t *span, size_t size, struct sfx_bytes prefix)
{
    size_t done = 0;
    for (uint32_t i = job->index->site_hit[at]; i < job->index->site_hit[at + 1]; i++) {
        size_t hit = sfx_index_hit(job->index, i);
        sfx_rendering_add(job->rendering, span + done, hit - done);
        sfx_rendering_add(job->rendering, prefix.data, prefix.size);
        done = hit;
    }
    sfx_rendering_add(job->rendering, span + done, size - done);
}

static enum sfx_error render_cstring(const struct sfx_job *job, uint32_t at, const struct sfx_site *site,
                                     const uint8_t *span, struct sfx_bytes prefix)
{
    uint64_t cut = (uint64_t)site->hit_count * prefix.size;
    uint32_t last_hit = sfx_index_hit(job->index, job->index->site_hit[at + 1] - 1);
    if (cut > site->span - last_hit || !sfx_all_zero(span + (site->span - cut), (size_t)cut))
        return fail_site(job->fault, at, "has no room for the prefix");
    splice(job, at, span, (size_t)(site->span - cut), prefix);
    return SFX_OK;
}

static void render_pyc(const struct sfx_job *job, uint32_t at, const struct sfx_site *site, const uint8_t *span,
                       struct sfx_bytes prefix)
{
    uint8_t header[SFX_PYC_HEADER_MAX];
    size_t size = sfx_pyc_header(site, prefix, job->prefix->is_ascii, header);
    uint8_t *place = sfx_rendering_reserve(job->rendering, size);
    if (place == NULL)
        return;
    memcpy(place, header, size);
    splice(job, at, span, site->span, prefix);
}

static void add_copy(const struct sfx_job *job, const uint8_t *data, size_t size)
{
    uint8_t *place = sfx_rendering_reserve(job->rendering, size);
    if (place != NULL && size != 0)
        memcpy(place, data, size);
}

static enum sfx_error render_shebang(const struct sfx_job *job, uint32_t at, const struct sfx_site *site,
                                     const uint8_t *span)
{
    const struct sfx_shebang shebang = {job->index, job->prefix, *site, job->index->site_hit[at]};
    SFX_BUFFER text = {0};
    /* `verify` goes by the line in the index, so that one must be the content's. */
    if (memcmp(span, sfx_shebang_line(&shebang).data, site->span) != 0)
        return fail_site(job->fault, at, "has another line than its content");
    sfx_shebang_render(&shebang, &text);
    if (text.has_failed)
        return sfx_fail(job->fault, SFX_ERROR_MEMORY, "no memory for the first line of a script");
    add_copy(job, text.data, text.size);
    return SFX_OK;
}

static enum sfx_error render_slash(const struct sfx_job *job, uint32_t at, const struct sfx_site *site,
                                   const uint8_t *span, struct sfx_bytes prefix)
{
    /* The way back gives zeros. */
    if (!sfx_all_zero(span, site->span))
        return fail_site(job->fault, at, "has other content than zeros");
    uint8_t *place = sfx_rendering_reserve(job->rendering, site->span);
    if (place != NULL && !sfx_slash(site, prefix, job->prefix->is_windows, place))
        return fail_site(job->fault, at, "has no room for the prefix");
    return SFX_OK;
}

static enum sfx_error render_derived(const struct sfx_job *job, const struct sfx_site *site)
{
    struct sfx_derived_value value;
    enum sfx_error error = sfx_derive(site, job->sources, job->key, &value, job->fault);
    if (error == SFX_OK)
        add_copy(job, value.bytes, value.size);
    return error;
}

enum sfx_error sfx_render_site(const struct sfx_job *job, uint32_t at, const struct sfx_site *site, const uint8_t *span)
{
    if (site->strategy == SFX_STRATEGY_DERIVED)
        return render_derived(job, site);
    struct sfx_bytes prefix;
    enum sfx_error error = sfx_prefix_at(job->prefix, site, &prefix, job->fault);
    if (error != SFX_OK)
        return error;
    switch ((enum sfx_strategy)site->strategy) {
    case SFX_STRATEGY_TEXT:
        splice(job, at, span, site->span, prefix);
        break;
    case SFX_STRATEGY_SHEBANG:
        return render_shebang(job, at, site, span);
    case SFX_STRATEGY_CSTRING:
        return render_cstring(job, at, site, span, prefix);
    case SFX_STRATEGY_SLASH:
        return render_slash(job, at, site, span, prefix);
    case SFX_STRATEGY_PYC:
        render_pyc(job, at, site, span, prefix);
        break;
    case SFX_STRATEGY_DERIVED:
        break;      /* above */
    }
    return SFX_OK;
}

/* First site of ENTRY whose offset is not before OFFSET. */
static uint32_t find_site(const struct sfx_index *index, uint32_t entry, uint64_t offset)
{
    uint32_t low = index->entry_site[entry];
    uint32_t high = index->entry_site[entry + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sfx_index_site(index, middle).offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum sfx_error render_piece(const struct sfx_job *job, uint32_t entry, const uint8_t *neutral, uint64_t start,
                                   size_t size)
{
    uint64_t content_size = sfx_index_content(job->index, sfx_index_entry(job->index, entry).target).size;
    uint64_t end = start + size;
    size_t done = 0;
    for (uint32_t i = find_site(job->index, entry, start); i < job->index->entry_site[entry + 1]; i++) {
        struct sfx_site site = sfx_index_site(job->index, i);
        /* A splice at a cut belongs to what follows it, at the end of the content to the last piece. */
        if (site.offset > end || (site.offset == end && end != content_size))
            break;
        if (site.span > end - site.offset)
            return fail_site(job->fault, i, "is not inside the piece");
        size_t at = (size_t)(site.offset - start);
        sfx_rendering_add(job->rendering, neutral + done, at - done);
        enum sfx_error error = sfx_render_site(job, i, &site, neutral + at);
        if (error != SFX_OK)
            return error;
        done = at + site.span;
    }
    sfx_rendering_add(job->rendering, neutral + done, size - done);
    return SFX_OK;
}

enum sfx_error sfx_render(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                          const struct sfx_sources *sources, const uint8_t *neutral, uint64_t start, size_t size,
                          struct sfx_rendering *rendering, struct sfx_fault *fault)
{
    static const uint8_t nothing[1];
    if (neutral == NULL)
        neutral = nothing;
    const struct sfx_job job = {
        .index = index,
        .prefix = sfx_prefix_of(prefix, entry),
        .sources = sources,
        .rendering = rendering,
        .key = start == 0 && size >= 4 ? sfx_le32(neutral) : 0,
        .fault = fault,
    };
    sfx_rendering_reset(rendering);
    enum sfx_error error = render_piece(&job, entry, neutral, start, size);
    if (error == SFX_OK && sfx_rendering_has_failed(rendering))
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory to relocate a file");
    return error;
}

static int64_t site_growth(const struct sfx_index *index, uint32_t at, const struct sfx_prefix *prefix)
{
    struct sfx_site site = sfx_index_site(index, at);
    struct sfx_bytes spelling;
    struct sfx_fault ignored;      /* rendering the same site says it */
    if (site.strategy != SFX_STRATEGY_TEXT && site.strategy != SFX_STRATEGY_PYC)
        return 0;
    if (sfx_prefix_at(prefix, &site, &spelling, &ignored) != SFX_OK)
        return 0;
    int64_t growth = (int64_t)site.hit_count * (int64_t)spelling.size;
    uint8_t header[SFX_PYC_HEADER_MAX];
    if (site.strategy == SFX_STRATEGY_PYC)
        growth += (int64_t)sfx_pyc_header(&site, spelling, prefix->is_ascii, header);
    return growth;
}

int64_t sfx_growth(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix)
{
    const struct sfx_prefix *own = sfx_prefix_of(prefix, entry);
    int64_t growth = 0;      /* an index has fewer than 2**28 hits of at most 2**14 bytes */
    for (uint32_t i = index->entry_site[entry]; i < index->entry_site[entry + 1]; i++)
        growth += site_growth(index, i, own);
    return growth;
}

struct sfx_growths {
    const struct sfx_index *index;
    int64_t before[];        /* site_count + 1: growth at all sites of the index before each */
};

enum sfx_error sfx_growths_open(const struct sfx_index *index, const struct sfx_prefix *prefix,
                                struct sfx_growths **ret_growths, struct sfx_fault *fault)
{
    const size_t count = index->header.site_count;
    struct sfx_growths *growths = NULL;
    if (count < (SIZE_MAX - sizeof *growths) / sizeof growths->before[0])
        growths = malloc(sizeof *growths + (count + 1) * sizeof growths->before[0]);
    *ret_growths = growths;
    if (growths == NULL)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory to place the pieces of files");
    growths->index = index;
    growths->before[0] = 0;
    for (uint32_t entry = 0; entry < index->header.entry_count; entry++) {
        const struct sfx_prefix *own = sfx_prefix_of(prefix, entry);
        for (uint32_t i = index->entry_site[entry]; i < index->entry_site[entry + 1]; i++)
            growths->before[i + 1] = growths->before[i] + site_growth(index, i, own);
    }
    return SFX_OK;
}

void sfx_growths_close(struct sfx_growths *growths)
{
    free(growths);
}

int64_t sfx_growths_before(const struct sfx_growths *growths, uint32_t entry, uint64_t offset)
{
    uint32_t site = find_site(growths->index, entry, offset);
    return growths->before[site] - growths->before[growths->index->entry_site[entry]];
}

static enum sfx_error fail_link(struct sfx_fault *fault)
{
    return sfx_fail(fault, SFX_ERROR_LONG, "the text of a link would be longer than %u bytes", SFX_MAX_PATH);
}

/* A link's text and what is appended to it; links are small, so this is a copy and not segments. */
static enum sfx_error add_link(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                               struct sfx_buffer *text, struct sfx_fault *fault)
{
    struct sfx_bytes neutral = sfx_index_string(index, sfx_index_entry(index, entry).link);
    size_t done = 0;
    for (uint32_t i = index->entry_site[entry]; i < index->entry_site[entry + 1]; i++) {
        struct sfx_site site = sfx_index_site(index, i);
        struct sfx_bytes spelling;
        enum sfx_error error = sfx_prefix_at(prefix, &site, &spelling, fault);
        if (error != SFX_OK)
            return error;
        for (uint32_t j = index->site_hit[i]; j < index->site_hit[i + 1]; j++) {
            size_t hit = (size_t)site.offset + sfx_index_hit(index, j);
            sfx_buffer_add(text, neutral.data + done, hit - done);
            sfx_buffer_add(text, spelling.data, spelling.size);
            done = hit;
            if (text->size > SFX_MAX_PATH)      /* an index may ask for terabytes */
                return fail_link(fault);
        }
    }
    sfx_buffer_add(text, neutral.data + done, neutral.size - done);
    if (text->size > SFX_MAX_PATH)
        return fail_link(fault);
    sfx_buffer_add(text, "", 1);
    return SFX_OK;
}

enum sfx_error sfx_render_link(const struct sfx_index *index, uint32_t entry, const struct sfx_prefix *prefix,
                               char **ret_text, struct sfx_fault *fault)
{
    *ret_text = NULL;
    SFX_BUFFER text = {0};
    enum sfx_error error = add_link(index, entry, sfx_prefix_of(prefix, entry), &text, fault);
    if (error != SFX_OK)
        return error;
    if (text.has_failed)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory for the text of a link");
    *ret_text = (char *)text.data;
    text.data = NULL;
    return SFX_OK;
}
