/* Leaving out zeros; see holes.h. */
#include "holes.h"

#include "os.h"

#define STEP 65536u                      /* bytes looked at together: as much as one write costs */
#define SMALLEST 4096u                   /* of a hole; less at the edge of a step is not worth one */

static bool is_zero(const uint8_t *data, size_t size)
{
    return size >= SMALLEST && data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* At most SFX_STEP bytes. */
static int write_around(int fd, struct sfx_segment segment, uint64_t offset)
{
    size_t done = 0;                     /* what is written or left out */
    for (size_t at = 0, next; at < segment.size; at = next) {
        uint64_t rest = STEP - (offset + at) % STEP;
        next = rest < segment.size - at ? at + (size_t)rest : segment.size;
        bool hole = is_zero(segment.data + at, next - at);
        size_t end = hole ? at : next;
        if (end > done && (hole || next == segment.size)) {
            const struct sfx_segment part = {segment.data + done, end - done};
            int error = sfx_os_write_segments(fd, &part, 1, offset + done);
            if (error)
                return error;
        }
        if (hole)
            done = next;
    }
    return 0;
}

void sfx_holes_drop(struct sfx_bytes map, const uint8_t *data, size_t size)
{
    uintptr_t start = (uintptr_t)map.data;
    uintptr_t at = (uintptr_t)data;
    if (size == SFX_STEP && at >= start && at - start < map.size && map.size - (at - start) >= size)
        sfx_os_drop(data, size);
}

static int write_large(int fd, struct sfx_segment segment, uint64_t offset, struct sfx_bytes map)
{
    int error = 0;
    for (size_t done = 0; !error && done < segment.size;) {
        struct sfx_segment part = {segment.data + done, segment.size - done};
        part.size = part.size < SFX_STEP ? part.size : SFX_STEP;
        error = write_around(fd, part, offset + done);
        done += part.size;
        sfx_holes_drop(map, part.data, part.size);
    }
    return error;
}

/* Small segments go together. */
static int write_segments(int fd, const struct sfx_segment *segments, size_t count, uint64_t offset, struct sfx_bytes map)
{
    int error = 0;
    for (size_t i = 0, end; !error && i < count; i = end) {
        uint64_t size = 0;
        for (end = i; end < count && segments[end].size < STEP; end++)
            size += segments[end].size;
        if (end > i) {
            error = sfx_os_write_segments(fd, segments + i, end - i, offset);
        } else {
            size = segments[end].size;
            error = write_large(fd, segments[end++], offset, map);
        }
        offset += size;
    }
    return error;
}

int sfx_holes_write(int fd, const struct sfx_segment *segments, size_t count, uint64_t offset)
{
    return write_segments(fd, segments, count, offset, (struct sfx_bytes){NULL, 0});
}

int sfx_holes_write_all(int fd, const struct sfx_segment *segments, size_t count, struct sfx_bytes map)
{
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += segments[i].size;
    if (size < STEP)
        return sfx_os_write_segments(fd, segments, count, SFX_OS_APPEND);
    int error = write_segments(fd, segments, count, 0, map);
    return error ? error : sfx_os_truncate(fd, size);
}

int sfx_holes_copy(int from, int fd, uint8_t *buffer, size_t size)
{
    uint64_t done = 0;
    size_t got;
    for (;;) {
        int error = sfx_os_read(from, buffer, size, &got);
        if (error)
            return error;
        if (got == 0)
            return done < STEP ? 0 : sfx_os_truncate(fd, done);
        const struct sfx_segment part = {buffer, got};
        error = sfx_holes_write(fd, &part, 1, done);
        if (error)
            return error;
        done += got;
    }
}
