/* The files of an artifact as one stream; see parts.h. */
#include "parts.h"

#include <errno.h>
#include <inttypes.h>
#include <strings.h>

#include "digest.h"
#include "os.h"
#include "text.h"

/* Without `.exe` at its end. */
static int stem_size(const char *name)
{
    size_t size = strlen(name);
    bool is_exe = size > 4 && strcasecmp(name + size - 4, ".exe") == 0;
    return (int)(is_exe ? size - 4 : size);
}

/* Malloced, NULL without memory. The only place that knows how a part is called. */
static char *name_of(const struct sfx_parts *parts, uint32_t number)
{
    int digits = 2;
    for (uint32_t more = parts->count / 100; more > 0; more /= 10)
        digits++;
    const char *first = parts->linked ? parts->linked : parts->path;
    if (number > 0 && parts->is_sidecar)
        return sfx_print("%.*s.sfxdata", stem_size(first), first);
    return number == 0 ? sfx_print("%s", first) : sfx_print("%s.part%0*" PRIu32, first, digits, number);
}

static enum sfx_error no_memory(struct sfx_fault *fault)
{
    return sfx_fail(fault, SFX_ERROR_MEMORY, "out of memory");
}

static enum sfx_error as_bad_part(struct sfx_fault *fault)
{
    fault->verdict = SFX_VERDICT_BAD_PART;
    return fault->error;
}

enum sfx_error sfx_parts_open(const char *path, struct sfx_parts *ret_parts, struct sfx_fault *fault)
{
    *ret_parts = (struct sfx_parts){.path = path};
    enum sfx_error error = sfx_os_open_read(path, ret_parts->files, fault);
    ret_parts->opened = !error;
    return error;
}

void sfx_parts_close(struct sfx_parts *parts)
{
    for (unsigned i = 0; i < parts->opened; i++)
        sfx_os_closep(parts->files + i);
    free(parts->linked);
    *parts = (struct sfx_parts){0};
}

/* ---- Looking at the parts ---- */

static enum sfx_error open_part(const char *name, int *ret_fd, struct sfx_fault *fault)
{
    *ret_fd = -1;
    return sfx_os_open_read(name, ret_fd, fault);
}

static enum sfx_error fail_missing(const struct sfx_parts *parts, const char *name, struct sfx_fault *fault)
{
    if (parts->is_sidecar)
        sfx_fail(fault, SFX_ERROR_FORMAT, "%s is missing: it belongs beside %s, and is needed to install it", name, parts->path);
    else
        sfx_fail(fault, SFX_ERROR_FORMAT, "%s is missing: the parts (%" PRIu32 ") belong beside %s and begin with its name",
                 name, parts->count, parts->path);
    return as_bad_part(fault);
}

/* Part 1 says where all parts are: beside the file as it was called, else beside what that leads to. */
static enum sfx_error find_first(struct sfx_parts *parts, int *ret_fd, struct sfx_fault *fault)
{
    SFX_CLEAN_STRING char *name = name_of(parts, 1);
    SFX_CLEAN_STRING char *linked_name = NULL;
    if (!name)
        return no_memory(fault);
    enum sfx_error error = open_part(name, ret_fd, fault);
    if (!error || fault->os_error != ENOENT)
        return error;
    if (sfx_os_real_path(parts->path, &parts->linked) == 0) {
        linked_name = name_of(parts, 1);
        if (linked_name && open_part(linked_name, ret_fd, fault) == SFX_OK)
            return SFX_OK;
    }
    free(parts->linked);
    parts->linked = NULL;
    return fail_missing(parts, name, fault);
}

/* What NAME says of itself against what it must be: WANTED. */
static enum sfx_error check_record(const struct sfx_parts *parts, const char *name, const struct sfx_part *found,
                                   const struct sfx_part *wanted, struct sfx_fault *fault)
{
    if (!found->reserved_is_zero)
        return sfx_fail_format(fault, SFX_VERDICT_UNKNOWN_FEATURE, "%s", name);
    if (memcmp(found->index_digest, wanted->index_digest, SFX_DIGEST_SIZE) != 0)
        sfx_fail(fault, SFX_ERROR_FORMAT, "%s belongs to another build than %s", name, parts->path);
    else if (found->count != wanted->count)
        sfx_fail(fault, SFX_ERROR_FORMAT, "%s is one of %" PRIu32 " parts, but %s has %" PRIu32 ": take those that were made with it",
                 name, found->count, parts->path, wanted->count);
    else if (found->number != wanted->number)
        sfx_fail(fault, SFX_ERROR_FORMAT, "%s is part %" PRIu32 ", not %" PRIu32 ": the names of parts were exchanged", name,
                 found->number, wanted->number);
    else if (found->size != wanted->size)
        sfx_fail(fault, SFX_ERROR_FORMAT, "%s was split at other places than %s: take the parts that were made with it", name,
                 parts->path);
    else
        return SFX_OK;
    return as_bad_part(fault);
}

