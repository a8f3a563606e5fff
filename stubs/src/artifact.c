#include "artifact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "digest.h"
#include "frame.h"
#include "number.h"
#include "os.h"
#include "pe.h"
#include "text.h"

#define FRAME_KEPT ((uint64_t)8 << 20)    /* a compressed index up to this size is not read again */

static void freep(uint8_t **buffer)
{
    free(*buffer);
}
#define OWNED __attribute__((cleanup(freep))) uint8_t *

/* Buffer for SIZE bytes from the file; 0 bytes too give one. */
static enum sfx_error allocate(uint64_t size, uint8_t **ret_buffer, struct sfx_fault *fault)
{
    *ret_buffer = size < SIZE_MAX ? malloc((size_t)size + 1) : NULL;
    if (*ret_buffer == NULL)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory for %" PRIu64 " bytes of the file", size);
    return SFX_OK;
}

static bool has_digest(const void *data, size_t size, const uint8_t digest[SFX_DIGEST_SIZE])
{
    uint8_t found[SFX_DIGEST_SIZE];
    sfx_digest(data, size, found);
    return memcmp(found, digest, sizeof found) == 0;
}

/* Compressed and decompressed. */
static bool is_index_size(uint64_t size, uint64_t raw_size)
{
    return size >= 1 && size <= SFX_MAX_INDEX_SIZE && raw_size >= 1 && raw_size <= SFX_MAX_INDEX_RAW;
}

static enum sfx_error check_extents(const struct sfx_locator *locator, uint64_t at, struct sfx_fault *fault)
{
    uint64_t largest_header = sfx_platform_is_windows(locator->platform) ? 0 : SFX_MAX_HEADER;
    if (locator->stub_offset % SFX_ALIGNMENT != 0 || locator->stub_offset > largest_header)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "stub at %" PRIu64, locator->stub_offset);
    if (locator->stub_size < 1 || locator->stub_size > SFX_MAX_STUB)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "stub of %" PRIu64 " bytes", locator->stub_size);
    /* Both are small now. */
    uint64_t stub_end = locator->stub_offset + locator->stub_size;
    uint64_t aligned = (stub_end + SFX_ALIGNMENT - 1) / SFX_ALIGNMENT * SFX_ALIGNMENT;
    if (locator->locator_offset != at || at != aligned)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "locator at %" PRIu64, locator->locator_offset);
    if (locator->index_offset < at + SFX_LOCATOR_SIZE)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "index at %" PRIu64, locator->index_offset);
    if (!is_index_size(locator->index_size, locator->index_raw_size))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "index of %" PRIu64 " bytes", locator->index_size);
    uint64_t end = 0;
    if (!sfx_add(locator->index_offset, locator->index_size, &end) || locator->total_size != end || end > INT64_MAX)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "%" PRIu64 " bytes", locator->total_size);
    return SFX_OK;
}

static bool are_parts_sound(const struct sfx_locator *locator)
{
    if (locator->part_count == 0)
        return locator->first_size == 0 && locator->part_size == 0;
    if (locator->part_count > SFX_MAX_PARTS || locator->first_size < locator->locator_offset + SFX_LOCATOR_SIZE ||
        locator->first_size >= locator->total_size || locator->part_size == 0)
        return false;
    uint64_t rest = locator->total_size - locator->first_size;
    return (rest - 1) / locator->part_size + 1 == locator->part_count;
}

/* RECORD was found at AT. */
static enum sfx_error check_locator(const uint8_t record[SFX_LOCATOR_SIZE], uint64_t at, struct sfx_locator *ret_locator,
                                    struct sfx_fault *fault)
{
    sfx_read_locator(record, ret_locator);
    const struct sfx_locator *locator = ret_locator;
    if (memcmp(locator->magic, SFX_MAGIC, sizeof locator->magic) != 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_MAGIC, "offset %" PRIu64, at);
    if (locator->version != SFX_VERSION)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_VERSION, "version %u", (unsigned)locator->version);
    if (!has_digest(record, SFX_LOCATOR_DIGEST_OFFSET, locator->digest))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_LOCATOR_DIGEST, "offset %" PRIu64, at);
    if (sfx_platform_label(locator->platform) == NULL)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_PLATFORM, "platform %u", (unsigned)locator->platform);
    if (locator->must_understand != 0 || !locator->reserved_is_zero)
        return sfx_fail_format(fault, SFX_VERDICT_UNKNOWN_FEATURE, "locator");
    enum sfx_error error = check_extents(locator, at, fault);
    if (error != SFX_OK)
        return error;
    if (!are_parts_sound(locator))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "%" PRIu32 " parts", locator->part_count);
    return SFX_OK;
}

