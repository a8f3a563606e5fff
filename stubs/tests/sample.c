#include "sample.h"

#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "digest.h"

#define NAMES "ab"       /* of the two files; the product has the first one's */
#define NAMES_SIZE 2u

static void put(struct sfx_buffer *out, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        sfx_buffer_add(out, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

static void put_zeros(struct sfx_buffer *out, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        put(out, 0, 1);
}

static void put_block(struct sfx_buffer *out, uint64_t raw_size, uint8_t level)
{
    put(out, 1, 4);
    put(out, raw_size, 4);
    put(out, level, 1);
    put_zeros(out, 3 + 32);
}

static void put_entry(struct sfx_buffer *out, uint32_t target, uint32_t name, uint32_t site_count)
{
    put(out, SFX_ENTRY_KIND_FILE, 1);
    put(out, 0, 1);
    put(out, 0644, 2);
    put(out, target, 4);
    put(out, SAMPLE_TIME, 8);
    put(out, name, 4);
    put(out, 1, 4);
    put(out, 0, 8);
    put(out, site_count, 4);
}

static void put_site(struct sfx_buffer *out, const struct sample_site *site)
{
    put(out, site->offset, 8);
    put(out, site->span, 4);
    put(out, site->hit_count, 2);
    put(out, (uint64_t)site->strategy, 1);
    put(out, site->encoding, 1);
    put(out, site->flags, 1);
    put(out, site->detail, 1);
    put(out, 0, 2);
    /* The file it derives from is entry 0 (SAMPLE_SOURCE); the line stands behind the names. */
    put(out, site->strategy == SFX_STRATEGY_SHEBANG ? NAMES_SIZE : 0, 4);
}

static void put_header(struct sfx_buffer *out, uint32_t blocks, uint32_t sites, uint32_t hits, uint64_t strings_size)
{
    sfx_buffer_add_text(out, SFX_INDEX_MAGIC);
    put(out, blocks, 4);
    put(out, 2, 4);
    put(out, 2, 4);
    put(out, sites, 4);
    put(out, hits, 4);
    put(out, 0, 4);
    put(out, strings_size, 4);
    put(out, 0, 8);
}

void sample_open(const struct sample *sample, struct sfx_index *ret_index)
{
    struct sfx_buffer raw = {0};
    struct sfx_fault fault = {0};
    uint32_t sites = 0;
    uint32_t hits = 0;
    while (sites < SAMPLE_SITES && sample->sites[sites].strategy != 0)
        hits += sample->sites[sites++].hit_count;
    /* A line is the start of the content. */
    uint32_t line_size = sample->sites[0].strategy == SFX_STRATEGY_SHEBANG ? sample->sites[0].span : 0;
    put_header(&raw, sample->neutral.size == 0 ? 1 : 2, sites, hits, NAMES_SIZE + line_size);
    put(&raw, 0, 4);                                 /* name */
    put(&raw, 1, 4);
    put_zeros(&raw, 7 * 8);
    put(&raw, 3 + sample->neutral.size, 8);
    put(&raw, SFX_NO_LIMIT, 4);
    put(&raw, SFX_NO_ENTRY, 4);
    put_block(&raw, 3, 0);
    if (sample->neutral.size != 0)
        put_block(&raw, sample->neutral.size, 1);
    put(&raw, 3, 8);
    put_zeros(&raw, 32);
    put(&raw, sample->neutral.size, 8);
    uint8_t digest[SFX_DIGEST_SIZE];
    sfx_digest(sample->neutral.data, sample->neutral.size, digest);
    sfx_buffer_add(&raw, digest, sizeof digest);
    put_entry(&raw, 0, 0, 0);
    put_entry(&raw, 1, 1, sites);
    for (uint32_t i = 0; i < sites; i++)
        put_site(&raw, &sample->sites[i]);
    for (uint32_t i = 0; i < sites; i++)
        for (uint32_t j = 0; j < sample->sites[i].hit_count; j++)
            put(&raw, sample->sites[i].hits[j], 4);
    sfx_buffer_add_text(&raw, NAMES);
    sfx_buffer_add(&raw, sample->neutral.data, line_size);
    uint16_t platform = sample->platform != 0 ? sample->platform : SFX_PLATFORM_LINUX_X86_64;
    if (raw.has_failed
        || sfx_index_open(raw.data, raw.size, platform, UINT64_MAX, ret_index, &fault) != SFX_OK) {
        fprintf(stderr, "%s: the sample is not sound: %s\n", sample->name, fault.message);
        abort();
    }
}
