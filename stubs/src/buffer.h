/* Bytes that grow. After a lack of memory nothing more is added; the user asks has_failed once, at the end. */
#ifndef SFX_BUFFER_H
#define SFX_BUFFER_H

#include <stdlib.h>

#include "index.h"

struct sfx_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool has_failed;
};
#define SFX_BUFFER __attribute__((cleanup(sfx_buffer_free))) struct sfx_buffer

static inline void sfx_buffer_free(struct sfx_buffer *buffer)
{
    free(buffer->data);
}

static inline void sfx_buffer_add(struct sfx_buffer *buffer, const void *data, size_t size)
{
    if (size == 0 || buffer->has_failed)
        return;
    if (size > buffer->capacity - buffer->size) {
        size_t capacity = buffer->capacity < 128 ? 256 : buffer->capacity * 2;
        if (capacity - buffer->size < size)
            capacity = buffer->size + size;
        /* A doubling or a sum that wrapped is too small. */
        uint8_t *grown = capacity > buffer->size && capacity - buffer->size >= size ? realloc(buffer->data, capacity)
                                                                                    : NULL;
        if (grown == NULL) {
            buffer->has_failed = true;
            return;
        }
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

/* What it holds; never a null pointer. */
static inline struct sfx_bytes sfx_buffer_bytes(const struct sfx_buffer *buffer)
{
    static const uint8_t nothing[1];
    return (struct sfx_bytes){buffer->data != NULL ? buffer->data : nothing, buffer->size};
}

static inline void sfx_buffer_add_text(struct sfx_buffer *buffer, const char *text)
{
    sfx_buffer_add(buffer, text, strlen(text));
}

#endif