static size_t head_size(const struct sfx_locator *locator)
{
    return locator->stub_size < SFX_PE_HEAD ? (size_t)locator->stub_size : SFX_PE_HEAD;
}

/* Of a .exe, whose stream ends at END of FILE_SIZE bytes: where the file must end, with its certificate table or the padding of one. */
static enum sfx_error find_end(const struct sfx_artifact *artifact, uint64_t end, uint64_t file_size, uint64_t *ret_size,
                               struct sfx_fault *fault)
{
    uint8_t head[SFX_PE_HEAD];
    struct sfx_pe pe;
    size_t size = head_size(&artifact->locator);
    enum sfx_error error = sfx_parts_read(&artifact->parts, head, size, 0, fault);
    if (!error)
        error = sfx_pe_read(head, size, &pe, fault);
    if (error)
        return error;
    uint64_t padded = (end + SFX_PE_CERTIFICATE_ALIGNMENT - 1) / SFX_PE_CERTIFICATE_ALIGNMENT * SFX_PE_CERTIFICATE_ALIGNMENT;
    if (pe.certificate_offset == 0 && pe.certificate_size == 0) {
        *ret_size = file_size == padded ? padded : end;
        return SFX_OK;
    }
    if (pe.certificate_offset != padded || pe.certificate_size == 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "certificate table at %" PRIu32, pe.certificate_offset);
    *ret_size = padded + pe.certificate_size;
    return SFX_OK;
}

static enum sfx_error check_padding(const struct sfx_artifact *artifact, uint64_t end, struct sfx_fault *fault)
{
    uint8_t padding[SFX_PE_CERTIFICATE_ALIGNMENT];
    size_t size = (size_t)(-end % SFX_PE_CERTIFICATE_ALIGNMENT);
    enum sfx_error error = sfx_os_pread(artifact->parts.files[0], padding, size, end, fault);
    for (size_t i = 0; !error && i < size; i++)
        if (padding[i])
            error = sfx_fail_format(fault, SFX_VERDICT_TRAILING_BYTES, "padding at the end");
    return error;
}

static enum sfx_error check_size(const struct sfx_artifact *artifact, uint64_t file_size, struct sfx_fault *fault)
{
    const struct sfx_locator *locator = &artifact->locator;
    uint64_t end = locator->part_count > 0 ? locator->first_size : locator->total_size;
    uint64_t size = end;
    enum sfx_error error = sfx_platform_is_windows(locator->platform) ? find_end(artifact, end, file_size, &size, fault) : SFX_OK;
    if (error)
        return error;
    if (size > file_size)
        return sfx_fail_format(fault, SFX_VERDICT_TRUNCATED, "%" PRIu64 " of %" PRIu64 " bytes", file_size, size);
    if (size < file_size)
        return sfx_fail_format(fault, SFX_VERDICT_TRAILING_BYTES, "%" PRIu64 " bytes too many", file_size - size);
    return size > end ? check_padding(artifact, end, fault) : SFX_OK;
}

/* What a signature changed in the stub is taken back; what is installed of it is a program of the console. */
static enum sfx_error check_program(struct sfx_artifact *artifact, struct sfx_fault *fault)
{
    struct sfx_pe pe;
    uint64_t size = artifact->locator.locator_offset;
    enum sfx_error error = sfx_pe_read(artifact->front, head_size(&artifact->locator), &pe, fault);
    if (error)
        return error;
    sfx_pe_unsign(artifact->front, &pe);
    bool is_sound = has_digest(artifact->front, (size_t)size, artifact->locator.front_digest);
    sfx_pe_set_console(artifact->front, &pe);
    return is_sound ? SFX_OK : sfx_fail_format(fault, SFX_VERDICT_BAD_FRONT_DIGEST, "%" PRIu64 " bytes", size);
}

/* Reads what it digests into memory, so that what is installed of it is what was verified. */
static enum sfx_error check_front(struct sfx_artifact *artifact, struct sfx_fault *fault)
{
    uint64_t size = artifact->locator.locator_offset;
    enum sfx_error error = allocate(size, &artifact->front, fault);
    if (error == SFX_OK)
        error = sfx_parts_read(&artifact->parts, artifact->front, (size_t)size, 0, fault);
    if (error != SFX_OK)
        return error;
    if (sfx_platform_is_windows(artifact->locator.platform))
        return check_program(artifact, fault);
    if (!has_digest(artifact->front, (size_t)size, artifact->locator.front_digest))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_FRONT_DIGEST, "%" PRIu64 " bytes", size);
    return SFX_OK;
}

