#include "reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "digest.h"
#include "frame.h"

static void freep(uint8_t **buffer)
{
    free(*buffer);
}
#define OWNED __attribute__((cleanup(freep))) uint8_t *

void reading_close(struct reading *reading)
{
    free(reading->stream);
    for (uint32_t i = 0; reading->files != NULL && i < reading->index->header.entry_count; i++)
        free(reading->files[i].data);
    free(reading->files);
    *reading = (struct reading){0};
}

/* Reads the blocks that CONTENT needs and are not there yet. */
static enum sfx_error read_blocks(const struct sfx_artifact *artifact, uint32_t content, uint32_t *block,
                                  struct reading *reading, struct sfx_fault *fault)
{
    const struct sfx_index *index = &artifact->index;
    void *context = sfx_frame_context();
    enum sfx_error error = SFX_OK;
    while (error == SFX_OK && index->block_start[*block] < index->content_start[content + 1]) {
        OWNED compressed = malloc(sfx_index_block(index, *block).size);
        error = compressed == NULL ? sfx_fail(fault, SFX_ERROR_MEMORY, "no memory") : SFX_OK;
        if (error == SFX_OK)
            error = sfx_artifact_block(artifact, *block, context, compressed,
                                       reading->stream + index->block_start[*block], fault);
        ++*block;
    }
    sfx_frame_context_free(context);
    return error;
}

enum sfx_error reading_check(const struct sfx_artifact *artifact, uint64_t limit, struct reading *ret_reading,
                             struct sfx_fault *fault)
{
    const struct sfx_index *index = &artifact->index;
    uint64_t size = index->block_start[index->header.block_count];
    *ret_reading = (struct reading){.index = index};
    if (size > limit || (ret_reading->stream = malloc((size_t)size + 1)) == NULL)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "too large for this test");
    uint32_t block = 0;
    for (uint32_t i = 0; i < index->header.content_count; i++) {
        enum sfx_error error = read_blocks(artifact, i, &block, ret_reading, fault);
        if (error != SFX_OK)
            return error;
        struct sfx_content content = sfx_index_content(index, i);
        uint8_t digest[SFX_DIGEST_SIZE];
        sfx_digest(ret_reading->stream + index->content_start[i], (size_t)content.size, digest);
        if (memcmp(digest, content.digest, sizeof digest) != 0)
            return sfx_fail_format(fault, SFX_VERDICT_BAD_CONTENT_DIGEST, "content %" PRIu32, i);
    }
    return SFX_OK;
}

static enum sfx_error final_of(void *context, uint32_t target, bool want_sha256, struct sfx_final *ret_final,
                               struct sfx_fault *fault)
{
    const struct reading *reading = context;
    const struct rendered *file = &reading->files[target];
    (void)fault;
    *ret_final = (struct sfx_final){
        .size = file->size,
        .mtime = sfx_index_entry(reading->index, target).mtime,
        .has_sha256 = want_sha256,
    };
    struct sfx_sha256 hash;
    sfx_sha256_start(&hash);
    sfx_sha256_add(&hash, file->data, file->size);
    sfx_sha256_end(&hash, ret_final->sha256);
    return SFX_OK;
}

static enum sfx_error siphash_of(void *context, uint32_t target, int rounds, uint32_t key, uint64_t *ret_hash,
                                 struct sfx_fault *fault)
{
    const struct reading *reading = context;
    struct sfx_siphash hash;
    (void)fault;
    sfx_siphash_start(&hash, rounds, key, 0);
    sfx_siphash_add(&hash, reading->files[target].data, reading->files[target].size);
    *ret_hash = sfx_siphash_end(&hash);
    return SFX_OK;
}

struct sfx_sources reading_sources(struct reading *reading)
{
    return (struct sfx_sources){final_of, siphash_of, reading};
}