static enum sfx_error check_part(const struct sfx_parts *parts, int fd, const char *name, const struct sfx_part *wanted,
                                 struct sfx_fault *fault)
{
    uint8_t record[SFX_PART_SIZE];
    uint8_t digest[SFX_DIGEST_SIZE];
    struct sfx_part found;
    uint64_t size = 0;
    enum sfx_error error = sfx_os_size(fd, &size, fault);
    if (!error && size < sizeof record)
        return sfx_fail_format(fault, SFX_VERDICT_TRUNCATED, "%s", name);
    if (!error)
        error = sfx_os_pread(fd, record, sizeof record, 0, fault);
    if (error)
        return error;
    sfx_read_part(record, &found);
    sfx_digest(record, SFX_PART_DIGEST_OFFSET, digest);
    if (memcmp(found.magic, SFX_PART_MAGIC, sizeof found.magic) != 0 || found.version != SFX_VERSION ||
        memcmp(digest, found.digest, sizeof digest) != 0) {
        sfx_fail(fault, SFX_ERROR_FORMAT, "%s is damaged, or no part of an installer: copy it again", name);
        return as_bad_part(fault);
    }
    error = check_record(parts, name, &found, wanted, fault);
    if (error)
        return error;
    uint64_t whole = SFX_PART_SIZE + found.size;
    if (size < whole)
        return sfx_fail_format(fault, SFX_VERDICT_TRUNCATED, "%s: %" PRIu64 " of %" PRIu64 " bytes", name, size, whole);
    if (size > whole)
        return sfx_fail_format(fault, SFX_VERDICT_TRAILING_BYTES, "%s: %" PRIu64 " bytes too many", name, size - whole);
    return SFX_OK;
}

static enum sfx_error join_part(struct sfx_parts *parts, const struct sfx_part *wanted, struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    SFX_CLEAN_STRING char *name = NULL;
    enum sfx_error error = wanted->number == 1 ? find_first(parts, &fd, fault) : SFX_OK;
    if (error)
        return error;
    name = name_of(parts, wanted->number);
    if (!name)
        return no_memory(fault);
    if (wanted->number > 1)
        error = open_part(name, &fd, fault);
    if (error)
        return fault->os_error == ENOENT ? fail_missing(parts, name, fault) : error;
    error = check_part(parts, fd, name, wanted, fault);
    if (!error && parts->opened < SFX_PARTS_KEPT) {
        parts->files[parts->opened++] = fd;
        fd = -1;
    }
    return error;
}

enum sfx_error sfx_parts_join(struct sfx_parts *parts, const struct sfx_locator *locator, struct sfx_fault *fault)
{
    parts->count = locator->part_count;
    parts->first_size = locator->first_size;
    parts->part_size = locator->part_size;
    parts->is_sidecar = parts->count == 1 && sfx_platform_is_windows(locator->platform);
    struct sfx_part wanted = {.count = locator->part_count};
    memcpy(wanted.index_digest, locator->index_digest, SFX_DIGEST_SIZE);
    uint64_t left = locator->total_size - locator->first_size;
    enum sfx_error error = SFX_OK;
    while (!error && wanted.number < locator->part_count) {
        wanted.number++;
        wanted.size = left < locator->part_size ? left : locator->part_size;
        left -= wanted.size;
        error = join_part(parts, &wanted, fault);
    }
    return error;
}

/* ---- Reading ---- */

/* A place in a file and the bytes of the stream from there to its end. */
struct spot {
    uint32_t number;
    uint64_t offset;
    uint64_t left;
};

static struct spot spot_of(const struct sfx_parts *parts, uint64_t offset)
{
    if (parts->count == 0)
        return (struct spot){0, offset, UINT64_MAX - offset};
    if (offset < parts->first_size)
        return (struct spot){0, offset, parts->first_size - offset};
    uint64_t rest = offset - parts->first_size;
    uint64_t inside = rest % parts->part_size;
    return (struct spot){(uint32_t)(rest / parts->part_size) + 1, SFX_PART_SIZE + inside, parts->part_size - inside};
}

static enum sfx_error read_spot(const struct sfx_parts *parts, const struct spot *spot, void *buffer, size_t size,
                                struct sfx_fault *fault)
{
    __attribute__((cleanup(sfx_os_closep))) int fd = -1;
    if (spot->number == 0)
        return sfx_os_pread(parts->files[0], buffer, size, spot->offset, fault);
    SFX_CLEAN_STRING char *name = name_of(parts, spot->number);
    if (!name)
        return no_memory(fault);
    enum sfx_error error = spot->number < parts->opened ? SFX_OK : open_part(name, &fd, fault);
    if (error)
        return error;
    return sfx_os_pread(fd < 0 ? parts->files[spot->number] : fd, buffer, size, spot->offset, fault);
}

enum sfx_error sfx_parts_read(const struct sfx_parts *parts, void *buffer, size_t size, uint64_t offset, struct sfx_fault *fault)
{
    uint8_t *next = buffer;
    enum sfx_error error = SFX_OK;
    while (!error && size > 0) {
        struct spot spot = spot_of(parts, offset);
        size_t piece = size < spot.left ? size : (size_t)spot.left;
        error = read_spot(parts, &spot, next, piece, fault);
        next += piece;
        offset += piece;
        size -= piece;
    }
    return error;
}

char *sfx_parts_place(const struct sfx_parts *parts, size_t size, uint64_t offset)
{
    if (parts->count == 0)
        return sfx_print("at offset %" PRIu64, offset);
    struct spot spot = spot_of(parts, offset);
    uint32_t last = spot_of(parts, offset + size - 1).number;
    SFX_CLEAN_STRING char *name = name_of(parts, spot.number);
    SFX_CLEAN_STRING char *last_name = name_of(parts, last);
    if (!name || !last_name)
        return NULL;
    if (last == spot.number)
        return sfx_print("at offset %" PRIu64 " of %s", spot.offset, name);
    return sfx_print("from offset %" PRIu64 " of %s on, up to %s", spot.offset, name, last_name);
}