/* Decompress and check FRAME, whose digest was checked. */
static enum sfx_error open_index(const uint8_t *frame, size_t size, uint64_t raw_size, uint16_t platform,
                                 uint64_t blocks_size, struct sfx_index *ret_index, struct sfx_fault *fault)
{
    if (!sfx_frame_is_plausible(frame, size, raw_size))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_INDEX_FRAME, "%zu bytes", size);
    OWNED raw = NULL;
    enum sfx_error error = allocate(raw_size, &raw, fault);
    if (error != SFX_OK)
        return error;
    void *context = sfx_frame_context();
    if (context == NULL)
        return sfx_fail(fault, SFX_ERROR_MEMORY, "no memory to decompress the index");
    bool is_sound = sfx_frame_decompress(context, frame, size, raw, (size_t)raw_size);
    sfx_frame_context_free(context);
    if (!is_sound)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_INDEX_FRAME, "%zu bytes", size);
    uint8_t *taken = raw;
    raw = NULL;
    return sfx_index_open(taken, (size_t)raw_size, platform, blocks_size, ret_index, fault);
}

/* Damaged bytes: WHAT and where they lie. */
static enum sfx_error fail_at(const struct sfx_artifact *artifact, enum sfx_verdict verdict, const char *what, size_t size,
                              uint64_t offset, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *place = sfx_parts_place(&artifact->parts, size, offset);
    return sfx_fail_format(fault, verdict, "%s %s; copy it again", what, place ? place : "");
}

static enum sfx_error check_index(struct sfx_artifact *artifact, struct sfx_fault *fault)
{
    const struct sfx_locator *locator = &artifact->locator;
    size_t size = (size_t)locator->index_size;
    OWNED frame = NULL;
    enum sfx_error error = allocate(size, &frame, fault);
    if (error == SFX_OK)
        error = sfx_parts_read(&artifact->parts, frame, size, locator->index_offset, fault);
    if (error != SFX_OK)
        return error;
    if (!has_digest(frame, size, locator->index_digest))
        return fail_at(artifact, SFX_VERDICT_BAD_INDEX_DIGEST, "index", size, locator->index_offset, fault);
    uint64_t blocks_size = locator->index_offset - locator->locator_offset - SFX_LOCATOR_SIZE;
    error = open_index(frame, size, locator->index_raw_size, locator->platform, blocks_size, &artifact->index, fault);
    if (error == SFX_OK && size <= FRAME_KEPT) {
        artifact->frame = frame;
        frame = NULL;
    }
    return error;
}

/* Everything but the blocks. */
static enum sfx_error check_file(struct sfx_artifact *artifact, uint64_t at, bool with_front, struct sfx_fault *fault)
{
    uint64_t file_size = 0;
    enum sfx_error error = sfx_os_size(artifact->parts.files[0], &file_size, fault);
    if (error != SFX_OK)
        return error;
    if (file_size < SFX_LOCATOR_SIZE || at > file_size - SFX_LOCATOR_SIZE)
        return sfx_fail_format(fault, SFX_VERDICT_TRUNCATED, "%" PRIu64 " bytes", file_size);
    uint8_t record[SFX_LOCATOR_SIZE];
    error = sfx_parts_read(&artifact->parts, record, sizeof record, at, fault);
    if (error == SFX_OK)
        error = check_locator(record, at, &artifact->locator, fault);
    if (error == SFX_OK)
        error = check_size(artifact, file_size, fault);
    if (error == SFX_OK)
        error = sfx_parts_join(&artifact->parts, &artifact->locator, fault);
    if (error == SFX_OK && with_front)
        error = check_front(artifact, fault);
    return error == SFX_OK ? check_index(artifact, fault) : error;
}

enum sfx_error sfx_artifact_open(const char *path, uint64_t at, bool check_front, struct sfx_artifact *ret_artifact,
                                 struct sfx_fault *fault)
{
    *ret_artifact = (struct sfx_artifact){0};
    enum sfx_error error = sfx_parts_open(path, &ret_artifact->parts, fault);
    if (error == SFX_OK)
        error = check_file(ret_artifact, at, check_front, fault);
    if (error != SFX_OK)
        sfx_artifact_close(ret_artifact);
    return error;
}