static enum sfx_error join(const struct sfx_rendering *rendering, struct rendered *ret_file, struct sfx_fault *fault)
{
    size_t count = 0;
    uint64_t size = 0;
    const struct sfx_segment *segments = sfx_rendering_segments(rendering, &count, &size);
    ret_file->data = size < ((uint64_t)1 << 28) ? malloc((size_t)size + 1) : NULL;
    if (ret_file->data == NULL)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "too large for this test");
    for (size_t i = 0; i < count; i++) {
        memcpy(ret_file->data + ret_file->size, segments[i].data, segments[i].size);
        ret_file->size += segments[i].size;
    }
    return SFX_OK;
}

struct comparison {
    const uint8_t *data;
    size_t left;
    bool is_equal;
};

static enum sfx_error compare(void *context, const uint8_t *data, size_t size, struct sfx_fault *fault)
{
    struct comparison *comparison = context;
    (void)fault;
    comparison->is_equal = comparison->is_equal && size <= comparison->left
        && memcmp(comparison->data, data, size) == 0;
    if (comparison->is_equal) {
        comparison->data += size;
        comparison->left -= size;
    }
    return SFX_OK;
}

static enum sfx_error check_way_back(const struct reading *reading, uint32_t entry, const struct sfx_prefix *prefix,
                                     const struct sfx_sources *sources, struct sfx_fault *fault)
{
    const struct sfx_index *index = reading->index;
    uint32_t content = sfx_index_entry(index, entry).target;
    struct comparison comparison = {
        .data = reading->stream + index->content_start[content],
        .left = (size_t)sfx_index_content(index, content).size,
        .is_equal = true,
    };
    bool matches = false;
    enum sfx_error error = sfx_neutralise(index, entry, prefix, sources, reading->files[entry].data,
                                          reading->files[entry].size, compare, &comparison, &matches, fault);
    bool is_back = matches && comparison.is_equal && comparison.left == 0;
    if (error == SFX_OK && !is_back) {
        fprintf(stderr, "entry %" PRIu32 ": neutralising does not give the content back\n", entry);
        abort();
    }
    return error;
}

static void fail_pieces(uint32_t entry)
{
    fprintf(stderr, "entry %" PRIu32 ": its pieces are not the whole\n", entry);
    abort();
}

/* What the installer does with a content of several blocks: each piece alone, at the place that its growth gives. */
static enum sfx_error check_pieces(const struct reading *reading, uint32_t entry, const struct sfx_prefix *prefix,
                                   const struct sfx_growths *growths, struct sfx_rendering *rendering,
                                   struct sfx_fault *fault)
{
    const struct sfx_index *index = reading->index;
    uint32_t content = sfx_index_entry(index, entry).target;
    uint64_t start = index->content_start[content];
    uint64_t end = index->content_start[content + 1];
    if (start == end || index->block_start[sfx_index_block_of(index, start) + 1] >= end)
        return SFX_OK;
    const struct rendered *whole = &reading->files[entry];
    for (uint64_t at = start; at < end;) {
        uint64_t next = index->block_start[sfx_index_block_of(index, at) + 1];
        size_t size = (size_t)((next < end ? next : end) - at);
        struct rendered piece = {0};
        enum sfx_error error = sfx_render(index, entry, prefix, NULL, reading->stream + at, at - start, size, rendering,
                                          fault);
        if (error == SFX_OK)
            error = join(rendering, &piece, fault);
        if (error != SFX_OK)
            return error;
        uint64_t place = at - start + (uint64_t)sfx_growths_before(growths, entry, at - start);
        if (place > whole->size || piece.size > whole->size - place
            || memcmp(whole->data + place, piece.data, piece.size) != 0)
            fail_pieces(entry);
        if (at + size == end && place + piece.size != whole->size)
            fail_pieces(entry);
        free(piece.data);
        at += size;
    }
    return SFX_OK;
}

