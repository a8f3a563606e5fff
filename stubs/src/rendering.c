#include "rendering.h"

#include <stdlib.h>

/* The arena is a list of chunks, not one block that grows: segments point into it while it grows. */
#define CHUNK_SIZE ((size_t)64 << 10)

struct chunk {
    struct chunk *next;      /* the one filled before */
    size_t capacity;
    size_t used;
    uint8_t bytes[];
};

struct sfx_rendering {
    struct sfx_segment *segments;
    size_t count;
    size_t capacity;
    uint64_t size;
    struct chunk *chunks;
    bool has_failed;
};

struct sfx_rendering *sfx_rendering_new(void)
{
    return calloc(1, sizeof(struct sfx_rendering));
}

/* All but the oldest chunk, which has the usual size and is enough for most files. */
static void free_chunks(struct sfx_rendering *rendering, bool keep_oldest)
{
    struct chunk *chunk = rendering->chunks;
    while (chunk != NULL && (chunk->next != NULL || !keep_oldest)) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    rendering->chunks = chunk;
    if (chunk != NULL)
        chunk->used = 0;
}

void sfx_rendering_free(struct sfx_rendering *rendering)
{
    if (rendering == NULL)
        return;
    free_chunks(rendering, false);
    free(rendering->segments);
    free(rendering);
}

const struct sfx_segment *sfx_rendering_segments(const struct sfx_rendering *rendering, size_t *ret_count,
                                                 uint64_t *ret_size)
{
    *ret_count = rendering->count;
    *ret_size = rendering->size;
    return rendering->segments;
}

void sfx_rendering_reset(struct sfx_rendering *rendering)
{
    free_chunks(rendering, true);
    rendering->count = 0;
    rendering->size = 0;
    rendering->has_failed = false;
}

bool sfx_rendering_has_failed(const struct sfx_rendering *rendering)
{
    return rendering->has_failed;
}

void sfx_rendering_add(struct sfx_rendering *rendering, const uint8_t *data, size_t size)
{
    if (size == 0 || rendering->has_failed)
        return;
    if (rendering->count == rendering->capacity) {
        size_t capacity = rendering->capacity == 0 ? 64 : rendering->capacity * 2;
        struct sfx_segment *grown = capacity <= SIZE_MAX / sizeof *grown
            ? realloc(rendering->segments, capacity * sizeof *grown)
            : NULL;
        if (grown == NULL) {
            rendering->has_failed = true;
            return;
        }
        rendering->segments = grown;
        rendering->capacity = capacity;
    }
    rendering->segments[rendering->count++] = (struct sfx_segment){data, size};
    rendering->size += size;
}

uint8_t *sfx_rendering_room(struct sfx_rendering *rendering, size_t size)
{
    struct chunk *chunk = rendering->chunks;
    if (chunk == NULL || size > chunk->capacity - chunk->used) {
        size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        struct chunk *new = capacity <= SIZE_MAX - sizeof *new ? malloc(sizeof *new + capacity) : NULL;
        if (new == NULL) {
            rendering->has_failed = true;
            return NULL;
        }
        *new = (struct chunk){.next = chunk, .capacity = capacity};
        rendering->chunks = chunk = new;
    }
    uint8_t *bytes = chunk->bytes + chunk->used;
    chunk->used += size;
    return bytes;
}

uint8_t *sfx_rendering_reserve(struct sfx_rendering *rendering, size_t size)
{
    uint8_t *bytes = sfx_rendering_room(rendering, size);
    if (bytes != NULL)
        sfx_rendering_add(rendering, bytes, size);
    return rendering->has_failed ? NULL : bytes;
}