void sfx_artifact_close(struct sfx_artifact *artifact)
{
    sfx_index_close(&artifact->index);
    sfx_parts_close(&artifact->parts);
    free(artifact->front);
    free(artifact->frame);
    *artifact = (struct sfx_artifact){0};
}

enum sfx_error sfx_artifact_read(const struct sfx_artifact *artifact, void *buffer, size_t size, uint64_t offset,
                                 struct sfx_fault *fault)
{
    const struct sfx_locator *locator = &artifact->locator;
    if (artifact->front != NULL && offset + size <= locator->locator_offset)
        memcpy(buffer, artifact->front + offset, size);
    else if (artifact->frame != NULL && offset >= locator->index_offset)
        memcpy(buffer, artifact->frame + (offset - locator->index_offset), size);
    else
        return sfx_parts_read(&artifact->parts, buffer, size, offset, fault);
    return SFX_OK;
}

enum sfx_error sfx_artifact_block(const struct sfx_artifact *artifact, uint32_t at, void *context,
                                  uint8_t *compressed, uint8_t *raw, struct sfx_fault *fault)
{
    struct sfx_block block = sfx_index_block(&artifact->index, at);
    /* Inside the file: the compressed sizes were summed and compared. */
    uint64_t offset = artifact->locator.locator_offset + SFX_LOCATOR_SIZE + artifact->index.block_offset[at];
    enum sfx_error error = sfx_parts_read(&artifact->parts, compressed, block.size, offset, fault);
    if (error != SFX_OK)
        return error;
    enum sfx_verdict verdict = SFX_VERDICT_OK;
    if (!has_digest(compressed, block.size, block.digest))
        verdict = SFX_VERDICT_BAD_BLOCK_DIGEST;
    else if (!sfx_frame_decompress(context, compressed, block.size, raw, block.raw_size))
        verdict = SFX_VERDICT_BAD_BLOCK_FRAME;
    if (verdict == SFX_VERDICT_OK)
        return SFX_OK;
    char what[32];
    (void)snprintf(what, sizeof what, "block %" PRIu32, at);
    return fail_at(artifact, verdict, what, block.size, offset, fault);
}

enum sfx_error sfx_manifest_open(const uint8_t *bytes, size_t size, struct sfx_index *ret_index,
                                 uint8_t ret_build[SFX_DIGEST_SIZE], struct sfx_fault *fault)
{
    *ret_index = (struct sfx_index){0};
    if (size < SFX_MANIFEST_SIZE)
        return sfx_fail_format(fault, SFX_VERDICT_TRUNCATED, "manifest of %zu bytes", size);
    struct sfx_manifest manifest;
    sfx_read_manifest(bytes, &manifest);
    if (memcmp(manifest.magic, SFX_MANIFEST_MAGIC, sizeof manifest.magic) != 0)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_MAGIC, "manifest");
    if (manifest.version != SFX_VERSION)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_VERSION, "manifest of version %u", (unsigned)manifest.version);
    if (!has_digest(bytes, SFX_MANIFEST_DIGEST_OFFSET, manifest.digest))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_LOCATOR_DIGEST, "manifest");
    if (sfx_platform_label(manifest.platform) == NULL)
        return sfx_fail_format(fault, SFX_VERDICT_BAD_PLATFORM, "platform %u", (unsigned)manifest.platform);
    if (!manifest.reserved_is_zero)
        return sfx_fail_format(fault, SFX_VERDICT_UNKNOWN_FEATURE, "manifest");
    const uint8_t *frame = bytes + SFX_MANIFEST_SIZE;
    size_t frame_size = size - SFX_MANIFEST_SIZE;
    if (manifest.index_size != frame_size)
        return sfx_fail_format(fault, manifest.index_size > frame_size ? SFX_VERDICT_TRUNCATED
                                                                       : SFX_VERDICT_TRAILING_BYTES, "manifest");
    if (!is_index_size(manifest.index_size, manifest.index_raw_size))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_EXTENT, "manifest");
    if (!has_digest(frame, frame_size, manifest.index_digest))
        return sfx_fail_format(fault, SFX_VERDICT_BAD_INDEX_DIGEST, "manifest");
    memcpy(ret_build, manifest.index_digest, SFX_DIGEST_SIZE);
    return open_index(frame, frame_size, manifest.index_raw_size, manifest.platform, UINT64_MAX, ret_index, fault);
}