enum sfx_error reading_render(struct reading *reading, const struct sfx_prefix *prefix, struct sfx_fault *fault)
{
    const struct sfx_index *index = reading->index;
    const struct sfx_sources sources = reading_sources(reading);
    struct sfx_rendering *rendering = sfx_rendering_new();
    struct sfx_growths *growths = NULL;
    reading->files = calloc((size_t)index->header.entry_count + 1, sizeof *reading->files);
    enum sfx_error error = rendering == NULL || reading->files == NULL
        ? sfx_fail(fault, SFX_ERROR_MEMORY, "no memory") : sfx_growths_open(index, prefix, &growths, fault);
    for (uint8_t level = 0; error == SFX_OK && level <= SFX_MAX_LEVEL; level++) {
        for (uint32_t i = 0; error == SFX_OK && i < index->header.entry_count; i++) {
            struct sfx_entry entry = sfx_index_entry(index, i);
            if (entry.kind != SFX_ENTRY_KIND_FILE || sfx_index_content_level(index, entry.target) != level)
                continue;
            error = sfx_render(index, i, prefix, &sources, reading->stream + index->content_start[entry.target], 0,
                               (size_t)sfx_index_content(index, entry.target).size, rendering, fault);
            if (error == SFX_OK)
                error = join(rendering, &reading->files[i], fault);
            if (error == SFX_OK)
                error = check_way_back(reading, i, prefix, &sources, fault);
            if (error == SFX_OK)
                error = check_pieces(reading, i, prefix, growths, rendering, fault);
        }
    }
    sfx_growths_close(growths);
    sfx_rendering_free(rendering);
    return error;
}

static void put_hex(const uint8_t digest[32], char hex[65])
{
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned)digest[i]);
}

static void list_file(const struct reading *reading, uint32_t at, struct sfx_blake2b *listing)
{
    struct sfx_entry entry = sfx_index_entry(reading->index, at);
    uint32_t file = entry.kind == SFX_ENTRY_KIND_HARD_LINK ? entry.target : at;
    struct sfx_final final;
    struct sfx_fault fault;
    (void)final_of((void *)(uintptr_t)reading, file, true, &final, &fault);
    char hex[65];
    char text[160];
    put_hex(final.sha256, hex);
    int size = snprintf(text, sizeof text, "f %04o %" PRIu64 " %s ",
                        (unsigned)sfx_index_entry(reading->index, file).mode, final.size, hex);
    sfx_blake2b_add(listing, text, (size_t)size);
}

static enum sfx_error list_entry(const struct reading *reading, uint32_t at, const struct sfx_prefix *prefix,
                                 struct sfx_blake2b *listing, struct sfx_fault *fault)
{
    struct sfx_entry entry = sfx_index_entry(reading->index, at);
    struct sfx_bytes path = sfx_index_string(reading->index, entry.path);
    if (entry.kind == SFX_ENTRY_KIND_DIRECTORY) {
        char text[32];
        int size = snprintf(text, sizeof text, "d %04o - - ", (unsigned)entry.mode);
        sfx_blake2b_add(listing, text, (size_t)size);
    } else if (entry.kind == SFX_ENTRY_KIND_LINK) {
        char *link = NULL;
        enum sfx_error error = sfx_render_link(reading->index, at, prefix, &link, fault);
        if (error != SFX_OK)
            return error;
        sfx_blake2b_add(listing, "l - - ", 6);
        sfx_blake2b_add(listing, link, strlen(link));
        sfx_blake2b_add(listing, " ", 1);
        free(link);
    } else {
        list_file(reading, at, listing);
    }
    sfx_blake2b_add(listing, path.data, path.size);
    sfx_blake2b_add(listing, "\n", 1);
    return SFX_OK;
}

enum sfx_error reading_list(const struct reading *reading, const struct sfx_prefix *prefix, char ret_hex[65],
                            struct sfx_fault *fault)
{
    struct sfx_blake2b listing;
    sfx_blake2b_start(&listing);
    for (uint32_t i = 0; i < reading->index->header.entry_count; i++) {
        enum sfx_error error = list_entry(reading, i, prefix, &listing, fault);
        if (error != SFX_OK)
            return error;
    }
    uint8_t digest[SFX_DIGEST_SIZE];
    sfx_blake2b_end(&listing, digest);
    put_hex(digest, ret_hex);
    return SFX_OK;
}
